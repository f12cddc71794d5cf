"""How a small perturbation of LIF neurons in floating point grows along their trajectory."""

from dataclasses import dataclass

import numpy as np

from eiphase.networks.lif import LIFParameters, Recording, integrate
from eiphase.numerics.arrays import columns_of
from eiphase.numerics.jit import njit

SEED = 0  # of the direction in which the perturbation starts
SIZE = 1e-5  # thresholds, Euclidean length over all currents, voltages and inputs


def log_growth(parameters: LIFParameters, recording: Recording) -> np.ndarray:
    r"""Growth of a small perturbation in each step, $\ln (|\delta(t+1)| / |\delta(t)|)$.

    A twin of the network, with u + δu, v + δv and the input a + δa, runs beside it from rest:

    $$\delta u \leftarrow (1 - du)\, \delta u + \delta a, \qquad
      \delta v \leftarrow v' - v, \qquad \delta a \leftarrow W (s' - s)$$

    where v' and s' are the twin's voltages and spikes by the same rules as v and s. After each
    step the difference is set back to the length `SIZE` in its own direction, as Benettin
    et al. do for nearby trajectories [1]. It starts in a random direction; give it a burn-in
    before its growth is averaged by `lyapunov.exponent`. -inf where it becomes zero. Returns
    shape (time,).

    What it says: between spikes the difference shrinks, by 1 - dv per step where a neuron
    stays silent, by 1 - du or faster where all fire, for a reset forgets the voltage. It grows
    only where one of the two fires alone, and the smaller it is, the rarer that happens:
    infinitely small perturbations die out also where the activity is irregular ("stable
    chaos" [2]), while those beyond some finite length grow [3], and a single spike may change
    all others (see `damage`). So the exponent depends on `SIZE`; read it as local stability,
    not as absence of chaos.

    Only the difference is computed, from what the network did: this costs less than the
    network itself, and loses no digits. `Difference` does the same in blocks of steps.

    A twin that has been set back is close to the network, also in how long it still rests
    after a spike: a neuron of it rests where the network's does.

    [1] Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 9 and 21 (1980).
    [2] Zillmer, Livi, Politi & Torcini, Phys. Rev. E 74, 036203 (2006).
    [3] Monteforte & Wolf, Phys. Rev. X 2, 041007 (2012).
    """
    return Difference.of(parameters).log_growth(recording)


@dataclass(frozen=True, eq=False)
class Difference:
    """A perturbed twin's difference to its network between two steps; it changes in place."""

    parameters: LIFParameters
    columns: np.ndarray  # of the weights, padded: see `arrays.columns_of`
    current: np.ndarray  # (neuron,)
    voltage: np.ndarray
    input: np.ndarray
    network_voltage: np.ndarray
    network_resting: np.ndarray  # steps, as in `lif.State`

    @classmethod
    def of(cls, parameters: LIFParameters) -> "Difference":
        """The difference of a twin that is perturbed at rest, in a random direction."""
        n = len(parameters.weights)
        start = np.random.RandomState(SEED).standard_normal((2, n))
        start *= SIZE * parameters.vth / np.sqrt(np.square(start).sum())
        columns = columns_of(parameters.weights)
        resting = np.zeros(n, np.int32)
        d_u, d_v = start
        return cls(parameters, columns, d_u, d_v, np.zeros(n), np.zeros(n), resting)

    def log_growth(self, recording: Recording) -> np.ndarray:
        """Growth in each of the network's next steps, (time,)."""
        p = self.parameters
        found = np.empty(len(recording.spikes))
        _log_growth(
            self.columns,
            float(p.du),
            float(p.dv),
            float(p.vth),
            float(p.bias),
            np.int32(p.refractory_steps),
            *recording,
            SIZE * p.vth,
            self.current,
            self.voltage,
            self.input,
            self.network_voltage,
            self.network_resting,
            found,
        )
        return found


@njit(cache=True)
def _log_growth(
    columns, du, dv, vth, bias, refractory, spikes, current, voltage, size, d_u, d_v, d_a, before,
    resting, found,
):  # fmt: skip
    n_steps, n = spikes.shape
    for t in range(n_steps):
        d_input = np.zeros(n)
        for i in range(n):
            d_u[i] = d_u[i] * (1 - du) + d_a[i]
            # The network's voltage before its reset is not recorded, so it is made again.
            integrated = integrate(before[i], current[t, i], dv, bias, refractory, resting[i])
            change = d_v[i] if resting[i] > 0 else d_v[i] * (1 - dv) + d_u[i]
            resting[i] = refractory if spikes[t, i] == 1 else max(resting[i] - 1, 0)
            fires = integrated + change > vth
            if fires == (spikes[t, i] == 1):
                d_v[i] = 0.0 if fires else change
            else:  # only one of the two fires: the rare event by which distances can grow
                d_v[i] = (0.0 if fires else integrated + change) - voltage[t, i]
                column = columns[i, :n]
                d_input += column if fires else -column
        d_a[:] = d_input
        before[:] = voltage[t]
        squares = 0.0
        for i in range(n):
            squares += d_u[i] * d_u[i] + d_v[i] * d_v[i] + d_a[i] * d_a[i]
        length = np.sqrt(squares)
        found[t] = np.log(length / size)
        # Back to its size: a growing distance would soon be no small one.
        if length > 0:
            for i in range(n):
                d_u[i] *= size / length
                d_v[i] *= size / length
                d_a[i] *= size / length
