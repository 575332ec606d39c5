"""What may happen to one machine by itself: ticks, orders that arrive, and the accidents that touch it alone."""

from collections.abc import Iterable, Iterator
from enum import IntEnum, auto
from functools import cache
from typing import NamedTuple

from model import cleaner, cloud, reconciler, starter
from model.registry import written
from model.rules import Rule, Rules
from model.state import LONG, Age, Held, Kind, Listed, Machine, Notes, Power, Row, Stalled, Step, View

from scaler.model.row import Status


class Accident(IntEnum):
    """What a scenario allows to happen, and how often."""

    FAILOVER = 0  # Redis loses its latest writes: all since the replica fell behind
    FLUSH = auto()  # Redis loses everything
    LOSE_NOTES = auto()  # Redis loses one key
    LOSE_RECORD = auto()  # or the other
    OVERLAP = auto()  # a tick decides, and acts later
    STALL = auto()  # a tick stops between reading Redis and looking at Azure
    STALE = auto()  # from now on a listing may show what was once
    MISS = auto()  # a listing lacks the machine
    UNPROTECT = auto()  # somebody takes the mark away from what is offered
    SHUTDOWN = auto()  # the guest shuts down
    EVICT = auto()  # Azure deallocates it
    VANISH = auto()  # Azure, or somebody, deletes it
    FAIL = auto()  # its start is refused once too often, or its reservation times out
    SURPLUS = auto()  # the operator wants one warm machine less, or one hot one
    LACK = auto()  # or one more
    BEYOND = auto()  # and one machine less at all
    HEAT = auto()  # or one hot machine more
    HOURS = auto()  # long enough for every limit
    KEEP = auto()  # a listing that shows the truth, the past, or no such machine serves other controllers as well
    SILENT = auto()  # its responder hangs: Azure shows Unknown, or nothing
    AHEAD = auto()  # for one look, Redis' clock or Azure's says that hours have passed


class Event(NamedTuple):
    """Something that may happen in this state, and the machine after it."""

    name: str
    after: Machine
    accident: Accident | None = None
    confirms: bool = False  # a replica has every write so far
    confirmed: bool = False  # only where a replica answers: it has every write before this one


_KEPT = " (kept listing)"
_NOWHERE = View(Power.GONE, marked=False)


@cache
def events(machine: Machine, rules: Rules) -> tuple[Event, ...]:
    """All of them."""
    return tuple(each for each in _events(machine, rules) if each.after != machine or each.confirms)


def _events(machine: Machine, rules: Rules) -> Iterator[Event]:
    for name, after in cloud.arrivals(machine):
        yield Event(name, after)
    yield from _by_listings(machine, rules)
    yield from _by_the_starter(machine, rules)
    yield from _stalling(machine, rules)
    yield from _ahead(machine, rules)
    yield from _keeping(machine)
    yield from _platform(machine)
    yield from _taking(machine, rules)


def _by_listings(machine: Machine, rules: Rules) -> Iterator[Event]:
    for listing, truth, accident, how in _looks(machine, rules):
        for name, after in cloud.provisioner(machine, listing, truth, rules):
            yield Event(name + how, after, accident)
        for step in _of_listing(machine, listing, truth, rules):
            yield _done(machine, step, rules)._replace(accident=accident, name=step.name + how)


def _by_the_starter(machine: Machine, rules: Rules) -> Iterator[Event]:
    own = [step for view in machine.views if (step := starter.start_or_open(machine.row, view, rules)) is not None]
    for step in own:
        yield _done(machine, step, rules)
    yield from _overlapping(machine, own, rules)


def _taking(machine: Machine, rules: Rules) -> Iterator[Event]:
    heated = machine.row.notes is not None and machine.row.notes.heated
    too_many = (Power.RUNS, *cloud.AT_REST) if heated else (Power.WARM,)
    for powers, accident in ((too_many, Accident.SURPLUS), ((Power.COLD,), Accident.LACK)):
        if _may_be_taken(machine, *powers):
            claim = reconciler.claim(machine.row, warms=accident is Accident.LACK)
            taken = claim if Rule.TAKES_AT_CLAIM in rules else claim._replace(takes=False)
            yield _done(machine, taken, rules)._replace(accident=accident)
    given_up = reconciler.give_up(machine.row, machine.view, rules)
    if given_up is not None:
        yield _done(machine, given_up, rules)._replace(accident=Accident.FAIL)
    if _may_be_taken(machine, *cloud.AT_REST) and machine.marked:
        yield _done(machine, reconciler.heat(machine.row), rules)._replace(accident=Accident.HEAT)
    if _may_be_taken(machine, *cloud.AT_REST) and not heated:
        spent = cleaner.spend(machine.row)
        taken = spent if Rule.TAKES_AT_SPEND in rules else spent._replace(takes=False)
        yield _done(machine, taken, rules)._replace(accident=Accident.BEYOND)


