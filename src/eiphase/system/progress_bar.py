"""Bars that show how far something is, in a terminal or a notebook."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from eiphase.errors import plain

Show = Callable[[int, int], None]  # how many are done, of how many


@contextmanager
def progress(what: str) -> Iterator[Show]:
    """A bar on standard error while something runs, or a line in a notebook, else nothing.

    Gives the function that says how many are done, and of how many. Until it is called the
    bar only moves, and at the end it goes.
    """
    console = Console(stderr=True, markup=False, emoji=False)
    if console.is_jupyter:  # where a bar of rich's needs widgets
        yield lambda done, total: print(
            f"\r{what}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr
        )
        return
    if not console.is_terminal:
        yield _show_nothing
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(plain(what), total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, refresh=done == total)

        yield show


def _show_nothing(done: int, total: int) -> None:
    """What a `Show` does where nobody watches."""


@contextmanager
def progress_of_another(what: str, counts: np.ndarray) -> Iterator[None]:
    """A bar that follows a shared array, in which another process counts: see `followed`."""
    with progress(what) as show, followed(counts, show):
        yield


@contextmanager
def followed(counts: np.ndarray, show: Show) -> Iterator[None]:
    """Have `show` called from another thread with what stands in a shared array, and at the end.

    It holds how many are done and, above 0 as soon as that is known, of how many. What `show`
    raises, is raised at the end.
    """
    ended = threading.Event()

    def look() -> None:
        done, total = counts.tolist()
        if total:
            show(done, total)

    def follow() -> None:
        while not ended.wait(0.1):
            look()

    with ThreadPoolExecutor(1) as threads:
        following = threads.submit(follow)
        try:
            yield
        finally:
            ended.set()
            following.result()
            look()
