"""BLAS on one thread: the last bits of its sums depend on how many threads share them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from threadpoolctl import threadpool_limits

# The limit is the whole process's: a caller that is done must not lift it from another.
_LIMITED = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS at one thread, inside `with` or as a decorator. It takes some milliseconds."""
    with _LIMITED, threadpool_limits(limits=1, user_api="blas"):
        yield
