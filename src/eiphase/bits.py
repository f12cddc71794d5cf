"""Words of 64 bits in compiled code, by the processor's own instructions for them."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from eiphase import vectors

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
def nonzero(typing_context, row, first):
    """Which of row[first : first + 64], bytes, are not 0, as bits of a word, the lowest first."""

    def code(context, builder, signature, arguments):
        numbers = _word_of(context, builder, signature, arguments)
        found = builder.icmp_unsigned("!=", numbers, numbers.type(None))
        return builder.bitcast(found, ir.IntType(WORD))

    return types.uint64(row, types.intp), code


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
        limits = vectors.repeated(builder, arguments[2], numbers.type)
        found = builder.fcmp_ordered(operator, numbers, limits)
        return builder.bitcast(found, ir.IntType(WORD))

    return code


def _word_of(context, builder, signature, arguments):
    """64 numbers of an array from a place on, as one vector."""
    array_type = signature.args[0]
    vector = ir.VectorType(context.get_value_type(array_type.dtype), WORD)
    row, first = arguments[:2]
    pointer = vectors.pointer_to(context, builder, array_type, row, first, vector)
    return builder.load(pointer, align=array_type.dtype.bitwidth // 8)
