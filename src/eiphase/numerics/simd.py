"""Rows of numbers in the processor's vector registers, for the inner loops of the kernels.

Numba has no type for such a row: this module gives it one. Compiled code reads rows from
arrays of shape (n, width) made by `aligned`, adds them up in registers and writes the sum
back: in memory, each addition would wait for the one before to be stored.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from eiphase.numerics import simd
from eiphase.numerics.arrays import aligned_empty

# Eight registers of AVX2, four of AVX-512: enough additions under way to hide that each
# takes a few cycles. Results do not depend on it.
ROW_BYTES = 256


def width(dtype: str) -> int:
    """How many numbers a row holds."""
    return ROW_BYTES // np.dtype(dtype).itemsize


def aligned(n: int, dtype: str) -> np.ndarray:
    """Zeros of shape (n, width), each row at the start of a cache line."""
    rows = aligned_empty((n, width(dtype)), dtype)
    rows[:] = 0
    return rows


def n_blocks(n: int, dtype: str) -> int:
    """How many rows hold n numbers."""
    return -(-n // width(dtype))


def columns_in_rows(matrix: np.ndarray, dtype: str) -> np.ndarray:
    """A matrix (m, n), a block of its rows after the other, in each block column by column.

    Row block * n + j of the result holds column j of the matrix within a block: entries
    matrix[block * width : (block + 1) * width, j], and zeros after the last.
    """
    (m, n), w = matrix.shape, width(dtype)
    rows = aligned(n_blocks(m, dtype) * n, dtype)
    for first in range(0, m, w):
        part = matrix[first : first + w]
        rows[first // w * n : (first // w + 1) * n, : len(part)] = part.T
    return rows


class _Row(types.Type):
    """ROW_BYTES of numbers in vector registers, inside compiled code only."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.width = ROW_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Row({dtype})")


@register_model(_Row)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager, row):
        vector = ir.VectorType(manager[row.dtype].get_value_type(), row.width)
        super().__init__(manager, row, vector)


@intrinsic
def load_row(typing_context, array, i):
    """array[i]"""

    def code(context, builder, signature, arguments):
        return builder.load(_pointer(context, builder, signature, arguments), align=8)

    return _Row(array.dtype)(array, types.intp), code


@intrinsic
def store_row(typing_context, array, i, row):
    """array[i] = row"""

    def code(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature, arguments)
        builder.store(arguments[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, row), code


@intrinsic
def zero_row(typing_context, array):
    """A row of zeros, of the type of array's rows."""

    def code(context, builder, signature, arguments):
        return context.get_constant_null(signature.return_type)

    return _Row(array.dtype)(array), code


@intrinsic
def lesser(typing_context, a, b):
    """a where it is less than b, of float64, else b, number by number."""
    return a(a, b), _chosen("<")


@intrinsic
def greater(typing_context, a, b):
    """a where it is greater than b, of float64, else b, number by number."""
    return a(a, b), _chosen(">")


def _chosen(operator):
    def code(context, builder, signature, arguments):
        return builder.select(builder.fcmp_ordered(operator, *arguments), *arguments)

    return code


@intrinsic
def multiply_add(typing_context, factor, x, row):
    """factor * x + row for a number and two rows of float64.

    Product and sum are rounded once, together: IEEE 754's fused multiply-add. A
    processor without that instruction computes the same, slowly.
    """

    def code(context, builder, signature, arguments):
        factor, x, row = arguments
        name, kind = f"llvm.fma.v{x.type.count}f64", ir.FunctionType(x.type, [x.type] * 3)
        fma = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(fma, [repeated(builder, factor, x.type), x, row])

    return row(types.float64, x, row), code


def _pointer(context, builder, signature, arguments):
    """To a row."""
    row_type = _Row(signature.args[0].dtype)
    first = builder.mul(arguments[1], ir.Constant(arguments[1].type, row_type.width))
    vector = context.get_value_type(row_type)
    return pointer_to(context, builder, signature.args[0], arguments[0], first, vector)


def pointer_to(context, builder, array_type, array, first, vector):
    """Code of a pointer to a vector: the numbers of an array from `first` on."""
    if array_type.layout != "C":
        raise TypeError("Vectors are those of contiguous arrays only.")
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [first]), vector.as_pointer())


def repeated(builder, number, vector):
    """Code of a vector that holds one number everywhere."""
    undefined, lane = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(undefined, number, lane(0))
    all_first = ir.Constant(ir.VectorType(lane, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, all_first)


WORD = 64  # bits
ALL = np.uint64(2**WORD - 1)


@intrinsic
def ones(typing_context, word):
    """How many of a word's bits are 1."""

    def code(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), code


@intrinsic
def first_one(typing_context, word):
    """The place of the lowest bit that is 1; of a word that has one."""

    def code(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), code


@intrinsic
def at_least(typing_context, values, first, limit):
    """Which of values[first : first + 64], of float64, are not below a limit; NaN is not."""
    return types.uint64(values, types.intp, types.float64), _compared(">=")


@intrinsic
def above(typing_context, values, first, limit):
    """Which of values[first : first + 64], of float64, are above a limit; NaN is not."""
    return types.uint64(values, types.intp, types.float64), _compared(">")


def _compared(operator):
    def code(context, builder, signature, arguments):
        numbers = _word_of(context, builder, signature, arguments)
        limits = simd.repeated(builder, arguments[2], numbers.type)
        found = builder.fcmp_ordered(operator, numbers, limits)
        return builder.bitcast(found, ir.IntType(WORD))

    return code


def _word_of(context, builder, signature, arguments):
    """64 numbers of an array from a place on, as one vector."""
    array_type = signature.args[0]
    vector = ir.VectorType(context.get_value_type(array_type.dtype), WORD)
    row, first = arguments[:2]
    pointer = simd.pointer_to(context, builder, array_type, row, first, vector)
    return builder.load(pointer, align=array_type.dtype.bitwidth // 8)
