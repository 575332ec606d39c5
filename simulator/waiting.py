"""What a site shows its visitor at each second of a wait, told by `look` alone: hot, warm, cold, moved, and in line.

The real controllers, scripts and published waits before an emulated Azure of exact latencies, in virtual time.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from emulator.behaviour import Behaviour, Fault, Latencies
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.instance import ScaleSetName, SessionId, Tier
from scaler.model.policy import Capacity, Mode, Policy, ReadyWhen
from scaler.model.waits import Waits, moved_on
from scaler.registry.reservations import Phase, Sight, Stage
from scaler.report import Report
from scaler.waits import Measuring
from simulator.clock import BEGINNING
from simulator.day.host import VirtualHost

_SECOND = timedelta(seconds=1)
_READY_WITHIN = timedelta(minutes=20)
_LONGEST = 600  # seconds that are shown at most
_SCALE_SET = ScaleSetName("vmss-pixels")
_ME, _BEFORE = SessionId("me"), SessionId("somebody-else")
_SITE_RESTS = 5  # after the answer "open" the table shows so many seconds more


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A wait: the machines at its beginning, and what happens to it."""

    name: str
    about: str
    capacity: Capacity
    begins: Callable[[VirtualHost], object] = lambda host: host
    latencies: Latencies = field(default_factory=Latencies)
    ready_when: ReadyWhen = ReadyWhen.RUNNING


def _fail_the_first_start(host: VirtualHost) -> None:
    host.azure.script(Fault.START_OTHER)


def _take_the_last(host: VirtualHost) -> None:
    host.reservations.reserve(_BEFORE)
    host.reserved()


