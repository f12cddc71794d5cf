"""BLAS on one thread, wanted by several threads of Python at once."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from eiphase.numerics.blas import one_thread


def n_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_whoever_is_done_first_does_not_lift_the_limit_from_others():
    np.linalg.solve(np.eye(2), np.ones(2))  # BLAS is there
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_thread():
            inside.set()
            leave.wait(10)

    with threadpool_limits(limits=2, user_api="blas"):
        if n_threads() == {1}:
            pytest.fail("This BLAS cannot have two threads.")
        thread = threading.Thread(target=other)
        with one_thread():
            thread.start()
            assert inside.wait(10)  # two callers at once
        assert n_threads() == {1}
        leave.set()
        thread.join()
        assert n_threads() == {2}