def _looks(machine: Machine, rules: Rules) -> Iterator[tuple[View, View, Accident | None, str]]:
    """Each listing, and what a targeted GET after it would answer."""
    for listing, accident, how in _listings(machine, rules):
        for truth in _asked(machine, how, rules):
            yield listing, truth, accident, how
    late = machine.late_view
    if late != machine.view:
        yield late, late, None, " (shown late)"
        if machine.stale is not None:
            yield machine.stale, late, None, " (stale listing, shown late)"


def _listings(machine: Machine, rules: Rules) -> Iterator[tuple[View, Accident | None, str]]:
    yield from _new_listings(machine)
    listed = machine.listed
    if listed is not None and (listed.age < LONG or Rule.KEPT_YOUNG not in rules):
        yield listed.view, None, _KEPT


def _new_listings(machine: Machine) -> Iterator[tuple[View, Accident | None, str]]:
    yield machine.view, None, ""
    if machine.stale is not None and machine.stale != machine.view:
        yield machine.stale, None, " (stale listing)"
    if machine.power is not Power.GONE:
        yield _NOWHERE, Accident.MISS, " (not in this listing)"


def _keeping(machine: Machine) -> Iterator[Event]:
    """Another controller has just listed."""
    for view, _, how in _new_listings(machine):
        yield Event(f"a listing is kept{how}", machine._replace(listed=Listed(view)), Accident.KEEP)


def _asked(machine: Machine, how: str, rules: Rules) -> tuple[View, ...]:
    """The answers of a targeted GET; or of a kept listing, where the broken rule takes the listing for a GET."""
    listed = machine.listed
    kept = listed is not None and how == _KEPT and Rule.KEPT_IS_NO_GET not in rules
    return (listed.view,) if listed is not None and kept else machine.views


def _of_listing(machine: Machine, listing: View, truth: View, rules: Rules) -> Iterator[Step]:
    reconciled = reconciler.reconcile(machine.row, listing, truth, rules)
    if reconciled is not None:
        yield reconciled
    cleaned = cleaner.clean(machine.row, listing, truth, rules)
    if cleaned is not None:
        yield cleaned


def _overlapping(machine: Machine, own: Iterable[Step], rules: Rules) -> Iterator[Event]:
    row = machine.row
    if machine.held is not None:
        yield _acted(machine, machine.held, rules)
        return
    of_looks = (step for view in machine.views for step in _of_listing(machine, view, view, rules))
    for step in (*of_looks, *own):
        held = machine._replace(held=Held((row.record, row.notes), step))
        yield Event(f"{step.name}, but only decides", held, Accident.OVERLAP)


def _stalling(machine: Machine, rules: Rules) -> Iterator[Event]:
    """Every guard but one says "old enough", which a tick that lives in the past only makes stricter: a claim's."""
    row, stalled = machine.row, machine.stalled
    if stalled is None and row.notes is not None and row.notes.claim is not None:
        read = machine._replace(stalled=Stalled(row, (row.record, row.notes)))
        yield Event("reconciler: reads Redis, and stalls", read, Accident.STALL)
    if stalled is None:
        return
    step = reconciler.reconcile(stalled.read, machine.view, machine.view, rules)
    going_on = machine._replace(stalled=None)
    if step is None or _is_too_old(stalled.age, rules):
        yield Event("and does nothing", going_on)
        return
    if step.order in {Kind.COOL, Kind.START, Kind.STOP}:  # it rewrites nothing, it only verifies
        step = step._replace(record=stalled.before[0], notes=stalled.before[1])
    after = done(going_on, step, rules, stalled.before)
    yield Event(f"and goes on ({step.name})", after or going_on)


