"""Runs a job so that it ends, says why, and leaves no process behind.

The job's foreground process is a supervisor, which does no work. The worker that it forks
does, in a session of its own. When that ends, or the supervisor is told to stop, or time
is up, the supervisor ends whatever is left. Linux only.
"""

import ctypes
import faulthandler
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from eiphase.errors import require_linux

# From Linux's sys/prctl.h.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
FAILED = 1  # exit code of a job that raised, or lost a process
TIMED_OUT = 124  # as of coreutils' timeout
_STOP_SIGNALS = tuple(  # those that there are: nothing is guarded on Windows, which has not all
    getattr(signal, name)
    for name in (
        "SIGTERM", "SIGINT", "SIGHUP",
        # What batch systems send as a warning that time is up, and a quota of processor time.
        "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM", "SIGXCPU",
    )
    if hasattr(signal, name)
)  # fmt: skip


class Stopped(BaseException):
    """A signal asked this process to end: `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(f"The job was stopped by {signal.Signals(number).name}.")
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` here when a signal comes that would end this process without a word.

    A signal that is ignored, as by nohup, stays ignored.
    """

    def stop(number: int, _: object) -> None:
        for other in previous:
            signal.signal(other, signal.SIG_IGN)  # one is enough: what tidies up is let finish
        raise Stopped(number)

    previous = {
        number: signal.signal(number, stop)
        for number in _STOP_SIGNALS
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def supervised(
    work: Callable[[], int],
    *,
    time_limit: float | None,
    meanwhile: AbstractContextManager | None = None,
) -> int:
    """Run `work` in a process of its own; returns its exit code, or why there is none.

    All processes that come from it are gone afterwards. On SIGTERM or another
    of `_STOP_SIGNALS` it ends them and returns 128 plus the signal's number, after `time_limit`
    seconds it ends them and returns `TIMED_OUT`. If this process itself is killed, the worker
    dies with it, and with the worker what Lava has started. `meanwhile` is entered here once the
    worker is forked, for what starts threads, such as a progress bar.

    Call it in the main thread. `work` sees this process as it is; what it changes, stays
    with it, except for files and shared memory.
    """
    require_linux()
    spared = _children()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children, not the system's
    try:
        with _signals_told() as told:
            supervisor = os.getpid()
            worker = os.fork()
            if worker == 0:
                _become_worker(supervisor, work)
            try:
                with meanwhile or nullcontext():
                    return _wait(worker, told, time_limit)
            finally:
                _end_children(spared)
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, 0)


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent ends; leave at once if it has ended."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(FAILED)


@contextmanager
def _signals_told() -> Iterator[int]:
    """A pipe that tells the number of each signal that comes, one byte each.

    A handler is called whichever thread the system gives a signal to: libraries have
    threads of their own. What is ignored, as by nohup, stays ignored.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    previous_pipe = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    previous = {
        number: signal.signal(number, lambda *_: None)
        for number in (signal.SIGCHLD, *_STOP_SIGNALS)
        if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield reading
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_pipe)
        os.close(reading)
        os.close(writing)


def _become_worker(supervisor: int, work: Callable[[], int]) -> None:
    """Never returns."""
    code = FAILED
    try:
        os.setsid()  # a Ctrl-C goes to the supervisor alone
        die_with_parent(supervisor)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, *_STOP_SIGNALS):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        faulthandler.enable(2)  # says where a model was that segfaults
        ended_with = work()
        sys.stdout.flush()
        sys.stderr.flush()
        code = ended_with
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
    finally:
        os._exit(code)  # without what would wait for threads or processes


def _wait(worker: int, told: int, time_limit: float | None) -> int:
    deadline = None if time_limit is None else time.monotonic() + time_limit
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            if code < 0:
                _say(f"The worker was killed by {signal.Signals(-code).name}.")
                return FAILED
            return code
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            _say(f"The job did not end within its time limit of {time_limit:g} s.")
            return TIMED_OUT
        if not select.select([told], [], [], left)[0]:
            continue
        for number in os.read(told, 1024):
            if number in _STOP_SIGNALS:
                _say(f"The job was stopped by {signal.Signals(number).name}.")
                return 128 + number


def _end_children(spared: set[int]) -> None:
    """Kill all descendants: orphans come to us, so that at last there is no child."""
    while children := _children() - spared:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            with suppress(ChildProcessError):  # the worker, if it has been waited for
                os.waitpid(pid, 0)


def _children() -> set[int]:
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in own.read_text(encoding="utf-8").split()}


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def _say(sentence: str) -> None:
    with suppress(OSError):  # a log that is lost must not change how the job ends
        print(f"eiphase: {sentence}", file=sys.stderr, flush=True)
