"""Dynamic range of currents and voltages that come in blocks, in one pass and bounded memory."""

import numpy as np

from eiphase.mapping.float_to_integer import RANGE_QUANTILES, DynamicRange
from eiphase.networks.lif import Recording
from eiphase.numerics.histogram import Quantiles


class RangeOfStates:
    """The dynamic range of a LIF network, from its recording in blocks."""

    def __init__(self, n_steps: int, n_neurons: int):
        self._current, self._voltage = (Quantiles(n_steps * n_neurons) for _ in range(2))

    def add(self, current: np.ndarray, voltage: np.ndarray) -> None:
        """Take in the next steps, each (time, neuron)."""
        self._current.add(current)
        self._voltage.add(voltage)

    def found(self) -> DynamicRange:
        """The `RANGE_QUANTILES` over all neurons and steps, and the extremes."""
        current, voltage = (part.found(RANGE_QUANTILES) for part in (self._current, self._voltage))
        current_low, current_high = current.quantiles
        voltage_low, voltage_high = voltage.quantiles
        return DynamicRange(
            current_low,
            current_high,
            voltage_low,
            voltage_high,
            current_minimum=current.minimum,
            current_maximum=current.maximum,
            voltage_minimum=voltage.minimum,
        )


def dynamic_range(recording: Recording) -> DynamicRange:
    """The dynamic range of all steps at once."""
    ranges = RangeOfStates(*recording.current.shape)
    ranges.add(recording.current, recording.voltage)
    return ranges.found()
