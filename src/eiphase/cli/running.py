"""How a command runs: a user's mistake becomes one sentence, and a job has a supervisor."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from eiphase.errors import (
    Damaged,
    DatasetError,
    LavaError,
    UserError,
    beyond_limits,
    plain,
)
from eiphase.jobs.datasets.setting_aside import set_aside
from eiphase.numerics.arrays import shared_array
from eiphase.system import progress_bar, supervisor
from eiphase.system.files import remove_leftovers


def without_traceback(command: Callable[[], int | None]) -> int:
    """Run a command; a mistake of the user's is one sentence and exit code 1."""
    try:
        return command() or 0
    except supervisor.Stopped as error:
        print(f"eiphase: {error}", file=sys.stderr)
        return 128 + error.number
    except BrokenPipeError:
        raise
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        # Several lines where a model's traceback is among them.
        lines = (plain(line) for line in sentence.split("\n"))
        print("eiphase:", "\n".join(lines), file=sys.stderr)
        return 1


def _sentence(error: Exception) -> str | None:
    """What is said of an error; nothing of a mistake in the code, which needs its traceback."""
    if isinstance(error, UserError | LavaError):
        return str(error)
    if reason := beyond_limits(error):
        return (
            f"The job needs more than its limits allow ({reason}): raise them (ulimit -v, "
            "ulimit -u, ulimit -n, Slurm's --mem), or simulate less at once."
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return plain(f"{where}{error.strerror or error}.")
    return None


@contextmanager
def setting_aside() -> Iterator[None]:
    """In the workflow's jobs: a damaged file that it made is renamed, so that it makes it again."""
    try:
        yield
    except Damaged as error:
        raise DatasetError(f"{error}{set_aside(error.path)}") from None


def supervised(
    work: Callable[[], None],
    options: argparse.Namespace,
    meanwhile: AbstractContextManager | None = None,
) -> int:
    """Run what writes `options.output` under a supervisor; half a file is removed."""
    code = supervisor.supervised(
        lambda: without_traceback(setting_aside()(work)),
        time_limit=options.time_limit,
        meanwhile=meanwhile,
    )
    if code != 0:
        remove_leftovers(options.output.resolve().parent)
    return code


def watched(
    what: str, work: Callable[[progress_bar.Show], None], options: argparse.Namespace
) -> int:
    """Run `work` as `supervised` does, with a bar of how many it says are done, of how many."""
    counts = shared_array((2,), "int64")

    def show(done: int, total: int) -> None:
        counts[:] = done, total

    return supervised(
        lambda: work(show), options, meanwhile=progress_bar.progress_of_another(what, counts)
    )
