"""The chart of the page: machines by standing over time, the wanted line, and the calendar's windows, as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import htpy as h

from scaler.cli.screen import printable
from scaler.cli.web.figures import Band
from scaler.model.history import Sample
from scaler.model.standing import Standing

LAYERS: Mapping[str, frozenset[str]] = {
    "in session": frozenset({Standing.IN_SESSION}),
    "reserved": frozenset({Standing.RESERVED}),
    "ready": frozenset({Standing.READY, Standing.HEATED, Standing.CLAIMED}),
    "new": frozenset({Standing.NEW, Standing.ADMITTING}),
    "used": frozenset({Standing.USED}),
    "other": frozenset({Standing.STRANGER, Standing.UNMARKED, Standing.TAINTED, Standing.UNSEEN}),
}
"""The layers from the bottom up, and their standings. GONE is no machine any more, and in none."""
_WIDTH, _HEIGHT = 900, 240
_MOST_POINTS = 450  # one for two pixels
_LINES = 4  # of the grid
_TIMES = 4  # below the picture
_GAP = 4  # samples that may be missing before the chart shows a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Times and numbers as places in the picture."""

    begin: datetime
    end: datetime
    most: int

    def x(self, at: datetime) -> float:
        """The place of a time."""
        share = (at - self.begin) / max(self.end - self.begin, timedelta(seconds=1))
        return round(min(max(share, 0.0), 1.0) * _WIDTH, 1)

    def y(self, number: float) -> float:
        """The place of a number of machines."""
        return round((1 - number / self.most) * _HEIGHT, 1)


def layers(sample: Sample) -> Mapping[str, int]:
    """The machines of a sample by layer."""
    return {layer: sum(sample.machines.get(standing, 0) for standing in LAYERS[layer]) for layer in LAYERS}


def chart(samples: Sequence[Sample], bands: Sequence[Band], now: datetime, every: timedelta) -> h.Renderable:
    """The picture, with its numbers of now as words; a sentence before there are two samples."""
    if len(samples) < 2:
        return h.p(".quiet")["No history yet: the reconciler writes a sample a minute."]
    samples = [*samples[:: -(-len(samples) // _MOST_POINTS)], samples[-1]]
    most = max(max(sum(layers(each).values()), each.wanted or 0) for each in samples)
    scale = _Scale(begin=samples[0].at, end=max(now, samples[-1].at), most=_rounded_up(most))
    longest = max(_GAP * every, 2 * (samples[1].at - samples[0].at))
    runs = list(_runs(samples, longest))
    latest = layers(samples[-1])
    described = ", ".join(f"{number} {layer}" for layer, number in latest.items())
    place = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "preserveAspectRatio": "none", "role": "img"}
    heights = [scale.most * number // _LINES for number in range(_LINES + 1)]
    return h.div(".chart")[
        h.div(".heights")[(h.span[str(height)] for height in reversed(heights))],
        h.svg(place, aria_label=f"Machines over time; now {described}")[
            (_band(band, scale) for band in bands),
            (h.Element("path")(".grid", d=f"M0 {scale.y(height)}H{_WIDTH}") for height in heights),
            (shape for run in runs for shape in _stack(run, scale)),
            (h.Element("path")(".wanted", d=_line(run, scale)) for run in runs),
        ],
        h.div(".times")[_times(scale)],
        h.p(".legend")[
            (h.span[h.i(f".l{number}"), f" {layer} {latest[layer]} "] for number, layer in enumerate(LAYERS)),
            h.span[h.i(".w"), f" wanted {_known(samples[-1].wanted)} "],
            h.span[h.i(".b"), " window of the calendar"] if bands else None,
        ],
    ]


def _known(number: int | None) -> str:
    return str(number) if number is not None else "unknown"


def _rounded_up(number: int) -> int:
    """A whole number at or above that the grid divides."""
    step = 1
    while step * _LINES < number:
        step = step * 2 if str(step)[0] != "2" else step * 5 // 2
    return step * _LINES


def _runs(samples: Sequence[Sample], longest: timedelta) -> Iterator[Sequence[Sample]]:
    """Samples without a gap between them."""
    begun = 0
    for number in range(1, len(samples) + 1):
        if number == len(samples) or samples[number].at - samples[number - 1].at > longest:
            yield samples[begun:number]
            begun = number


def _stack(run: Sequence[Sample], scale: _Scale) -> Iterator[h.Renderable]:
    """The layers of one run, each as an area on top of the layers below."""
    below = [0] * len(run)
    for number, layer in enumerate(LAYERS):
        above = [under + layers(sample)[layer] for under, sample in zip(below, run, strict=True)]
        if above != below:
            top = [f"{scale.x(sample.at)},{scale.y(height)}" for sample, height in zip(run, above, strict=True)]
            base = [f"{scale.x(sample.at)},{scale.y(height)}" for sample, height in zip(run, below, strict=True)]
            yield h.Element("polygon")(f".l{number}", points=" ".join([*top, *reversed(base)]))[h.title[layer]]
        below = above


def _line(run: Sequence[Sample], scale: _Scale) -> str:
    """The wanted line: steps from sample to sample."""
    known = [(scale.x(sample.at), scale.y(sample.wanted)) for sample in run if sample.wanted is not None]
    return " ".join(
        f"{'H' if number else 'M'}{x}{f'V{y}' if number else f' {y}'}" for number, (x, y) in enumerate(known)
    )


def _band(band: Band, scale: _Scale) -> h.Renderable:
    x, end = scale.x(band.start), scale.x(band.end)
    place = {"x": str(x), "y": "0", "width": str(max(end - x, 1.0)), "height": str(_HEIGHT)}
    return h.Element("rect")(".band", place)[h.title[f"window {printable(band.name)}"]]


def _times(scale: _Scale) -> Iterator[h.Renderable]:
    """The times below the picture."""
    span = scale.end - scale.begin
    for number in range(_TIMES):
        at = scale.begin + number * span / (_TIMES - 1)
        yield h.span[f"{at:%H:%M:%S}" if span < timedelta(minutes=20) else f"{at:%H:%M}"]
