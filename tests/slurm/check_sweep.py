"""Runs a small sweep on Slurm, kills a job, interrupts it, compares it with a local run.

Within `in_cluster`: `make test-slurm`. Not one of the other tests, which need no root.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from eiphase.jobs.datasets import netcdf

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "gather", "--snakefile", REPOSITORY / "Snakefile"]
# Three tiles of seconds: two that can run at once, and a third that waits for one of them.
SWEEP = {
    "network": {"neurons": 300},
    "grid": {"q_factor": [0.5, 4.0, 9.0], "g_factor": [4.5, 6.0]},
    "seeds": [1],
    "backends": ["rate", "lif_float", "lif_bit_accurate"],
    "simulation": {"steps": 20000, "burn_in": 1000, "max_lag": 100},
}
# What docs/clusters.md has a site add; and states are asked for more often, as tiles are short.
SITE = {
    "default-resources": {"slurm_partition": "tiles"},
    "jobs": 2,
    "slurm-init-seconds-before-status-checks": 1,
}
PATIENCE = 120  # s, for anything that is waited for


class CheckError(Exception):
    """Says what was seen and what should have been."""


class Workflow:
    """Snakemake on the private cluster, in a folder of its own."""

    def __init__(self, folder: Path):
        write(folder / "sweep.yaml", SWEEP)
        write(folder / "site/config.yaml", SITE)
        profiles = ["--profile", REPOSITORY / "profiles/slurm", "--profile", "site"]
        self.command = [*SNAKEMAKE, *profiles, "--config", "sweep=sweep.yaml"]
        self.folder = folder
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def wait_for(self, what: str, seen: Callable[[], Any]) -> Any:
        """What `seen` returns, as soon as it does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := seen():
                return found
            if self.process.poll() is not None:
                raise CheckError(f"the workflow ended, and there was no {what}.")
            time.sleep(0.05)
        raise CheckError(f"there was no {what} within {PATIENCE} s.")

    def end(self) -> int:
        """Its exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise CheckError(f"the workflow did not end within {PATIENCE} s.") from None


def main() -> int:
    # A shell's background job has SIGINT ignored, as has the workflow that is interrupted here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as temporary:
        workflow = Workflow(Path(temporary) / "slurm")
        try:
            check(workflow, Path(temporary) / "local")
        except CheckError as error:
            print((workflow.folder / "log").read_text())
            for number, job in jobs().items():
                print(f"job {number}: {job['Comment']}, {job['JobState']} on {job['NodeList']}")
            print(f"check_sweep: {error}", file=sys.stderr)
            return 1
    return 0


def check(workflow: Workflow, local: Path) -> None:
    killed = workflow.wait_for("job that simulates", lambda: job_that_runs("simulate-tile", 4))
    subprocess.run(["scancel", killed], check=True)
    expect(state_at_end(killed), "CANCELLED", f"state of the killed job {killed}")
    expect_nothing_of(killed)
    second = workflow.wait_for("second attempt at the killed job", lambda: attempt_after(killed))
    expect(state_at_end(second), "COMPLETED", f"state of the second attempt {second}")
    report(f"job {killed} was killed while it simulated, left nothing, and went again as {second}")

    interrupted = workflow.wait_for("job that gathers", lambda: job_that_runs("gather", 1))
    workflow.process.send_signal(signal.SIGINT)
    if workflow.end() == 0:
        raise CheckError("the interrupted workflow ended as if all was done.")
    expect(state_at_end(interrupted), "CANCELLED", f"state of the interrupted job {interrupted}")
    expect_nothing_of(interrupted)
    before = set(jobs())
    workflow.start()
    expect(workflow.end(), 0, "exit code of the workflow, started again")
    rules = [rule_of(job) for number, job in jobs().items() if number not in before]
    expect(rules, ["gather"], "list of what ran after the interruption")
    report(
        f"interrupted, the workflow cancelled job {interrupted}; started again, it went on there"
    )

    expect_resources_of_rules(workflow.folder)
    expect_two_at_once()
    report("jobs had the resources that rules state, and two ran at a time")

    run_locally(local)
    expect_same_results(workflow.folder / "results", local / "results")
    report("a local run wrote the same files, and to the bit the same numbers")


def write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def report(sentence: str) -> None:
    print(f"check_sweep: {sentence}.", flush=True)


def expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise CheckError(f"the {what} should be {expected}, but is {found}.")


def jobs() -> dict[str, dict[str, str]]:
    """All jobs that the cluster has had, by number, with what Slurm says of them."""
    show = ["scontrol", "show", "job", "--oneliner"]
    listed = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    found = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in listed.splitlines()]
    return {job["JobId"]: job for job in found if job}


def rule_of(job: dict[str, str]) -> str:
    return re.match(r"rule_([a-z]+)", job["Comment"])[1]


def state_at_end(number: str) -> str:
    """Its final state, which Slurm gives when all processes that it knows of are gone."""
    end = time.monotonic() + PATIENCE
    while (state := jobs()[number]["JobState"]) in ("PENDING", "RUNNING", "COMPLETING"):
        if time.monotonic() > end:
            raise CheckError(f"job {number} was still {state} after {PATIENCE} s.")
        time.sleep(0.2)
    return state


def attempt_after(killed: str) -> str | None:
    """The job that does the same, later."""
    found = jobs()
    same = [n for n, job in found.items() if job["Comment"] == found[killed]["Comment"]]
    return max(same, key=int) if len(same) > 1 else None


def processes_by_job() -> dict[str, list[list[str]]]:
    """The command lines of all processes that any job of the cluster has started."""
    found = defaultdict(list)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().decode(errors="replace")
            command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has just ended
            continue
        if job := re.search(r"(?:^|\0)SLURM_JOB_ID=(\d+)", environment):
            found[job[1]].append(command)
    return found


def job_that_runs(command: str, processes: int) -> str | None:
    """A job in which so many processes are at one of eiphase's commands.

    For a tile four: supervisor, worker, Lava's runtime, and the model, which simulates.
    """
    for job, commands in processes_by_job().items():
        ours = [c for c in commands if c[1:2] and c[1].endswith("/eiphase") and c[2:3] == [command]]
        if len(ours) >= processes:
            return job
    return None


def expect_nothing_of(job: str) -> None:
    # Slurm may call a job ended while Snakemake in it is still on its way out.
    end = time.monotonic() + 20
    while processes_by_job().get(job) and time.monotonic() < end:
        time.sleep(0.2)
    expect(processes_by_job().get(job, []), [], f"list of processes left of job {job}")
    expect(list(Path("/dev/shm").iterdir()), [], "list of what is in shared memory")


def expect_resources_of_rules(folder: Path) -> None:
    """Slurm gave each job the memory, the minutes and the cores that its rule states."""
    plan = [*SNAKEMAKE, "--dry-run", "--forceall", "--quiet", "reason"]
    plan += ["--config", "sweep=sweep.yaml"]
    text = subprocess.run(plan, cwd=folder, capture_output=True, text=True, check=True).stdout
    stated = {
        rule: {
            "memory": f"mem={memory}M",
            "time": f"{int(runtime) // 60:02}:{int(runtime) % 60:02}:00",
        }
        for rule, runtime, memory in re.findall(
            r"^rule (\w+):.*?resources: .*?runtime=(\d+), mem_mb=(\d+)",
            text,
            re.DOTALL | re.MULTILINE,
        )
    }
    expect(sorted(stated), ["gather", "simulate", "stamp"], "list of rules in the plan")
    for number, job in jobs().items():
        given = {"memory": re.search(r"mem=\w+", job["TRES"])[0], "time": job["TimeLimit"]}
        expect(given, stated[rule_of(job)], f"memory and time of job {number}")
        expect(job["NumCPUs"], "1", f"number of cores of job {number}")


def expect_two_at_once() -> None:
    for one, other in combinations(jobs().values(), 2):
        overlap = one["StartTime"] < other["EndTime"] and other["StartTime"] < one["EndTime"]
        if overlap and one["NodeList"] != other["NodeList"]:
            return
    raise CheckError("no two jobs ran at a time on two nodes.")


def run_locally(folder: Path) -> None:
    write(folder / "sweep.yaml", SWEEP)
    command = [*SNAKEMAKE, "--cores", "2", "--config", "sweep=sweep.yaml"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise CheckError(f"the local run failed:\n{run.stderr}")


def expect_same_results(ours: Path, expected: Path) -> None:
    def files(folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    expect(files(ours), files(expected), "list of files in the results")
    with (
        netcdf.open_phase_map(ours / "sweep/phase_map.nc") as one,
        netcdf.open_phase_map(expected / "sweep/phase_map.nc") as other,
    ):
        expect(list(one.variables), list(other.variables), "list of variables")
        for name, variable in other.variables.items():
            if one[name].values.tobytes() != variable.values.tobytes():
                raise CheckError(f"{name} differs from that of the local run.")


if __name__ == "__main__":
    sys.exit(main())
