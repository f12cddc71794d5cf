"""eiphase's kernels alone, arrays in and arrays out like the peers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from networks import Networks, Simulate

import eiphase.networks.rate
from eiphase.networks import lif, loihi
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import ALIGNMENT, DECAY_BITS, LoihiParameters
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import keep_freed_memory


def rate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    keep_freed_memory()

    def simulate() -> Iterator[np.ndarray]:
        together = eiphase.networks.rate.LANES
        for first in range(0, len(networks), together):
            members = [
                Network(
                    n_neurons=networks.n_neurons,
                    q_factor=float(networks.q_factor[index]),
                    g_factor=float(networks.g_factor[index]),
                    seed=int(networks.seed),
                    step_size=float(networks.step_size),
                    bias=float(networks.bias),
                )
                for index in range(first, min(first + together, len(networks)))
            ]
            yield from eiphase.networks.rate.run(
                eiphase.networks.rate.Batch(networks.half, members), n_steps
            )

    return simulate


def lif_float(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    keep_freed_memory()

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            parameters = LIFParameters(
                weights=networks.lif_weights(index),
                du=networks.du,
                dv=networks.dv,
                vth=networks.threshold,
                bias=networks.lif_bias,
            )
            yield lif.run(parameters, n_steps).spikes

    return simulate


def lif_bit_accurate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    keep_freed_memory()

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            exponent, keep_u, keep_v, threshold, bias = map(int, networks.integers[index])
            parameters = LoihiParameters(
                weights=networks.stored_weights[index].astype(np.int32),
                weight_exponent=exponent,
                du=2**DECAY_BITS - 1 - keep_u,
                dv=2**DECAY_BITS - keep_v,
                vth=threshold >> ALIGNMENT,
                bias_mantissa=bias,
                bias_exponent=0,
            )
            yield loihi.run(parameters, n_steps).spikes

    return simulate
