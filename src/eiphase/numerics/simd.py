"""Rows of float64 in the processor's vector registers, for the inner loops of the kernels.

Numba has no type for such a row: this module gives it one. Compiled code reads rows from
arrays of shape (n, `WIDTH`) made by `aligned`, adds them up in registers and writes the sum
back: in memory, each addition would wait for the one before to be stored.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from eiphase.numerics.arrays import aligned_empty

# How many numbers a row holds. Eight registers of AVX2, four of AVX-512: enough additions under
# way to hide that each takes a few cycles. Results do not depend on it.
WIDTH = 32


def aligned(n: int) -> np.ndarray:
    """Zeros of shape (n, `WIDTH`), each row at the start of a cache line."""
    rows = aligned_empty((n, WIDTH), "float64")
    rows[:] = 0
    return rows


def n_blocks(n: int) -> int:
    """How many rows hold n numbers."""
    return -(-n // WIDTH)


def columns_in_rows(matrix: np.ndarray) -> np.ndarray:
    """A matrix (m, n), a block of its rows after the other, in each block column by column.

    Row block * n + j of the result holds column j of the matrix within a block: entries
    matrix[block * WIDTH : (block + 1) * WIDTH, j], and zeros after the last.
    """
    m, n = matrix.shape
    rows = aligned(n_blocks(m) * n)
    for first in range(0, m, WIDTH):
        part = matrix[first : first + WIDTH]
        rows[first // WIDTH * n : (first // WIDTH + 1) * n, : len(part)] = part.T
    return rows


class _Row(types.Type):
    """`WIDTH` numbers in vector registers, inside compiled code only."""

    def __init__(self):
        super().__init__(name="Row")


_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_FMA = ir.FunctionType(_VECTOR, [_VECTOR] * 3)


@register_model(_Row)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager, row):
        super().__init__(manager, row, _VECTOR)


@intrinsic
def load_row(typing_context, array, i):
    """array[i]"""

    def code(context, builder, signature, arguments):
        return builder.load(_pointer(context, builder, signature, arguments), align=8)

    return _Row()(array, types.intp), code


@intrinsic
def store_row(typing_context, array, i, row):
    """array[i] = row"""

    def code(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature, arguments)
        builder.store(arguments[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, row), code


@intrinsic
def zero_row(typing_context):
    """A row of zeros."""

    def code(context, builder, signature, arguments):
        return context.get_constant_null(signature.return_type)

    return _Row()(), code


@intrinsic
def multiply_add(typing_context, factor, x, row):
    """factor * x + row for a number and two rows.

    Product and sum are rounded once, together: IEEE 754's fused multiply-add. A
    processor without that instruction computes the same, slowly.
    """

    def code(context, builder, signature, arguments):
        factor, x, row = arguments
        name = f"llvm.fma.v{WIDTH}f64"
        fma = builder.module.globals.get(name) or ir.Function(builder.module, _FMA, name)
        return builder.call(fma, [_repeated(builder, factor), x, row])

    return row(types.float64, x, row), code


def _pointer(context, builder, signature, arguments):
    """Code of a pointer to row i of an array, given both."""
    array_type, (array, i) = signature.args[0], arguments[:2]
    if array_type.layout != "C" or array_type.dtype != types.float64:
        raise TypeError("Rows are those of contiguous arrays of float64 only.")
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.mul(i, ir.Constant(i.type, WIDTH))
    return builder.bitcast(builder.gep(data, [first]), _VECTOR.as_pointer())


def _repeated(builder, number):
    """Code of a row that holds one number everywhere."""
    undefined, lane = ir.Constant(_VECTOR, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(undefined, number, lane(0))
    all_first = ir.Constant(ir.VectorType(lane, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, undefined, all_first)
