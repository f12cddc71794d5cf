"""How figures look: the same whatever style or matplotlibrc a user has set."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

_Arguments = ParamSpec("_Arguments")

_USERS = ("figure.dpi", "savefig.dpi", "savefig.format")  # what stays as the user has it


def look() -> AbstractContextManager[None]:
    """While it is on, Matplotlib's settings are those of our figures."""
    plt.draw_if_interactive()  # loads the backend, whose own settings are to outlast the context
    kept = {name: mpl.rcParams[name] for name in _USERS}  # type: ignore[index]
    return matplotlib.style.context(["default", sns.axes_style("ticks"), kept])


class Page(Figure):
    """A figure that is saved in our look, and that a notebook shows once.

    A style can change the background when a figure is saved. Jupyter shows the figures that
    pyplot knows when a cell ends, whatever the cell has shown.
    """

    def savefig(self, *arguments: Any, **options: Any) -> None:
        with look():
            super().savefig(*arguments, **options)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Nothing, but Jupyter asks for it first when it shows a cell's value."""
        if "inline" in mpl.get_backend():
            plt.close(self)
        return {}


def in_our_look(plot: Callable[_Arguments, Figure]) -> Callable[_Arguments, Figure]:
    """Decorate a function that makes a figure: it does so in our look."""

    @wraps(plot)
    def plot_in_our_look(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Figure:
        with look():
            return plot(*arguments, **options)

    return plot_in_our_look


def page(width: float, height: float) -> Figure:
    """An empty figure, its size in inches."""
    return plt.figure(FigureClass=Page, figsize=(width, height), layout="constrained")


def subplots(
    n_rows: int, n_columns: int, width: float, height: float, *, share: bool = False
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes, shape (n_rows, n_columns); they can share both their scales."""
    figure = page(width, height)
    return figure, figure.subplots(n_rows, n_columns, sharex=share, sharey=share, squeeze=False)
