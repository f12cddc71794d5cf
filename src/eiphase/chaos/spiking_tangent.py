r"""How an infinitely small perturbation grows in LIF networks, along exact spike times.

In a network that is simulated in steps, perturbations shrink as currents and voltages leak, and no
exponent tells chaos. So this follows the network in continuous time that those steps approximate.
With time in steps, $\dot u = -du\, u$ and $\dot v = -dv\, v + u + b$ between events. From a spike
on, v is 0 for the refractory period. One step after a spike of neuron j, $u_i$ grows by $W_{ij}$.
"""

from dataclasses import dataclass

import numpy as np

from eiphase.networks.lif import LIFParameters, State
from eiphase.numerics.arrays import columns_of
from eiphase.numerics.jit import njit

SEED = 0  # of the direction in which the perturbation starts
_LEAST_SLOPE = 1e-9  # of a voltage that only just reaches the threshold, thresholds per step


@dataclass(frozen=True, eq=False)
class Tangent:
    r"""A LIF network in continuous time with a tangent vector, between two steps.

    The vector follows the flow, and jumps at events [1]. A perturbed neuron j fires later by

    $$\sigma_j = -\delta v_j / \dot v_j$$

    From its release on, $\delta v_j = -\sigma_j \dot v_j$ with $\dot v_j$ then, and where the spike
    arrives,

    $$\delta v_i \leftarrow \delta v_i - W_{ij} \sigma_j, \qquad
      \delta u_i \leftarrow \delta u_i + du\, W_{ij} \sigma_j$$

    unless neuron i rests, whose δv stays 0. A shift of all times neither grows nor shrinks, so
    the largest exponent is not below 0. It is 0 where perturbations only shift spikes, and
    positive in chaos [2, 3].

    What is neglected: a voltage that exceeds the threshold and returns below it within one step.
    From a step on in which a neuron fires twice, growth is infinite: more is not resolved.

    [1] Mueller, Chaos Solitons Fractals 5, 1671 (1995). [2] Monteforte & Wolf, Phys. Rev.
    Lett. 105, 268104 (2010). [3] Zhou, Rangan, Sun & Cai, Phys. Rev. E 80, 031918 (2009).
    """

    parameters: LIFParameters
    columns: np.ndarray  # of the weights, padded: see `arrays.columns_of`
    neurons: np.ndarray  # (5, neuron): u, v, δu, δv, and steps until a neuron is released
    spikes: np.ndarray  # (3, neuron): neuron, time in the last step and σ, in order of time
    n_spikes: np.ndarray  # (1,): how many there were; -1 after a neuron has fired twice
    delays: np.ndarray  # (neuron,): σ of neurons that rest

    @classmethod
    def of(cls, parameters: LIFParameters, state: State) -> "Tangent":
        """A vector in a random direction; what is on its way in `state` arrives at once."""
        n = len(parameters.weights)
        neurons = np.zeros((5, n))
        neurons[0] = state.current + state.input[:n]
        neurons[1], neurons[4] = state.voltage, state.resting
        neurons[2:4] = np.random.RandomState(SEED).standard_normal((2, n))
        neurons[2] *= parameters.dv
        neurons[2:4] /= np.sqrt(np.square(neurons[2:4]).sum())
        columns = columns_of(parameters.weights)
        return cls(
            parameters, columns, neurons, np.zeros((3, n)), np.zeros(1, np.int64), np.zeros(n)
        )

    def log_growth(self, n_steps: int) -> np.ndarray:
        """Growth of the vector's length in each of the next steps, (time,)."""
        p = self.parameters
        found = np.empty(n_steps)
        _log_growth(
            self.columns,
            float(p.du),
            float(p.dv),
            float(p.vth),
            float(p.bias),
            float(p.refractory_steps),
            self.neurons,
            self.spikes,
            self.n_spikes,
            self.delays,
            found,
        )
        return found


