"""The upper part of the screen: the time, the wrongs, counts, waits, ARM's budgets, and the controllers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from textwrap import wrap

from rich.text import Text

from scaler.model.instance import Tier
from scaler.model.waits import percentile
from simulator.happenings import Did
from simulator.live.frame import Budget, Frame, Health, Round
from simulator.live.layout import (
    OF_POWER,
    OF_STATUS,
    OF_TIER,
    WRONG,
    Column,
    Piece,
    ends,
    flowing,
    heading,
    plain,
    rows,
    span,
)
from simulator.observer.wrong import Wrong

_OF_HEALTH: Mapping[Health, str] = {
    Health.WELL: "green",
    Health.HELD: "yellow",
    Health.PAUSED: "yellow",
    Health.FAILED: "bold red",
    Health.SILENT: "bold red",
    Health.OFF: "bold red",
}
_LINES_A_WRONG = 12  # of the screen's height, for each wrong that is shown: the first, and the latest

_ROUNDS = (
    Column(title="controller", width=11),
    Column(title="state", width=9),
    Column(title="last tick", width=9, right=True),
    Column(title="every", width=6, right=True),
    Column(title="ARM/min", width=7, right=True),
    Column(title="steps", width=5, right=True),
    Column(title="waits", width=5, right=True),
    Column(title="failed", width=6, right=True),
    Column(title="why", width=0),
)


def head(frame: Frame, width: int, height: int) -> Iterator[Text]:
    """The lines of the head, on a screen of that size."""
    yield _title(frame, width)
    yield from _wrongs(frame.wrongs, width, max(height // _LINES_A_WRONG, 1))
    yield from flowing("Redis     ", (*_address(frame), *_counted(frame.statuses, OF_STATUS)), width)
    yield from flowing("Azure     ", tuple(_counted(frame.powers, OF_POWER)), width)
    yield from flowing("visitors  ", tuple(_visitors(frame)), width)
    yield from flowing("waits     ", tuple(_waits(frame)), width)
    if frame.costs:
        yield from flowing("costs     ", (Piece(frame.costs),), width)
    yield from flowing("ARM       ", tuple(_budgets(frame)), width)
    if frame.page:
        yield from flowing("page      ", (Piece(frame.page, "dim"),), width)
    yield from _rounds(frame, width)


def _title(frame: Frame, width: int) -> Text:
    name = Piece("Unreal Pixel Streaming Scaler" if width >= 100 else "Pixel Streaming Scaler", "bold")
    clock = Piece(f"  {span(timedelta(seconds=frame.seconds * frame.speed))}", "bold cyan")
    here = f"{span(timedelta(seconds=frame.seconds))} × {frame.speed:g}"
    note = Piece(f" emulated, as all times here ({here})" if width >= 100 else f" emulated ({here})", "dim")
    hint = Piece("it is ending", "bold yellow") if frame.ending else Piece("Ctrl-C ends it", "dim")
    return ends((name, clock, note), hint, width)


def _wrongs(wrongs: Sequence[Wrong], width: int, most: int) -> Iterator[Text]:
    """The lines about wrongs, if there are wrongs."""
    if not wrongs:
        return
    kinds = Counter(each.kind.value.replace("_", " ") for each in wrongs)
    yield plain(f"WRONG – {' · '.join(f'{kind}: {number}' for kind, number in kinds.items())}", WRONG, width)
    for each in wrongs if len(wrongs) <= most else (wrongs[0], *wrongs[len(wrongs) - most + 1 :]):
        whom = f"vm {each.vm_id[:4]} " if each.vm_id else ""
        text = f"{whom}{f'visit {each.session} ' if each.session else ''}– {each.why}"
        for line in wrap(text, width)[:2]:
            yield plain(line, WRONG, width)


def _address(frame: Frame) -> Iterator[Piece]:
    if frame.redis:
        yield Piece(f"at {frame.redis}", "dim")


def _counted(counted: Mapping[str, int], styles: Mapping[str, str]) -> Iterator[Piece]:
    for word, number in counted.items():
        yield Piece(f"{number} {word}", styles.get(word, ""))
    if not counted:
        yield Piece("nothing yet", "dim")


def _visitors(frame: Frame) -> Iterator[Piece]:
    def number(did: Did) -> int:
        return frame.did.get(did, 0)

    yield Piece(f"{number(Did.ARRIVED)} came")
    yield Piece(f"{number(Did.OPENED)} let in", "cyan")
    yield Piece(f"{frame.waiting} waiting", "bold yellow" if frame.waiting else "")
    yield Piece(f"{number(Did.GAVE_UP)} gave up")
    yield Piece(f"{number(Did.REFUSED)} refused", "red" if number(Did.REFUSED) else "")
    if number(Did.EXPIRED):
        yield Piece(f"{number(Did.EXPIRED)} stayed until their limit")
    if not frame.wrongs:
        yield Piece("0 wrongs", "green")


def _waits(frame: Frame) -> Iterator[Piece]:
    yield Piece(f"all {_percentiles(frame.waits, frame.speed)}")
    shown = {tier: waits for tier, waits in frame.waits_on.items() if waits or tier is not Tier.HOT}
    for tier, waits in shown.items():
        yield Piece(f"{tier} {_percentiles(waits, frame.speed)}", OF_TIER[tier])


def _percentiles(waits: Sequence[float], speed: float) -> str:
    median, most = percentile(waits, 0.50), percentile(waits, 0.95)
    if median is None or most is None:
        return "–"
    return f"p50 {span(timedelta(seconds=median * speed))} p95 {span(timedelta(seconds=most * speed))} ({len(waits)})"


def _budgets(frame: Frame) -> Iterator[Piece]:
    calls = sum(each.calls for each in frame.rounds)
    yield Piece(f"{calls:.0f} calls/min in the last {span(frame.calls_over)}")
    if frame.throttled:
        yield Piece(f"{frame.throttled} throttled (429)", "bold red")
    for number, each in enumerate(frame.budgets):
        yield Piece(f"{'left: ' if number == 0 else ''}{each.what} {each.left}/{each.burst}", _of_budget(each))


def _of_budget(budget: Budget) -> str:
    if budget.left <= 1:
        return "bold red"
    return "yellow" if budget.left < budget.burst / 4 else ""


def _rounds(frame: Frame, width: int) -> Iterator[Text]:
    yield heading(_ROUNDS, width)
    yield from rows(_ROUNDS, width, [_round(each) for each in frame.rounds])


def _round(each: Round) -> Mapping[str, Piece]:
    style = _OF_HEALTH.get(each.health, "")
    ago = "" if each.since is None else f"{span(each.since)} ago: "
    return {
        "controller": Piece(each.name, "bold"),
        "state": Piece(each.health, style),
        "last tick": Piece("never" if each.ticked is None else f"{span(each.ticked)} ago"),
        "every": Piece(span(each.every), "dim"),
        "ARM/min": Piece(f"{each.calls:.1f}"),
        "steps": Piece(f"{each.steps}"),
        "waits": Piece(f"{each.waited}", "" if each.waited else "dim"),
        "failed": Piece(f"{each.failed}", "red" if each.failed else "dim"),
        "why": Piece(_why(each) or f"{ago}{each.why}", style if each.health is not Health.WELL else "dim"),
    }


def _why(each: Round) -> str:
    """The trouble with the timer of a controller, if there is trouble."""
    if each.health is Health.OFF:
        return "its timer is disabled"
    if each.health is Health.SILENT:
        return f"nothing is heard of it, though its timer should fire every {span(each.every)}"
    return ""
