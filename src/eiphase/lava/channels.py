"""What Lava's channels are made of, without names that could stay behind in the system.

Lava's own are segments of shared memory and semaphores that are files in /dev/shm, the
semaphores for a moment only: who is killed in that moment leaves them. These here are
inherited by fork, and go with the processes that have them. Linux only.
"""

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any
from unittest import mock

import eiphase.lava.compatibility  # noqa: F401  before Lava's own modules

# isort: split
from lava.magma.compiler.channels import pypychannel
from lava.magma.runtime import runtime
from lava.magma.runtime.message_infrastructure import multiprocessing


@contextmanager
def unnamed_channels() -> Iterator[None]:
    """Channels that Lava makes meanwhile are of what is in this module."""
    with (
        mock.patch.object(multiprocessing, "SharedMemoryManager", _Memory),
        mock.patch.object(pypychannel, "Semaphore", _Semaphore),
        mock.patch.object(runtime, "Queue", _Queue),
    ):
        yield


class _Memory:
    """In place of Lava's `SharedMemoryManager`, which needs a process of its own, too."""

    def start(self) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def create_shared_memory(self, size: int) -> SimpleNamespace:
        return SimpleNamespace(buf=memoryview(mmap.mmap(-1, max(size, 1))))


_ONE = (1).to_bytes(8, sys.byteorder)  # a counter's number, as it is read and written


class _Semaphore:
    """In place of `multiprocessing.Semaphore`: a counter of the kernel's, as a descriptor."""

    def __init__(self, value: int) -> None:
        self._descriptor = os.eventfd(value, os.EFD_SEMAPHORE | os.EFD_CLOEXEC)

    def acquire(self) -> bool:
        # Waits until it is above 0, and takes 1. `os.eventfd_read` would raise where the process is
        # stopped and goes on (Ctrl-Z and fg, or a cluster that suspends jobs); this waits again.
        os.read(self._descriptor, 8)
        return True

    def release(self) -> None:
        os.write(self._descriptor, _ONE)

    def __del__(self) -> None:
        with suppress(AttributeError):  # of one that the system refused
            os.close(self._descriptor)


class _Queue:
    """In place of `multiprocessing.Queue`: from one process to another, one message long."""

    def __init__(self) -> None:
        self._reader, self._writer = Pipe(duplex=False)

    def put(self, message: Any) -> None:
        self._writer.send(message)

    def get(self) -> Any:
        return self._reader.recv()
