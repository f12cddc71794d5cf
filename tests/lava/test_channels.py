"""What Lava's channels are made of."""

import os
import signal
import time
from pathlib import Path

import pytest

from eiphase.lava.channels import _Semaphore


def wait_until_it_sleeps(pid: int) -> None:
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < end
        time.sleep(0.01)


def waiting(semaphore: _Semaphore) -> int:
    """A process that acquires it, and hears of its children, as a run's process does; its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGCHLD, lambda *_: None)
            os.write(writer, b"!")
            code = 0 if semaphore.acquire() else 2
        finally:
            os._exit(code)
    os.read(reader, 1)
    wait_until_it_sleeps(pid)
    return pid


@pytest.mark.parametrize("stopped", [False, True])
def test_who_hears_of_a_child_that_is_stopped_still_waits(stopped):
    """As by Ctrl-Z and fg, or where a cluster suspends jobs: `os.eventfd_read` raises then."""
    semaphore = _Semaphore(0)
    pid = waiting(semaphore)
    for _ in range(3):
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCHLD)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.02)
        wait_until_it_sleeps(pid)  # nobody has released it yet
    semaphore.release()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_as_many_acquire_as_were_released():
    semaphore = _Semaphore(2)
    semaphore.release()
    assert all(semaphore.acquire() for _ in range(3))
    os.set_blocking(semaphore._descriptor, False)
    with pytest.raises(BlockingIOError):
        semaphore.acquire()
