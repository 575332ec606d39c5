"""Cost against the number of machines, as a picture: ticks of the controllers, reservations, reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.redis_costs import Server, loads, reserved_on_the_server
from benchmarks.slow import Slow, wire
from benchmarks.tick_costs import costs
from scaler.model.edges import CONTROLLERS
from simulator.parts.redis_server import redis_server

SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000)
ROUNDS = 5
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_GREY = "#767676"
type Curves = Mapping[str, Sequence[float]]
"""Milliseconds at each of SIZES, by what is measured."""


def of_ticks() -> Curves:
    """Processor time of a tick of each controller."""
    measured = zip(*(costs(size) for size in SIZES), strict=True)
    return dict(zip((*CONTROLLERS, "a plain pass"), measured, strict=True))


def of_redis(slow: Slow) -> Curves:
    """Of reads by this process, and of reservations by the server."""
    with redis_server() as running, wire(running.port, slow.rtt) as port:
        server = Server(port)
        first, again, floor = zip(*(loads(server, size) for size in SIZES), strict=True)
        reserved = [min(reserved_on_the_server(server, size) for _ in range(ROUNDS)) / 1e3 for size in SIZES]
    return {"read, first": first, "read, again": again, "reserve()": reserved, "one MGET": floor}


def draw(file: Path, slow: Slow) -> None:
    """Write the SVG."""
    panels = (
        ("Processor time of a tick with nothing to do", of_ticks()),
        ("Redis: a read of all machines; server time of reserve()", of_redis(slow)),
    )
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for panel, (title, curves) in zip(axes, panels, strict=True):
            _draw(panel, title, curves)
        axes[0].set_ylabel("milliseconds")
        figure.savefig(file, format="svg", metadata={"Date": None})


def _draw(panel: Axes, title: str, curves: Curves) -> None:
    """One panel. Each curve has its name at its end; the floor is grey."""
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title(title, fontsize=10, loc="left")
    panel.set_xlabel("machines")
    panel.grid(which="major", color="#e4e4e4", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    *_, floor = curves
    ends: list[float] = []
    for name, values in sorted(curves.items(), key=lambda curve: curve[1][-1]):
        (line,) = panel.plot(
            SIZES, values, marker="o", markersize=3, linewidth=1.5, color=_GREY if name == floor else None
        )
        ends.append(max(values[-1], ends[-1] * 1.6 if ends else 0))  # names do not lie on each other
        panel.annotate(
            f"{name}, {values[-1]:,.0f} ms" if values[-1] >= 10 else f"{name}, {values[-1]:.2g} ms",
            (SIZES[-1], ends[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=line.get_color(),
        )
