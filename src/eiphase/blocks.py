"""How a run's steps are cut into blocks, each of which is measured before the next is computed."""

from itertools import pairwise

BLOCK_STEPS = 1000  # long against most lags, short enough for memory: numbers depend on it


def blocks(start: int, stop: int, length: int) -> list[slice]:
    """The steps from start to stop, cut at the multiples of a length."""
    edges = [start, *range((start // length + 1) * length, stop, length), stop]
    return [slice(*edge) for edge in pairwise(edges) if edge[0] < edge[1]]


def block_steps(max_lag: int) -> int:
    """Length of a block: `BLOCK_STEPS`, or as many of them as the largest lag needs."""
    return BLOCK_STEPS * max(1, -(-max_lag // BLOCK_STEPS))