CASES = (
    Case(
        name="hot",
        about="A machine runs already, and waits (`SCALER_HOTPOOL_SIZE`).",
        capacity=Capacity(desired=2, hot=1),
    ),
    Case(
        name="warm",
        about="A machine is free and stopped, its allocation kept.",
        capacity=Capacity(desired=2, warm=2),
    ),
    Case(name="cold", about="A machine is free and deallocated.", capacity=Capacity(desired=2)),
    Case(
        name="late",
        about="The same, and Azure needs 150 s for the start.",
        capacity=Capacity(desired=2),
        latencies=Latencies(start_deallocated=(150.0, 150.0)),
    ),
    Case(
        name="moved",
        about="The first machine does not start, and the session goes on with another one.",
        capacity=Capacity(desired=2),
        begins=_fail_the_first_start,
    ),
    Case(
        name="healthy",
        about="The machine must be Healthy first (`SCALER_READY_WHEN=healthy`): Windows boots, the app must stream.",
        capacity=Capacity(desired=2),
        ready_when=ReadyWhen.HEALTHY,
    ),
    Case(
        name="none free",
        about="The last machine was taken a moment ago. `reserve` answers nil, and the page reads `vmss:waits`.",
        capacity=Capacity(mode=Mode.BUFFER, buffer=1),
        begins=_take_the_last,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A visitor's page at one second."""

    second: int
    says: str  # by Redis
    expected: datetime | None
    now: datetime
    text: str  # for the visitor, without the time that is left

    @property
    def left(self) -> int | None:
        """Seconds until the expected time."""
        return None if self.expected is None else round((self.expected - self.now).total_seconds())


def ready_host(case: Case) -> VirtualHost:
    """A scaler whose machines are all on offer."""
    policy = Policy(
        capacity={_SCALE_SET: case.capacity},
        ready_when={_SCALE_SET: case.ready_when},
        warm_lack_kept=timedelta(0),
    )
    watches: Mapping[str, timedelta] = dict.fromkeys(CONTROLLERS, timedelta(seconds=55))
    behaviour = Behaviour(latencies=case.latencies.exact())
    host = VirtualHost(policy, watches=watches, behaviour=behaviour, page_size=100)
    measuring = Measuring()

    def publish(name: Actor, report: Report) -> None:
        news = measuring.hear(name, report, host.clock.monotonic())
        if news is not None:
            host.registry.leave_waits(news.on(host.registry.waits(), policy))
        if any(outcome.step.edge == Edge.MOVE.name for outcome in report.outcomes):
            host.reserved()  # the starter's watch sees the other machine by its next probe

    host.readers.append(publish)
    host.begin()
    wanted = case.capacity.desired or case.capacity.buffer
    kept = {Tier.WARM: case.capacity.warm, Tier.HOT: case.capacity.hot}
    while host.clock.now() - BEGINNING < _READY_WITHIN:
        host.run(timedelta(seconds=30))
        free = host.reservations.waits().free
        if sum(free.values()) == wanted and all(free.get(tier, 0) == number for tier, number in kept.items()):
            break
    return host


def seconds(case: Case) -> Iterator[Shown]:
    """The page at each second, from the moment at which the visitor asks until some seconds after they may go in."""
    host, open_for, has = ready_host(case), 0, False
    case.begins(host)
    for second in range(_LONGEST):
        if not has and host.reservations.reserve(_ME) is not None:
            has = True
            host.reserved()
        sight = host.reservations.look(_ME)
        yield _shown(second, host, sight)
        open_for += sight.stage is Stage.OPEN
        if open_for > _SITE_RESTS:
            return
        host.run(_SECOND)


def _shown(second: int, host: VirtualHost, sight: Sight) -> Shown:
    now = host.clock.now()
    if sight.stage is Stage.UNKNOWN:
        waits = host.reservations.waits()
        expected = _next(waits, now)
        says = f"nil; coming {waits.coming.machines if waits.coming is not None else '–'}"
        return Shown(second=second, says=says, expected=expected, now=now, text=_in_line(waits))
    says = " ".join(filter(None, (sight.stage, sight.phase)))
    return Shown(second=second, says=says, expected=sight.expected_ready_at, now=now, text=page(sight))


def _next(waits: Waits, now: datetime) -> datetime | None:
    """When the visitor may probably go in: the next machine is offered cold, and then has to start."""
    if waits.coming is None or waits.coming.next_at is None or Tier.COLD not in waits.expected:
        return None
    return moved_on(waits.coming.next_at, now) + timedelta(seconds=waits.expected[Tier.COLD])


def _in_line(waits: Waits) -> str:
    if waits.coming is None or not waits.coming.machines:
        return "All machines are taken. We ask again every two seconds."
    return "All machines are taken, and another one is being made."


def page(sight: Sight) -> str:
    """What the page may say beside the time that is left."""
    moved = sight.reservation is not None and sight.reservation.moved_from is not None
    if sight.stage is Stage.OPEN:
        until = f" Your session lasts until {sight.ends_at:%H:%M}." if sight.ends_at is not None else ""
        return f"Come in.{until}"
    if sight.stage is not Stage.RESERVED:
        return f"It is over ({sight.ended_because or sight.stage})."
    if moved:
        return "That machine did not start. You have another one, which is starting."
    words = {
        Phase.WAITING: "Your machine is reserved.",
        Phase.BOOTING: "Your machine runs. The experience is loading.",
        Phase.RUNNING: "Your machine is ready. A moment.",
    }
    return words.get(sight.phase or Phase.WAITING, "Your machine is starting.")


def table(case: Case) -> str:
    """The wait as a Markdown table: a row for all seconds in which only the time that is left changes."""
    rows = ["| second | Redis says | seconds left | the page may say |", "|---|---|---|---|"]
    for _, alike in groupby(seconds(case), key=lambda shown: (shown.says, shown.expected, shown.text)):
        first, *_, last = [*(some := list(alike)), some[-1]]
        rows.append(f"| {_span(first.second, last.second)} | {first.says} | {_left(first, last)} | {first.text} |")
    return "\n".join(rows)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _left(first: Shown, last: Shown) -> str:
    if first.left is None or last.left is None:
        return "–"
    return str(first.left) if first is last else f"{first.left} down to {last.left}"


def tables() -> str:
    """Those of all cases."""
    return "\n\n".join(map(told, CASES))


def told(case: Case) -> str:
    """The case with its table."""
    return f"**{case.name}**: {case.about}\n\n{table(case)}"


def main(words: Sequence[str]) -> int:
    """Print the tables of these cases; without any, of all. 2 for a case that there is not."""
    known = {case.name.replace(" ", "-"): case for case in CASES}
    unknown = [word for word in words if word not in known]
    if unknown:
        print(f"{' '.join(unknown)}: not understood; the waits are {', '.join(known)}", file=sys.stderr)
        return 2
    print("\n\n".join(told(known[word]) for word in words or known))
    return 0
