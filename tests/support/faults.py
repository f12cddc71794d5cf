"""What can go wrong with a job, and what is to come of it: `make faults` prints tables.

Each fault of the first table is met by a job of its own, as the command line runs it
(`faulty_job.py`), with both kinds of model. The second table gathers `ROWS` of each `faults_*.py`
beside this file: a fault's name, and a function that meets it in an empty folder, raises
`AssertionError` if what comes of it is wrong, and returns what was said. The exit code is 1 if any
row of either table is not as it should be.
"""

import importlib
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

import netCDF4
import numpy as np
import warm
from faulty_job import CONTROL_GROUP

from eiphase.flags import Flag

SWEEP = """
network: {neurons: 20}
grid: {q_factor: [6.0], g_factor: [5.0]}
seeds: [1]
backends: [rate, lif_float]
mapping: {rate_to_lif: identity}
simulation: {steps: 300, burn_in: 100, max_lag: 50}
"""
SOON = 10.0  # seconds until a fault must have been reported, on a busy machine too
RANDOM_KILLS = 100
BACKENDS = {"tile": "rate", "network": "lif_float"}  # of each kind of model, unless said


class Job:
    """A running command in a folder of its own, which all of its processes stay in."""

    def __init__(
        self, folder: Path, *command: str | Path, time_limit: float = 60, asked: bool = False
    ):
        self.folder = folder
        (folder / "tmp").mkdir(exist_ok=True)
        (folder / "results").mkdir(exist_ok=True)
        (folder / "sweep.yaml").write_text(SWEEP)
        self._segments = _segments()
        self._time_limit = time_limit
        self.process = subprocess.Popen(
            command, cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
        self._apart = {str(self.process.pid)} if asked else set()  # who only asks for the job
        self.pids: dict[str, int] = {}
        self.fault_at = time.monotonic()  # or as the job says, or when it is struck from outside
        self._struck = False

    @classmethod
    def with_fault(
        cls, folder: Path, kind: str, backend: str, inside: str, time_limit: float = 60
    ) -> "Job":
        """A job of `faulty_job.py`, forked from a process that has imported everything."""
        server = warm.server()
        server.wait()
        command = (*server.command("faulty_job"), kind, backend, inside, str(time_limit))
        return cls(folder, *command, time_limit=time_limit, asked=True)

    def await_role(self, role: str) -> None:
        """Wait until the job has said that this process of it runs."""
        while role not in self.pids:
            self._heard(self.process.stdout.readline())

    def _heard(self, line: str) -> None:
        if not line:
            raise EOFError(f"The job has ended: {self.process.stderr.read()}")
        name, pid, at = line.split()
        self.pids[name] = int(pid)
        if not self._struck:
            self.fault_at = float(at)

    def strike(self, blow: Callable[["Job"], object]) -> None:
        """Do something to it from outside."""
        self._struck, self.fault_at = True, time.monotonic()
        blow(self)

    def end(self, *, expected: bool) -> "Outcome":
        """Wait for the end, and look what has stayed. A file is expected of a good job."""
        said, log = self.process.communicate(timeout=self._time_limit + 30)
        ended = time.monotonic()
        for line in said.splitlines():
            with suppress(ValueError):  # Lava prints, too
                self._heard(line)
        inputs = {"sweep.yaml", *(["results/tile.nc"] if expected else [])}
        files = (p.relative_to(self.folder) for p in self.folder.rglob("*") if p.is_file())
        return Outcome(
            code=self.process.returncode,
            seconds=ended - self.fault_at,
            log=log,
            processes=self._left(),
            segments=sorted(_abandoned(_segments() - self._segments)),
            files=sorted({str(path) for path in files} - inputs),
        )

    def _left(self) -> list[str]:
        """Processes that are still there shortly after the end."""
        deadline = time.monotonic() + 5
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def processes(self) -> list[str]:
        return [pid for pid in processes_within(self.folder) if pid not in self._apart]


def processes_within(folder: Path) -> list[str]:
    """Process ids of all that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append(entry.name)
    return found


_OWNER = Path("/proc/self").owner()


def _segments() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir() if path.owner() == _OWNER}


def _abandoned(segments: set[str]) -> set[str]:
    """Without those that a running process has, which is then no job of ours."""
    if not segments:
        return segments
    maps = []
    for path in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            maps.append(path.read_text())
    used = {name for name in segments if any(f"/dev/shm/{name}" in text for text in maps)}
    return {name for name in segments - used if Path("/dev/shm", name).exists()}


@dataclass
class Outcome:
    """What came of a job, and what it has left."""

    code: int
    seconds: float  # since the fault
    log: str
    processes: list[str]
    segments: list[str]
    files: list[str]

    def left(self) -> list[str]:
        return [*self.processes, *self.segments, *self.files]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong inside the job, or is done to it from outside."""

    name: str
    code: int
    message: str
    inside: str = "wait"  # of faulty_job.FAULTS
    outside: Callable[[Job], object] | None = None
    time_limit: float = 60
    backends: Mapping[str, str] = field(default_factory=lambda: BACKENDS)

    def wrong(self, outcome: Outcome) -> list[str]:
        """In what the outcome is not as it should be; nothing if it is."""
        found = []
        if outcome.code != self.code:
            found.append(f"exit code {outcome.code}, not {self.code}: {outcome.log}")
        if self.message not in outcome.log:
            found.append(f"the log lacks {self.message!r}: {outcome.log}")
        if outcome.seconds > SOON + (self.time_limit if self.code == 124 else 0):
            found.append(f"took {outcome.seconds:.1f} s")
        if outcome.left():
            found.append(f"left {outcome.left()}")
        return found

    def meet(self, folder: Path, kind: str) -> Outcome:
        job = Job.with_fault(folder, kind, self.backends[kind], self.inside, self.time_limit)
        if self.outside is not None:
            job.await_role("service")
            job.await_role("model")
            job.strike(self.outside)
        return job.end(expected=self.code == 0)


def _kill(*victims: str) -> Callable[[Job], None]:
    def kill(job: Job) -> None:
        for victim in victims:
            os.kill(job.pids[victim], signal.SIGKILL)

    return kill


def _kill_all(job: Job) -> None:
    _kill_pids(job.processes(), job)


def _kill_pids(pids: list[str], _: Job) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _signal(number: int, *, group: bool) -> Callable[[Job], None]:
    return lambda job: (os.killpg if group else os.kill)(job.pids["supervisor"], number)


_DIED = "during the simulation"
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_WARNINGS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGALRM, signal.SIGXCPU)
_NAN = [{"tile": "rate", "network": "rate"}, {"tile": "lif_float"}]

