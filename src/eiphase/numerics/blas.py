"""BLAS on one thread: the last bits of its sums depend on how many threads share them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from threadpoolctl import threadpool_limits


class _Limit:
    """The limit is the whole process's: the first caller sets it, and the last one lifts it."""

    def __init__(self) -> None:
        self._lock, self._n_callers = Lock(), 0

    def set(self) -> None:
        with self._lock:
            if self._n_callers == 0:
                self._limits = threadpool_limits(limits=1, user_api="blas")
            self._n_callers += 1

    def lift(self) -> None:
        with self._lock:
            self._n_callers -= 1
            if self._n_callers == 0:
                self._limits.restore_original_limits()


_LIMIT = _Limit()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS at one thread, inside `with` or as a decorator. It takes some milliseconds.

    Threads of Python can be inside at once, if the one that starts them is inside, too: only the
    thread that set the limit can lift it.
    """
    _LIMIT.set()
    try:
        yield
    finally:
        _LIMIT.lift()
