"""JAX: a scan over time under a vmap over networks, compiled for the processor."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"

# isort: split
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import erf
from networks import Networks, Simulate

BATCH = 64
STATE_LIMIT = 2**23  # of currents and voltages in Loihi's 24 bits
DECAY_BITS = 12
ALIGNMENT = 6  # left shift of synaptic input


def rate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """r ← (1 - dr) r + b + M y,  y = dr gain erf(r)."""
    _configure(cache)
    dr, bias = networks.step_size, networks.bias
    half = jnp.asarray(networks.half)

    def trajectory(gain: jax.Array) -> jax.Array:
        def step(r: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            r = (1 - dr) * r + bias + half @ (gain * erf(r))
            return r, r

        return lax.scan(step, jnp.zeros(networks.n_neurons), length=n_steps)[1]

    return _batches(trajectory, lambda some: (dr * networks.column_gains(some),), networks)


def lif_float(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """u ← u (1 - du) + M y;  v ← v (1 - dv) + u + bias;  s = [v > threshold];  v ← 0 where s.

    y = gain s, so that networks share M: one product of matrices, zeros of s included.
    """
    _configure(cache)
    du, dv, bias = networks.du, networks.dv, networks.lif_bias
    half = jnp.asarray(networks.half)

    def spikes(gain: jax.Array) -> jax.Array:
        def step(state: tuple[jax.Array, ...], _: None) -> tuple:
            u, v, fired = state
            u = u * (1 - du) + half @ (gain * fired)
            v = v * (1 - dv) + u + bias
            fired = v > networks.threshold
            return (u, jnp.where(fired, 0.0, v), fired), fired

        zeros = jnp.zeros(networks.n_neurons)
        return lax.scan(step, (zeros, zeros, zeros > 0), length=n_steps)[1]

    def gains(some: slice) -> tuple[np.ndarray]:
        scale = networks.weight_scale[some] * du
        return (scale[:, None] * networks.column_gains(some),)

    return _batches(spikes, gains, networks)


def lif_bit_accurate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """The same in Loihi's integers.

    Sums of weights stay below 2**24, so that single precision holds them exactly.
    """
    _configure(cache)

    def spikes(weights: jax.Array, integers: jax.Array) -> jax.Array:
        exponent, keep_u, keep_v, threshold, bias = integers

        def step(state: tuple[jax.Array, ...], _: None) -> tuple:
            u, v, fired = state
            a = (weights @ fired.astype(jnp.float32)).astype(jnp.int64)
            u = _decayed(u, keep_u) + (a << (exponent + ALIGNMENT))
            u = jnp.where(u > STATE_LIMIT, u - 2 * STATE_LIMIT, u)
            u = jnp.where(u <= -STATE_LIMIT, u + 2 * STATE_LIMIT, u)
            v = jnp.clip(_decayed(v, keep_v) + u + bias, 1 - STATE_LIMIT, STATE_LIMIT - 1)
            fired = v > threshold
            return (u, jnp.where(fired, 0, v), fired), fired

        zeros = jnp.zeros(networks.n_neurons, jnp.int64)
        return lax.scan(step, (zeros, zeros, zeros > 0), length=n_steps)[1]

    def parameters(some: slice) -> tuple[np.ndarray, np.ndarray]:
        return networks.stored_weights[some].astype(np.float32), networks.integers[some]

    return _batches(spikes, parameters, networks)


def _configure(cache: Path) -> None:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _batches(
    one: Callable[..., jax.Array],
    arguments: Callable[[slice], tuple[np.ndarray, ...]],
    networks: Networks,
) -> Simulate:
    """Simulates `one` network from its `arguments`, `BATCH` of them at once."""
    together = jax.jit(jax.vmap(one, out_axes=1))

    def simulate() -> Iterator[np.ndarray]:
        for first in range(0, len(networks), BATCH):
            recordings = np.asarray(together(*arguments(slice(first, first + BATCH))))
            for lane in range(recordings.shape[1]):
                yield recordings[:, lane]

    return simulate


def _decayed(x: jax.Array, keep: jax.Array) -> jax.Array:
    """x keep / 2**12, rounded towards zero."""
    return jnp.sign(x) * ((jnp.abs(x) * keep) >> DECAY_BITS)
