"""Runs a Lava Process to its end, and ends when one of Lava's own processes dies.

Lava runs every ProcessModel, and a runtime service beside them, in an operating-system
process each. It waits for ever for one that dies, keeps to itself what a model raises, and
leaves the others behind when its own process is killed. Here they are watched, tell what
they raised, and die with their parent.
"""

import mmap
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Process
from unittest import mock

import eiphase.lava_compatibility  # noqa: F401  before Lava's own modules

# isort: split
from lava.magma.core.process.process import AbstractProcess, ProcessServer
from lava.magma.core.process.variable import VarServer
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import RunConfig
from lava.magma.runtime.message_infrastructure import multiprocessing
from lava.magma.runtime.runtime import Runtime

from eiphase.guard import FAILED, LavaError, die_with_parent
from eiphase.lava_channels import unnamed_channels

_TRACEBACK_BYTES = 65536


def run(process: AbstractProcess, *, n_steps: int, run_config: RunConfig) -> None:
    """Run a Process, with all that it is connected to, for some steps, and stop it.

    Raises `LavaError`, with the model's own traceback, if a model raises or calls
    `sys.exit`, and one sentence if a process of Lava's ends in another way; none of them
    is left then. A Process can be run once. Lava is watched in a program's main thread
    only, for signals are received there.
    """
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
        _forget(process.runtime)


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


def _forget(runtime: Runtime | None) -> None:
    """Lava lists all Processes and Vars that there ever were: with those, their memory stays."""
    processes, variables = ProcessServer(), VarServer()
    if runtime is not None:
        processes.processes = [one for one in processes.processes if one.runtime is not runtime]
        variables.vars = [
            one for one in variables.vars if not one.process or one.process.runtime is not runtime
        ]


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
        if threading.current_thread() is not threading.main_thread():
            yield
            return
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


class _Actor(multiprocessing.SystemProcess):
    """A process of Lava's that dies with its parent and tells what it raised.

    The parent looks how it ended whenever a child has ended (SIGCHLD), and where Lava
    waits for it or may just have done so: the signal alone could come too late to see.
    """

    def __init__(self, actors: _Actors, **options) -> None:
        builder = options["kwargs"]["builder"]
        what = getattr(builder, "proc_model", None) or builder.rs_class
        super().__init__(**options, name=what.__name__)
        self._actors = actors
        self._raised = mmap.mmap(-1, _TRACEBACK_BYTES)  # shared, without a name

    def start(self) -> None:
        self._actors.running.append(self)
        super().start()
        self._actors.check()

    def run(self) -> None:
        die_with_parent(self._parent_pid)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent to answer
        try:
            Process.run(self)  # Lava's would send the exception, if it can
        except BaseException:  # SystemExit too: others would wait for a model that leaves
            self._raised.write(traceback.format_exc().encode()[-_TRACEBACK_BYTES:])
            sys.exit(FAILED)

    def join(self) -> None:
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
        text = self._raised[:].rstrip(b"\0").decode(errors="replace").rstrip()
        if text:
            raise LavaError(f"{self.name} failed:\n{text}")
        how = f"exited with code {code}" if code >= 0 else _killed_by(-code)
        raise LavaError(f"Lava's process {self.name} (pid {self.pid}) {how} during the simulation.")

    def end(self) -> None:
        if self.pid is not None:
            self.kill()
            super().join()


def _killed_by(number: int) -> str:
    hint = ", as by the system when memory runs out," if number == signal.SIGKILL else ""
    return f"was killed by {signal.Signals(number).name}{hint}"