@njit(cache=True)
def _log_growth(
    columns, du, dv, vth, bias, refractory, neurons, spikes, n_spikes, delays, found
):  # fmt: skip
    u, v, d_u, d_v, rest = neurons
    n, n_fired = len(u), n_spikes[0]
    # What spikes add to u, v, δu, δv by the step's end.
    to_u, to_v, to_d_u, to_d_v = np.zeros((4, columns.shape[1]))
    fired = np.empty((3, n))
    keep_u, keep_v, u_to_v = np.exp(-du), np.exp(-dv), _gain(du, dv, 1.0)
    drive = bias * -np.expm1(-dv) / dv if dv > 0 else bias
    for t in range(len(found)):
        if n_fired < 0:
            found[t] = np.inf
            continue
        for sums in (to_u, to_v, to_d_u, to_d_v):
            sums[:] = 0.0
        for k in range(n_fired):
            left, delay = 1 - spikes[1, k], spikes[2, k]
            gain, decay = _gain(du, dv, left), np.exp(-du * left)
            d_gain, d_decay = delay * (du * gain - np.exp(-dv * left)), delay * du * decay
            column = columns[int(spikes[0, k])]
            for i in range(len(column)):  # two at a time, else LLVM does not use vectors
                to_u[i] += column[i] * decay
                to_v[i] += column[i] * gain
            for i in range(len(column)):
                to_d_u[i] += column[i] * d_decay
                to_d_v[i] += column[i] * d_gain
        n_now, twice = 0, False
        for i in range(n):
            end = v[i] * keep_v + u[i] * u_to_v + drive + to_v[i]
            if end <= vth and rest[i] <= 0:
                v[i] = end
                d_v[i] = d_v[i] * keep_v + d_u[i] * u_to_v + to_d_v[i]
            elif rest[i] >= 1:
                rest[i] -= 1
            else:
                time, again = _through_events(
                    i, columns, du, dv, vth, bias, refractory, neurons, spikes, n_fired, delays
                )
                twice |= again
                if time >= 0:
                    fired[0, n_now], fired[1, n_now], fired[2, n_now] = i, time, delays[i]
                    n_now += 1
            u[i] = u[i] * keep_u + to_u[i]
            d_u[i] = d_u[i] * keep_u + to_d_u[i]
        order = np.argsort(fired[1, :n_now])
        squares = 0.0
        for i in range(n):
            squares += d_u[i] * d_u[i] + d_v[i] * d_v[i]
            if rest[i] > 0:
                squares += (delays[i] * dv * vth) ** 2
        length = np.sqrt(squares)
        found[t] = np.inf if twice else np.log(length)
        d_u /= length
        d_v /= length
        delays /= length
        n_fired = -1 if twice else n_now
        for k in range(n_now):
            spikes[0, k], spikes[1, k] = fired[0, order[k]], fired[1, order[k]]
            spikes[2, k] = fired[2, order[k]] / length
    n_spikes[0] = n_fired


@njit(cache=True)
def _gain(du, dv, time):
    """The voltage that a current of 1 gives within a time."""
    if abs(du - dv) < 1e-9:
        return time * np.exp(-dv * time)
    return (np.exp(-dv * time) - np.exp(-du * time)) / (du - dv)


@njit(cache=True)
def _through_events(
    i, columns, du, dv, vth, bias, refractory, neurons, spikes, n_fired, delays
):  # fmt: skip
    """One step of a neuron that fires or is released in it; when it fires, and whether twice.

    Goes from arrival to arrival, with terms up to the third order of the times in between.
    """
    u, v, d_u, d_v, rest = neurons[:, i]
    now, fired_at, k = 0.0, -1.0, 0
    while True:
        arrival = spikes[1, k] if k < n_fired else 1.0
        is_resting, crosses = rest > now, False
        time = (min(arrival, rest) if is_resting else arrival) - now
        if not is_resting:
            slope = u + bias - dv * v
            bend = -dv * slope - du * u
            third = (-dv * bend + du * du * u) / 6
            end = v + time * (slope + time * (bend / 2 + time * third))
            crosses = end > vth
            if crosses:
                low = 0.0
                for _ in range(24):
                    middle = (low + time) / 2
                    if v + middle * (slope + middle * (bend / 2 + middle * third)) > vth:
                        time = middle
                    else:
                        low = middle
                end = vth
            d_slope = d_u - dv * d_v
            d_v += time * (d_slope - time * (dv * d_slope + du * d_u) / 2)
            v = end
        now = arrival if time == arrival - now else now + time
        decay = 1 - du * time * (1 - du * time / 2 * (1 - du * time / 3))
        u *= decay
        d_u *= decay
        if crosses:
            if fired_at >= 0:
                return fired_at, True
            fired_at, delays[i] = now, -d_v / max(u + bias - dv * vth, _LEAST_SLOPE * vth)
            v, d_v, rest = 0.0, 0.0, now + refractory
        if (crosses and refractory == 0) or (is_resting and now >= rest):  # it is released
            d_v, rest = -delays[i] * (u + bias), 0.0
        if now == arrival:
            if k == n_fired:
                break
            weight, delay = columns[int(spikes[0, k]), i], spikes[2, k]
            u += weight
            d_u += du * weight * delay
            if rest <= now:
                d_v -= weight * delay
            k += 1
    neurons[1, i], neurons[3, i], neurons[4, i] = v, d_v, max(rest - 1, 0.0)
    return fired_at, False
