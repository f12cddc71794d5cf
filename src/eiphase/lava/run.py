"""Runs a Lava Process to its end, and ends when one of Lava's own processes dies.

Lava runs every ProcessModel, and a runtime service beside them, in an operating-system
process each. It waits for ever for one that dies, keeps to itself what a model raises, and
leaves the others behind when its own process is killed. Here they are watched, tell what
they raised, and die with their parent.

One network runs at a time in a process. To tell that a process of Lava's has died takes a main
thread, which receives signals: another thread's run has one in a process of its own.
"""

import mmap
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import eiphase.lava.compatibility  # noqa: F401  before Lava's own modules

# isort: split
from multiprocessing import Process, current_process
from multiprocessing.context import ForkProcess

from lava.magma.core.process.process import AbstractProcess, ProcessServer
from lava.magma.core.process.variable import VarServer
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import RunConfig
from lava.magma.runtime.message_infrastructure import multiprocessing

from eiphase.errors import LavaError
from eiphase.lava.channels import unnamed_channels
from eiphase.system.supervisor import FAILED, die_with_parent

_TRACEBACK_BYTES = 65536
ONE_AT_A_TIME = threading.RLock()
"""Held while a network is made ready and runs: what threads do meanwhile, a fork would cut off."""
# A process that is forked while another thread holds it has no such thread.
os.register_at_fork(after_in_child=ONE_AT_A_TIME._at_fork_reinit)  # type: ignore[attr-defined]


def run(process: AbstractProcess, *, n_steps: int, run_config: RunConfig) -> None:
    """Run a Process, with all that it is connected to, for some steps, and stop it.

    Raises `LavaError`, with the model's own traceback, if a model raises or calls
    `sys.exit`, and one sentence if a process of Lava's ends in another way; none of them
    is left then. A Process can be run once. Threads wait for each other.
    """
    with ONE_AT_A_TIME:
        if threading.current_thread() is threading.main_thread():
            _run_here(process, n_steps, run_config)
            return
        alone = _Forked(target=_run_here, args=(process, n_steps, run_config))
        alone.start()
        alone.join()
        _forget(process)
        if alone.exitcode:
            raise LavaError(alone.told or f"A process of Lava's {_how(alone.exitcode)}.")


def _run_here(process: AbstractProcess, n_steps: int, run_config: RunConfig) -> None:
    actors = _Actors()
    try:
        with unnamed_channels(), actors.in_place_of_lavas():
            with _without_pandas():
                executable = process.compile(run_config)
            with actors.watched(may_end=False):
                process.create_runtime(executable=executable)
                process.run(RunSteps(num_steps=n_steps))
            with actors.watched(may_end=True):
                process.stop()
    except BaseException as error:
        actors.end()
        if process.runtime is not None:
            process.runtime.join()
            process.runtime._is_started = False  # else it waits for its service when deleted
        if text := getattr(error, "trace", None):  # of a model's `__init__`, set by Lava
            raise LavaError(f"A model failed:\n{text.rstrip()}") from None
        raise
    finally:
        _forget(process)


@contextmanager
def _without_pandas() -> Iterator[None]:
    """Where pandas is not imported yet, it cannot be here: that would take 0.2 s for nothing.

    Lava keeps its Processes in networkx's graphs, and networkx asks first whether what it makes
    a graph of is one of pandas' tables.
    """
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)
            yield
    finally:
        del sys.modules["pandas"]


def _forget(process: AbstractProcess) -> None:
    """Take Processes and Vars from Lava's list of all that ever were, which keeps their memory."""
    runtime = process.runtime

    def stays(one: AbstractProcess) -> bool:
        return one is not process and (runtime is None or one.runtime is not runtime)

    processes, variables = ProcessServer(), VarServer()
    processes.processes = [one for one in processes.processes if stays(one)]
    variables.vars = [one for one in variables.vars if not one.process or stays(one.process)]


class _Actors:
    """The processes that Lava has started for one run, and has not yet waited for."""

    def __init__(self) -> None:
        self.running: list[_Actor] = []
        self._may_end = False

    @contextmanager
    def in_place_of_lavas(self) -> Iterator[None]:
        """Have Lava start its processes here."""

        def actor(**options) -> _Actor:
            return _Actor(self, **options)

        with mock.patch.object(multiprocessing, "SystemProcess", actor):
            yield

    @contextmanager
    def watched(self, *, may_end: bool) -> Iterator[None]:
        """Raise as soon as an actor fails or, before it `may_end`, ends at all."""
        self._may_end = may_end
        previous = signal.signal(signal.SIGCHLD, lambda *_: self.check())
        try:
            yield
        finally:
            signal.signal(signal.SIGCHLD, previous)

    def check(self) -> None:
        for actor in self.running:
            actor.check(may_end=self._may_end)

    def end(self) -> None:
        while self.running:
            self.running.pop().end()


class _Forked(Process):
    """A process that is forked, whatever the start method, and from a pool's workers, too.

    It dies with its parent and tells what it raised.
    """

    _Popen = staticmethod(ForkProcess._Popen)  # type: ignore[assignment]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._parent = os.getpid()
        self._raised = mmap.mmap(-1, _TRACEBACK_BYTES)  # shared, without a name

    def start(self) -> None:
        # Workers of pools may have no children, for they could leave them behind: not these.
        with mock.patch.dict(current_process()._config, daemon=False):  # type: ignore[attr-defined]
            super().start()

    def run(self) -> None:
        """Never returns."""
        die_with_parent(self._parent)
        code = FAILED
        try:
            Process.run(self)  # Lava's would send the exception, if it can
            code = 0
        except LavaError as error:
            self._raised.write(str(error).encode()[-_TRACEBACK_BYTES:])
        except BaseException:  # SystemExit too: others would wait for a model that leaves
            self._raised.write(traceback.format_exc().encode()[-_TRACEBACK_BYTES:])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # without what would wait for threads of the parent's

    @property
    def told(self) -> str:
        """What it raised, if anything."""
        return self._raised[:].rstrip(b"\0").decode(errors="replace").rstrip()


class _Actor(_Forked, multiprocessing.SystemProcess):
    """A process of Lava's.

    The parent looks how it ended whenever a child has ended (SIGCHLD), and where Lava
    waits for it or may just have done so: the signal alone could come too late to see.
    """

    def __init__(self, actors: _Actors, **options) -> None:
        builder = options["kwargs"]["builder"]
        what = getattr(builder, "proc_model", None) or builder.rs_class
        super().__init__(**options, name=what.__name__)
        self._actors = actors

    def start(self) -> None:
        self._actors.running.append(self)
        super().start()
        self._actors.check()

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent to answer
        super().run()

    def join(self, timeout: float | None = None) -> None:
        if self in self._actors.running:
            Process.join(self)
            self.check(may_end=True)
            self._actors.running.remove(self)
            self._raised.close()
        super().join()

    def check(self, *, may_end: bool) -> None:
        code = self.exitcode
        if code is None or (code == 0 and may_end):
            return
        if self.told:
            raise LavaError(f"{self.name} failed:\n{self.told}")
        raise LavaError(
            f"Lava's process {self.name} (pid {self.pid}) {_how(code)} during the simulation."
        )

    def end(self) -> None:
        if self.pid is not None:
            self.kill()
            super().join()


def _how(code: int) -> str:
    """How a process has ended, by its exit code."""
    if code >= 0:
        return f"exited with code {code}"
    hint = ", as by the system when memory runs out," if code == -signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-code).name}{hint}"
