"""Arithmetic of many networks in step: each number of one is a row of numbers, one a network.

A `row` is held in the processor's vector registers, which Numba has no type for: this
module gives it one, with as many numbers as `LANES`. Compiled code reads and writes rows of
arrays of shape (n, LANES) made by `aligned`.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

# Eight registers of AVX2, four of AVX-512: enough additions under way to hide that each
# takes a few cycles. Results do not depend on it.
LANES = 32
# Rows of this many columns' factors fit into the processor's first cache (20 kB).
COLUMNS_PER_BLOCK = 80
_CACHE_LINE = 64  # bytes; a vector that crosses two lines takes twice as long to load


class SparseRows(NamedTuple):
    """A matrix [post, pre] without its zeros, as `add_product` reads it.

    Blocks of columns one after the other; in each, row by row, with columns ascending.
    """

    ends: np.ndarray  # (block, post), where each row of each block ends
    columns: np.ndarray  # (entry,)
    values: np.ndarray  # (entry,)


def sparse_rows(matrix: np.ndarray) -> SparseRows:
    """A square matrix without its zeros."""
    return SparseRows(*_sparse_rows(matrix, np.count_nonzero(matrix)))


@njit(cache=True)
def _sparse_rows(matrix, n_entries):
    n = len(matrix)
    n_blocks = (n + COLUMNS_PER_BLOCK - 1) // COLUMNS_PER_BLOCK
    ends = np.empty((n_blocks, n), np.int64)
    columns = np.empty(n_entries, np.uint32)
    values = np.empty(n_entries)
    entry = 0
    for block in range(n_blocks):
        first = block * COLUMNS_PER_BLOCK
        for i in range(n):
            for j in range(first, min(first + COLUMNS_PER_BLOCK, n)):
                if matrix[i, j] != 0:
                    columns[entry] = j
                    values[entry] = matrix[i, j]
                    entry += 1
            ends[block, i] = entry
    return ends, columns, values


def aligned(n: int) -> np.ndarray:
    """Zeros of shape (n, LANES), each row at the start of a cache line."""
    spare = _CACHE_LINE // 8
    memory = np.zeros(n * LANES + spare)
    first = -(memory.ctypes.data // 8) % spare
    return memory[first : first + n * LANES].reshape(n, LANES)


@njit(cache=True)
def add_product(ends, columns, values, x, total):
    """total += matrix @ x for a matrix as `SparseRows`; x and total (n, LANES), finite.

    Each number of `total` takes its products in ascending order of j, by a fused
    multiply-add: product and sum are rounded once, together, as IEEE 754 defines it. (A
    processor without that instruction computes the same, slowly.) So a lane's bits depend
    neither on the other lanes nor on the blocks. Products with zero would change nothing.
    """
    n_blocks, n = ends.shape
    start = 0
    for block in range(n_blocks):
        for i in range(n):
            row = load_row(total, i)
            for entry in range(start, ends[block, i]):
                row = multiply_add(values[entry], load_row(x, columns[entry]), row)
            store_row(total, i, row)
            start = ends[block, i]


class _Row(types.Type):
    """LANES numbers in vector registers, inside compiled code only."""

    def __init__(self):
        super().__init__(name="Row")


_row = _Row()
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


@register_model(_Row)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _VECTOR)


@intrinsic
def load_row(typing_context, array, i):
    """array[i]"""

    def code(context, builder, signature, arguments):
        pointer = _row_pointer(context, builder, signature, arguments)
        return builder.load(pointer, align=8)

    return _row(array, types.intp), code


@intrinsic
def store_row(typing_context, array, i, row):
    """array[i] = row"""

    def code(context, builder, signature, arguments):
        pointer = _row_pointer(context, builder, signature, arguments)
        builder.store(arguments[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, _row), code


@intrinsic
def multiply_add(typing_context, factor, x, row):
    """factor * x + row, rounded once, for a number and two rows."""

    def code(context, builder, signature, arguments):
        factor, x, row = arguments
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, factor, ir.IntType(32)(0))
        all_first = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        factors = builder.shuffle_vector(first, undefined, all_first)
        name, kind = f"llvm.fma.v{LANES}f64", ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        fma = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(fma, [factors, x, row])

    return _row(types.float64, _row, _row), code


def _row_pointer(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    offset = builder.mul(arguments[1], ir.Constant(arguments[1].type, LANES))
    return builder.bitcast(builder.gep(array.data, [offset]), _VECTOR.as_pointer())
