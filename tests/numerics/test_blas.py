"""BLAS on one thread, wanted by several threads of Python at once."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from eiphase.numerics.blas import one_thread


def n_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_a_thread_that_is_done_does_not_lift_the_limit_from_others():
    np.linalg.solve(np.eye(2), np.ones(2))  # BLAS is there
    seen = []

    @one_thread()
    def other():
        seen.append(n_threads())

    with threadpool_limits(limits=2, user_api="blas"):
        if n_threads() == {1}:
            pytest.fail("This BLAS cannot have two threads.")
        with one_thread():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(10)  # it does not wait for this one
            seen.append(n_threads())
        assert seen == [{1}, {1}]
        assert n_threads() == {2}