FAULTS = [
    Fault("none", 0, "", "none"),
    Fault("model raises in the run", 1, "ZeroDivisionError: division by zero", "raise"),
    Fault("model raises in __init__", 1, "ZeroDivisionError: division by zero", "init:raise"),
    Fault("sys.exit in the run", 1, "SystemExit: 3", "exit"),
    Fault("sys.exit in __init__", 1, "SystemExit: 3", "init:exit"),
    Fault("exit(0) of a library in the run", 1, "exited with code 0 " + _DIED, "leave"),
    Fault("segmentation fault in the run", 1, "was killed by SIGSEGV " + _DIED, "segfault"),
    Fault("segmentation fault in __init__", 1, "was killed by SIGSEGV", "init:segfault"),
    Fault("kill -9 of the model in the run", 1, "was killed by SIGKILL", outside=_kill("model")),
    Fault("kill -9 of the model at its start", 1, "was killed by SIGKILL", "init:kill"),
    Fault("kill -9 of Lava's runtime service", 1, "RuntimeService", outside=_kill("service")),
    Fault("kill -9 of the worker", 1, "worker was killed by SIGKILL", outside=_kill("worker")),
    Fault("kill -9 of the supervisor", -9, "", outside=_kill("supervisor")),
    Fault("kill -9 of everything at once", -9, "", outside=_kill_all),
    Fault("endless loop", 124, "time limit of 6 s", "loop", time_limit=6),
    Fault("SIGSTOP of the model", 124, "time limit of 6 s", "stop", time_limit=6),
    Fault("out of memory (RLIMIT_AS)", 1, "MemoryError: Unable to allocate", "memory"),
    *(
        Fault(
            f"{number.name} to the {'group of the job' if group else 'job'}",
            128 + number,
            f"The job was stopped by {number.name}",
            outside=_signal(number, group=group),
        )
        for number in _STOPS
        for group in (False, True)
    ),
    *(
        Fault(
            f"{number.name} to the job",
            128 + number,
            f"The job was stopped by {number.name}",
            outside=_signal(number, group=False),
            backends={"tile": "rate"},
        )
        for number in _WARNINGS
    ),
    Fault("output beyond RLIMIT_FSIZE", 1, "results/tile.nc: File too large.", "file_size"),
    *(Fault("states become NaN", 0, "", "nan", backends=backends) for backends in _NAN),
]


