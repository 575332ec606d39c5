"""Machines by state against visitors, one panel for each policy, as an SVG or a PNG."""

from collections.abc import Sequence
from itertools import batched
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from simulator.day.figures import DayResult, Sample
from simulator.day.machines import State

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "day",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_COLOURS = {
    State.SERVES: "#4c78a8",
    State.STARTED: "#9ecae9",
    State.LEAVES: "#d0d0d0",
    State.MADE: "#f2cf5b",
    State.COLD: "#83bcb6",
    State.WARM: "#f58518",
    State.HOT: "#e45756",
}
"""From the bottom of the picture to its top: what is in use, what comes and goes, what is ready."""
_STEP = 5  # minutes: a picture shows no more


def draw(file: Path, title: str, results: Sequence[DayResult]) -> None:
    """Write the file, in the format of its ending."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 2.1 * len(results) + 0.9), layout="constrained")
        panels = figure.subplots(len(results), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for panel, result in zip(panels, results, strict=True):
            _draw(panel, result)
        panels[-1].set_xlabel("hours")
        panels[-1].xaxis.set_major_locator(MultipleLocator(3))
        panels[-1].set_ylim(bottom=0)  # of all panels; earlier it would keep the top of the first
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
        is_svg = file.suffix == ".svg"
        figure.savefig(file, dpi=110, metadata={"Date": None} if is_svg else None)


def _draw(panel: Axes, result: DayResult) -> None:
    """One panel: the means of some minutes, stacked, and the visitors as a line."""
    pieces = [piece for piece in batched(result.samples, _STEP, strict=False) if len(piece) == _STEP]
    hours = [piece[-1].hour for piece in pieces]
    stacked = [[_mean(piece, state) for piece in pieces] for state in _COLOURS]
    panel.stackplot(hours, stacked, labels=list(_COLOURS), colors=list(_COLOURS.values()), linewidth=0)
    panel.plot(
        hours,
        [sum(each.present for each in piece) / _STEP for piece in pieces],
        color="black",
        linewidth=1,
        label="visitors",
    )
    figures = result.members()
    told = (
        f"{figures['found_at_once']:.2%} found at once, mean wait {figures['wait_mean_s']:.0f} s,"
        f" {figures['idle_hours_per_session']:.3f} idle hours a session"
    )
    panel.set_title(f"{result.label}: {told}", fontsize=9, loc="left")
    panel.set_ylabel("machines")
    panel.margins(x=0, y=0.05)


def _mean(piece: Sequence[Sample], state: State) -> float:
    return sum(each.machines.get(state, 0) for each in piece) / len(piece)
