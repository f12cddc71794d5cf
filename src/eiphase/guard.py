"""Runs a job that uses Lava so that it ends, says why, and leaves nothing behind.

Lava waits for ever for a process of its own that dies, and what it forks outlives a
killed parent. So the job's foreground process is a supervisor, which does no work. The
worker that it forks does; if anything dies that should not, the worker says so and leaves
at once, and when it is gone the supervisor ends whatever it left. Linux only.
"""

import ctypes
import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

# From Linux's sys/prctl.h.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
FAILED = 1  # exit code of a job that raised, or lost a process
TIMED_OUT = 124  # as of coreutils' timeout
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def supervised(work: Callable[[], int], *, time_limit: float | None) -> int:
    """Run `work` in a process of its own; returns its exit code, or why there is none.

    All processes that come from it are gone afterwards. On SIGTERM, SIGINT or SIGHUP it
    ends them and returns 128 plus the signal's number, after `time_limit` seconds it ends
    them and returns `TIMED_OUT`. If this process itself is killed, they die with it.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children, not the system's
    waited_for = {signal.SIGCHLD, *_STOP_SIGNALS}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        _become_worker(supervisor, before, work)
    try:
        return _wait(worker, waited_for, time_limit)
    finally:
        _end_children()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_worker(supervisor: int, mask: set, work: Callable[[], int]) -> None:
    """Never returns."""
    code = FAILED
    try:
        os.setsid()  # a Ctrl-C goes to the supervisor alone
        _die_with_parent(supervisor)
        os.register_at_fork(after_in_child=lambda: _die_with_parent(None))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without the joins that would wait for what hangs


def _wait(worker: int, waited_for: set, time_limit: float | None) -> int:
    deadline = None if time_limit is None else time.monotonic() + time_limit
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            if code < 0:
                _say(f"The worker was killed by {signal.Signals(-code).name}.")
                return FAILED
            return code
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        if left <= 0:
            _say(f"The job did not end within its time limit of {time_limit:g} s.")
            return TIMED_OUT
        received = signal.sigtimedwait(waited_for, left)
        if received is not None and received.si_signo in _STOP_SIGNALS:
            number = signal.Signals(received.si_signo)
            _say(f"The job was stopped by {number.name}.")
            return 128 + number


def _end_children() -> None:
    """Kill all descendants: orphans come to us, so that at last there is no child."""
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    while children := own.read_text().split():
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        for pid in children:
            os.waitpid(int(pid), 0)


@contextmanager
def watched() -> Iterator[None]:
    """While a Lava Process runs: leave at once, and say why, if a process of Lava's ends.

    None is meant to, before it is told to stop. For processes of their own only, such as
    the worker of a job: the process that this is called in ends too.
    """

    def on_child(*_: object) -> None:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return
        how = f"exited with code {ended.si_status}"
        if ended.si_code != os.CLD_EXITED:
            how = f"was killed by {signal.Signals(ended.si_status).name}"
        _say(f"A process of Lava's (pid {ended.si_pid}) {how} during the simulation.")
        os._exit(FAILED)

    previous = signal.signal(signal.SIGCHLD, on_child)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, previous)


@contextmanager
def anonymous_channels() -> Iterator[None]:
    """Lava keeps its channels in memory that is inherited by fork and has no name.

    Its own way names them in the system's shared memory, where they stay if the processes
    that know of them are killed; and it needs one more process to look after them.
    """
    from lava.magma.runtime.message_infrastructure import multiprocessing

    with mock.patch.object(multiprocessing, "SharedMemoryManager", _AnonymousMemory):
        yield


class _AnonymousMemory:
    """In place of Lava's `SharedMemoryManager`."""

    def start(self) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def create_shared_memory(self, size: int) -> SimpleNamespace:
        return SimpleNamespace(buf=memoryview(mmap.mmap(-1, max(size, 1))))


def _die_with_parent(parent: int | None) -> None:
    """Ask the kernel for SIGKILL when the parent ends; leave at once if it has ended."""
    parent = os.getppid() if parent is None else parent
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(FAILED)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def _say(sentence: str) -> None:
    print(f"eiphase: {sentence}", file=sys.stderr, flush=True)