def _ahead(machine: Machine, rules: Rules) -> Iterator[Event]:
    """A tick by a clock that is wrong. By both clocks nothing is older than it is."""
    notes = machine.row.notes
    if Rule.TWO_CLOCKS in rules or notes is None:
        return
    over = notes._replace(over=bool(notes.opened or notes.presumed or notes.spent))
    aged = notes._replace(
        seen=None if notes.seen is None else LONG,
        missed=None if notes.missed is None else LONG,
        rests=None if notes.rests is None else LONG,
        unhealthy=None if notes.unhealthy is None else LONG,
    )
    for wrong, name in ((over, "Redis'"), (aged, "Azure's")):
        mistaken = machine._replace(row=machine.row._replace(notes=wrong))
        for step in _of_listing(mistaken, machine.view, machine.view, rules):
            yield _done(machine, step, rules)._replace(
                accident=Accident.AHEAD, name=f"{step.name} ({name} clock ahead)"
            )


def _acted(machine: Machine, held: Held, rules: Rules) -> Event:
    """The rest of a tick; where it decided has become the past."""
    if _is_too_old(held.age, rules):
        return Event("and does nothing", machine._replace(held=None))
    after = done(machine._replace(held=None), held.step, rules, held.before, held.age)
    confirms = after is not None and _confirms(held.step)
    acted = after or machine._replace(held=None)
    return Event(f"and acts ({held.step.name})", acted, None, confirms, held.step.confirmed)


def _confirms(step: Step) -> bool:
    """A start with a note waits for a replica, and an opening; a start under a claim has no note of its own."""
    if step.name == "starter: notes the opening":
        return True
    return step.order is Kind.START and step.notes is not None and step.notes.claim is None


def _is_too_old(age: Age, rules: Rules) -> bool:
    return age > 0 and Rule.YOUNG_PLAN in rules


def _done(machine: Machine, step: Step, rules: Rules) -> Event:
    after = done(machine, step, rules, (machine.row.record, machine.row.notes))
    return Event(step.name, after or machine, None, _confirms(step) and after is not None, step.confirmed)


def done(machine: Machine, step: Step, rules: Rules, before: tuple[object, object], age: int = 0) -> Machine | None:
    """The machine after a step: written, then ordered. None if the race was lost."""
    row = written(machine.row, step, before, rules)  # type: ignore[arg-type]
    if row is None:
        return None
    opened = row.notes.opened if row.notes is not None else None
    served = machine.served if opened is None or opened in machine.served else (*machine.served, opened)
    early = machine.early or (machine.gated and not machine.up and _is_let_in(machine.row, row))
    return cloud.ordered(machine._replace(row=row, served=served, early=early), step.order, age)


def _is_let_in(before: Row, after: Row) -> bool:
    """The decision to let somebody in: the opening note, or the OPEN without one."""
    if after.notes is None:
        return False
    known = before.notes or Notes()
    opened = after.notes.opened is not None and known.opened is None and known.opening is None
    return opened or (after.notes.opening is not None and known.opening is None)


def _platform(machine: Machine) -> Iterable[Event]:
    if machine.power is Power.GONE:
        return
    if machine.gated and machine.power is Power.RUNS and not machine.up:
        yield Event("its app comes up", machine._replace(up=True, was_up=True))
    if machine.power is Power.RUNS:
        yield Event("its guest shuts down", cloud.at_rest(machine, Power.WARM), Accident.SHUTDOWN)
    if machine.responds:
        yield Event("its responder falls silent", machine._replace(silent=True), Accident.SILENT)
    yield Event("Azure deallocates it", cloud.at_rest(machine, Power.COLD), Accident.EVICT)
    gone = cloud.arrived(machine._replace(inside=None), Kind.DELETE)
    yield Event("it vanishes", gone, Accident.VANISH)
    yield Event("the listing falls behind", machine._replace(stale=machine.view), Accident.STALE)
    heated = machine.row.notes is not None and machine.row.notes.heated
    if machine.marked and (machine.power is not Power.RUNS or heated) and machine.row.status is Status.AVAILABLE:
        yield Event("somebody unprotects it", machine._replace(marked=False), Accident.UNPROTECT)
    if machine.row.record is not None:
        lost = machine.row._replace(record=None)
        yield Event("Redis loses its record", machine._replace(row=lost), Accident.LOSE_RECORD)
    if machine.row.notes is not None:
        yield Event(
            "Redis loses its notes", machine._replace(row=machine.row._replace(notes=None)), Accident.LOSE_NOTES
        )


def _may_be_taken(machine: Machine, *powers: Power) -> bool:
    """By its record and notes. Where its key is now, only the write can tell."""
    fresh = machine.row.notes is not None and machine.row.notes.fresh
    return machine.power in powers and fresh and machine.row.status is Status.AVAILABLE