def result(folder: Path) -> dict[str, np.ndarray]:
    """All variables of the tile that a job has written."""
    with netCDF4.Dataset(folder / "results/tile.nc") as file:
        file.set_auto_mask(False)
        return {name: variable[:] for name, variable in file.variables.items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


def is_broken(folder: Path) -> bool:
    found = result(folder)
    return (found["c0_flag"] == Flag.BROKEN).all() and (
        found["decay_time_flag"] == Flag.BROKEN
    ).all()


@dataclass(frozen=True)
class Kill:
    """What came of a job of which one process, or all, were killed."""

    outcome: Outcome
    of_supervisor: bool

    def wrong(self) -> list[str]:
        """In what it is not as it should be; nothing if it is.

        A job that nobody of is left cannot tidy up what it was writing: the next one does.
        """
        outcome, found = self.outcome, []
        if not self.of_supervisor and outcome.code not in (0, 1):
            found.append(f"exit code {outcome.code}: {outcome.log}")
        if outcome.code == 1 and "killed by SIGKILL" not in outcome.log:
            found.append(f"no reason is given: {outcome.log}")
        if outcome.seconds > SOON:
            found.append(f"took {outcome.seconds:.1f} s")
        left = [*outcome.processes, *outcome.segments]
        left += [] if self.of_supervisor else outcome.files
        return [*found, f"left {left}"] if left else found


def random_kills(folder: Path, kind: str, number: int, seed: int) -> Iterator[Kill]:
    """Kill one process of a job, or all of them, at a random moment, again and again.

    The first job is not killed: it says how long one takes from when the supervisor begins.
    """
    moments = random.Random(seed)
    duration = 0.0
    while number > 0:
        job = Job.with_fault(folder, kind, BACKENDS[kind], "dawdle")
        job.await_role("supervisor")
        if not duration:
            began = job.fault_at
            duration = job.end(expected=True).seconds + job.fault_at - began
            (folder / "results/tile.nc").unlink()
            continue
        time.sleep(moments.uniform(0, duration))
        victims = sorted(job.processes())
        if moments.random() < 0.8:
            victims = moments.sample(victims, k=min(1, len(victims)))
        job.strike(partial(_kill_pids, victims))
        outcome = job.end(expected=True)
        (folder / "results/tile.nc").unlink(missing_ok=True)
        if victims:  # else it had ended before
            number -= 1
            yield Kill(outcome, str(job.pids["supervisor"]) in victims)


@contextmanager
def full_disk(folder: Path) -> Iterator[Path]:
    """A small file system on `folder/results`, and the file that fills it. Needs root."""
    results = folder / "results"
    results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", results], check=True)
    try:
        filler = results / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        yield filler
    finally:
        subprocess.run(["umount", results], check=True)


def memory_limit() -> Path | None:
    """The file that limits the memory of a control group of ours; None if there can be none."""
    root, name = Path("/sys/fs/cgroup"), f"{CONTROL_GROUP}-{os.getpid()}"
    if os.geteuid() != 0:
        return None
    if (root / "memory/memory.limit_in_bytes").exists():  # version 1
        return root / "memory" / name / "memory.limit_in_bytes"
    for_all = root / "cgroup.subtree_control"
    if for_all.exists() and "memory" in for_all.read_text().split():
        return root / name / "memory.max"
    return None


@contextmanager
def control_group(limit: Path) -> Iterator[Path]:
    """One whose processes get 256 MB more than they have as they enter. Needs root."""
    group = limit.parent
    group.mkdir()
    try:
        limit.write_text(str(2**28))
        if (swap := group / "memory.swap.max").exists():
            swap.write_text("0")
        yield group
    finally:
        group.rmdir()


def enter(group: Path, job: Job) -> None:
    """Put all processes of a job into a control group."""
    for pid in job.processes():
        (group / "cgroup.procs").write_text(pid)


def n_killed_by_kernel(group: Path) -> int:
    """How many of a control group's processes the kernel has killed for memory."""
    names = (group / name for name in ("memory.events", "memory.oom_control"))
    lines = next(name for name in names if name.exists()).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


OUT_OF_MEMORY = Fault(
    "out of memory (control group)", 1, "as by the system when memory runs out", "fill"
)
DISK_FULL = Fault("disk full", 1, "results/tile.nc: No space left on device.", "none")


def _meet(fault: Fault, kind: str) -> list[str]:
    """Have a job meet a fault, print its row, return what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outcome = fault.meet(folder, kind)
        wrong = fault.wrong(outcome)
        if fault.inside == "nan" and not is_broken(folder):
            wrong.append("not flagged")
    _row(fault.name, f"{kind}, {fault.backends[kind]}", outcome, fault.message, wrong)
    return wrong


def _meet_memory_limit(kind: str, limit: Path) -> list[str]:
    """In a control group whose memory the model fills, until the kernel kills it."""
    with tempfile.TemporaryDirectory() as name, control_group(limit) as group:
        fault = replace(OUT_OF_MEMORY, outside=partial(enter, group))
        outcome = fault.meet(Path(name), kind)
        wrong = fault.wrong(outcome)
        if (n := n_killed_by_kernel(group)) != 1:
            wrong.append(f"the kernel has killed {n}")
    _row(fault.name, f"{kind}, {BACKENDS[kind]}", outcome, fault.message, wrong)
    return wrong


def _meet_full_disk(kind: str) -> list[str]:
    """On a full disk, and again when there is space."""
    with tempfile.TemporaryDirectory() as name, full_disk(Path(name)) as filler:
        outcome = DISK_FULL.meet(Path(name), kind)
        outcome.files.remove("results/filler")
        filler.unlink()
        wrong = DISK_FULL.wrong(outcome) + FAULTS[0].wrong(FAULTS[0].meet(Path(name), kind))
    _row(DISK_FULL.name, f"{kind}, {BACKENDS[kind]}", outcome, DISK_FULL.message, wrong)
    return wrong


def _meet_kills(kind: str, number: int) -> list[str]:
    """Kills, and then a job that nobody kills, with the result of one in an empty folder."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        kills = list(random_kills(Path(one), kind, number, seed=number))
        wrong = [what for kill in kills for what in kill.wrong()]
        last = FAULTS[0].meet(Path(one), kind)
        wrong += FAULTS[0].wrong(last) + FAULTS[0].wrong(FAULTS[0].meet(Path(other), kind))
        if not same(result(Path(one)), result(Path(other))):
            wrong.append("another result than undisturbed")
    codes = sorted({kill.outcome.code for kill in kills})
    seconds = max(kill.outcome.seconds for kill in kills)
    message = f"exit codes {codes}; then a job that ends well, with the same result"
    summary = replace(last, seconds=seconds, log=message)
    n_files = sum(bool(kill.outcome.files) for kill in kills)
    name = f"{number} kills at random moments, {n_files} while it wrote"
    _row(name, f"{kind}, {BACKENDS[kind]}", summary, message, wrong)
    return wrong


def _row(name: str, model: str, outcome: Outcome, message: str, wrong: list[str]) -> None:
    lines = [line for line in outcome.log.splitlines() if message and message in line]
    said = lines[-1].removeprefix("eiphase: ") if lines else ""
    counts = (str(len(what)) for what in (outcome.processes, outcome.segments, outcome.files))
    cells = (name, model, str(outcome.code), f"{outcome.seconds:.1f}", said, *counts)
    print(f"| {' | '.join(cells)} |{'  WRONG: ' + '; '.join(wrong) if wrong else ''}", flush=True)


def rows() -> Iterator[tuple[str, Callable[[Path], str]]]:
    """Faults of the second table, by the name of the module that holds them."""
    for path in sorted(Path(__file__).parent.glob("faults_*.py")):
        yield from importlib.import_module(path.stem).ROWS


def _meet_row(name: str, meet: Callable[[Path], str]) -> list[str]:
    """Meet a fault of the second table, print its row, return what is wrong."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            said = meet(Path(folder)).removeprefix("eiphase: ").replace(f"{folder}/", "")
        except Exception as error:
            said, wrong = "", [f"{type(error).__name__}: {error}"]
    cells = [" ".join(cell.split()) for cell in (name, said)]
    cells = [f"`{cell}`" if "\\" in cell else cell for cell in cells]  # as the docs show escapes
    cells = [cell.replace("|", r"\|") for cell in cells]
    print(f"| {' | '.join(cells)} | {'no' if wrong else 'yes'} |{' '.join(wrong)}", flush=True)
    return wrong


def main() -> int:
    processor = f"{os.cpu_count()} cores, {platform.machine()}"
    print(f"{date.today()}, Python {platform.python_version()}, {platform.system()}, {processor}\n")
    print("| fault | model | exit code | s | message | processes | shared memory | files |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    wrong = [_meet(fault, kind) for fault in FAULTS for kind in fault.backends]
    if limit := memory_limit():
        wrong += [_meet_memory_limit(kind, limit) for kind in BACKENDS]
    else:
        print("The row of a control group needs root, and one for memory.", file=sys.stderr)
    if os.geteuid() == 0:
        wrong += [_meet_full_disk(kind) for kind in BACKENDS]
    else:
        print("The row of a full disk needs root, to mount one.", file=sys.stderr)
    wrong += [_meet_kills(kind, RANDOM_KILLS // len(BACKENDS)) for kind in BACKENDS]
    print("\n| fault | what is said | as it should be |\n| --- | --- | --- |")
    wrong += [_meet_row(name, meet) for name, meet in rows()]
    n_wrong = sum(map(bool, wrong))
    print(f"\n{n_wrong} of {len(wrong)} rows are not as they should be.")
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
