"""What flags of datasets say: why a number is, or is not, one to use.

Imports nothing: whoever only reads datasets needs no kernels.
"""

from enum import IntEnum


class Flag(IntEnum):
    """Why an observable is, or is not, a number that one can use."""

    OK = 0
    CENSORED = 1  # the autocovariance does not fall below c(0)/e within the largest lag
    UNDEFINED = 2  # nothing fluctuates, or less and less: the network settles
    BROKEN = 3  # activity is not finite, or the mapping gives no network
    TRANSIENT = 4  # activity is not stationary, but does not settle either
    SATURATED = 5  # nearly all neurons are silent or fire in every step


class StepLimited(IntEnum):
    """Whether the length of a step decides how often the most active neurons fire."""

    NO = 0
    YES = 1


class ExponentFlag(IntEnum):
    """Why an exponent is, or is not, a number."""

    OK = 0
    VANISHED = 1  # the perturbation became exactly zero: it shrinks faster than can be said
    BROKEN = 2  # activity is not finite, or the mapping gives no network
    UNRESOLVED = 3  # neurons fire more than once in a step: no spike times to follow


class Fate(IntEnum):
    """What has become of a perturbation at the end of the run."""

    HEALED = 0  # network and twin have become equal, after each trial
    CONFINED = 1  # they differ, but spike trains little, and not more and more
    SPREAD = 2  # spike trains differ about as much as independent ones
    UNDECIDED = 3  # they differ little as yet, but more and more
    BROKEN = 4  # activity is not finite, or the mapping gives no network


class Quality(IntEnum):
    """Whether a network's errors can be relied on."""

    OK = 0
    SHORT = 1  # the run lasts too few decay times
    SEVERAL_STATES = 2  # other initial states lead to other activity
    UNKNOWN = 3  # there is no c(0) or no error of it


class Stopped(IntEnum):
    """Why a simulation ended."""

    LENGTH = 0  # it has the length that was asked for
    PRECISE = 1  # c(0) and decay time are known as well as was asked for
    SETTLED = 2  # no state fluctuates for good, or none can
    LONGEST = 3  # it was not to be longer


class ScaleStatus(IntEnum):
    """How the weight scale of a rate-to-LIF mapping came about."""

    SOLVED = 0  # the mapping's equation holds
    UNCHANGED = 1  # the solver gave its start back, which does not solve the equation
    NOT_SOLVED = 2  # the solver stopped somewhere that does not solve the equation
    NOT_POSITIVE = 3  # the solver's result is not positive: the weights stay as they are
    IDENTITY = 4  # no equation: weights stay as they are by choice
    STRONGEST = 5  # rate neurons couple more strongly than LIF neurons can: the strongest


class Phase(IntEnum):
    """What a network does in the long run."""

    FIXED_POINT = 0
    OSCILLATION = 1
    CHAOS = 2
    SATURATED = 3
    SILENT = 4
    BROKEN = 5
    UNDECIDED = 6
    SENSITIVE = 7  # spiking networks: the effect of one extra spike spreads
    REGULAR = 8  # spiking networks: spikes at regular intervals, and the effect does not spread
    IRREGULAR = 9  # spiking networks: activity fluctuates, and the effect does not spread


class Crossing(IntEnum):
    """What a scan along q_factor says of the border."""

    RISE = 0  # one change, from negative to positive
    FALL = 1  # one change, from positive to negative
    SEVERAL = 2  # more than one; the first rise is given
    POSITIVE = 3  # everywhere: the border, if there is one, lies outside of the range
    NEGATIVE = 4  # everywhere
    UNKNOWN = 5  # fewer than two points are defined


class Refined(IntEnum):
    """What further points near a border gave."""

    REACHED = 0  # the border is known to the wanted precision
    NO_CHANGE = 1  # there is none to refine
    STOPPED = 2  # the quantity is not defined in the middle of where the border is
