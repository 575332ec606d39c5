"""Consent and pause where a look can be of either kind, and of either scale set: each place of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    UNIQUE_ID,
    ago,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    ref,
    row,
    sighting,
    vm,
)
from clock import ManualClock

from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.world import MANAGED
from scaler.actuate import Ports
from scaler.controllers import cleaner, reconciler, starter
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import PowerState, SessionId
from scaler.model.plan import Why, withheld
from scaler.model.row import OpenedNote, SpentNote, StartNote, Status
from scaler.model.sighting import Answer, Method, Pages, Pause, ScaleSetView, Sighting
from scaler.tick import Tick, withheld_steps

MINE = SessionId("mine")
NO = sighting(Method.TARGETED, consent=False)
RUNNING = instance(1, power=PowerState.RUNNING)


def view(**fields: object) -> ScaleSetView:
    base = ScaleSetView(name=SCALE_SET, unique_id=UNIQUE_ID, capacity=1, etag=None, managed_by="true", at=NOW, sent=0.0)
    return replace(base, **fields)  # type: ignore[arg-type]


def answered(seen: ScaleSetView, pause: Pause = Pause.NONE) -> Cloud:
    answer = Answer(asked=ref(1), found=instance(1), at=NOW, sent=0.0)
    return Cloud(pause=pause).with_answers(seen, [answer], POLICY)


def listed(seen: ScaleSetView, pause: Pause = Pause.NONE) -> Cloud:
    pages = Pages(scale_set=SCALE_SET, instances=(instance(1),), unidentified=0, requests=1, at=NOW, sent=0.0)
    return Cloud(pause=pause).with_listing(seen, pages, POLICY)


@pytest.mark.parametrize("looked", [answered, listed])
@pytest.mark.parametrize(
    ("tag", "ours", "strict"),
    [
        (Pause.ORDERS, Pause.NONE, Pause.ORDERS),
        (Pause.NONE, Pause.ALL, Pause.ALL),
        (Pause.ALL, Pause.ORDERS, Pause.ALL),
        (Pause.NONE, Pause.NONE, Pause.NONE),
    ],
)
def test_a_look_of_either_kind_hears_the_tag_and_our_own_pause(
    looked: Callable[..., Cloud], tag: Pause, ours: Pause, strict: Pause
) -> None:
    assert looked(view(pause=tag), ours).sightings[vm(1)].pause is strict


@pytest.mark.parametrize("looked", [answered, listed])
@pytest.mark.parametrize(("says", "consent"), [("true", True), ("another", False), ("True", False), (None, False)])
def test_only_our_own_name_is_consent_whatever_the_look(
    looked: Callable[..., Cloud], says: str | None, consent: bool
) -> None:
    assert looked(view(managed_by=says)).sightings[vm(1)].consent is consent


@pytest.mark.parametrize("pause", Pause)
def test_nothing_may_be_started_without_consent(pause: Pause) -> None:
    look = sighting(consent=False, pause=pause)
    assert (look.orders_allowed, look.starts_allowed) == (False, False)


@pytest.mark.parametrize("power", [PowerState.RUNNING, PowerState.DEALLOCATED, PowerState.UNKNOWN])
@pytest.mark.parametrize("marked", [True, False])
def test_without_consent_a_reservation_is_neither_opened_nor_refused_before_its_time(
    power: PowerState, marked: bool
) -> None:
    start = StartNote(session=MINE, at=ago(seconds=30), attempts=1)
    waiting = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1, start=start))
    plan = starter.decide(fleet(waiting, sees=cloud(instance(1, power, marked=marked), look=NO)), POLICY)
    assert {each.why for each in plan.steps} <= {Why.NOTED}


@pytest.mark.parametrize("by", Method)
def test_without_consent_the_cleaner_ends_nothing(by: Method) -> None:
    was = record(status=Status.UNAVAILABLE, session_id=MINE)
    start = StartNote(session=MINE, at=ago(hours=3), attempts=1)
    over = notes(1, start=start, opened=OpenedNote(session=MINE, at=ago(hours=3), record=was))
    look = sighting(by, consent=False)
    for noted in (over, replace(over, rest_at=ago(hours=1))):
        for machine in (RUNNING, instance(1)):
            assert cleaner.decide(fleet(row(1, was, noted), sees=cloud(machine, look=look)), POLICY).steps == ()


def test_a_pause_takes_no_machine_out_of_the_mood() -> None:
    """Most marked machines are unknown: that is so whether or not somebody paused their scale set."""
    sees = cloud(instance(1), instance(2), look=sighting(pause=Pause.ORDERS))
    plan = reconciler.decide(fleet(row(1), row(2), sees=sees), POLICY)
    assert {each.why for each in plan.steps} == {Why.MOST_UNKNOWN}
    assert Why.MOST_UNKNOWN in {each.why for each in plan.refusals}


@pytest.mark.parametrize("look", [sighting(consent=False), sighting(pause=Pause.ALL), sighting(pause=Pause.ORDERS)])
def test_whoever_is_halted_is_named_and_by_what(look: Sighting) -> None:
    refusal = withheld(look)
    assert refusal.facts == {"scale_set": SCALE_SET, "pause": look.pause}
    assert not refusal.alarm


@pytest.mark.parametrize("look", [NO, sighting(Method.TARGETED, pause=Pause.ALL)])
def test_as_if_allowed_leaves_nothing_withheld_and_changes_nothing_else(look: Sighting) -> None:
    halted = replace(cloud(instance(1), look=look), listings={SCALE_SET: look}, pause=Pause.ALL)
    allowed = halted.as_if_allowed()
    assert (set(halted.withheld), allowed.withheld, allowed.pause) == ({SCALE_SET}, {}, Pause.NONE)
    for before, after in (
        (halted.listings[SCALE_SET], allowed.listings[SCALE_SET]),
        (halted.asked[vm(1)], allowed.asked[vm(1)]),
        (halted.sightings[vm(1)], allowed.sightings[vm(1)]),
    ):
        assert after == replace(before, consent=True, pause=Pause.NONE)


class House:
    """One scale set, and a setting that says how far we are halted."""

    def __init__(self, pause: Pause) -> None:
        self.clock = ManualClock()
        self.azure = EmulatedScaleSet(self.clock.now, name=SCALE_SET)
        self.azure.tag(**MANAGED)
        self.registry = MemoryRegistry(self.clock.now)
        self.policy = replace(POLICY, pause=pause)

    def tick(self, name: Actor) -> Tick:
        registry = None if name is Actor.PROVISIONER else self.registry
        faces = {SCALE_SET: InProcessScaleSet(self.azure, self.clock)}
        return Tick(name, Ports(registry=registry, scale_sets=faces, clock=self.clock), self.policy)


@pytest.mark.parametrize("pause", [Pause.ORDERS, Pause.ALL])
@pytest.mark.parametrize("name", [Actor.PROVISIONER, Actor.RECONCILER])
def test_the_setting_halts_whoever_ticks(name: Actor, pause: Pause) -> None:
    house = House(pause)
    house.azure.scale(Scale(capacity=1), by="operator")
    house.clock.advance(timedelta(minutes=5))
    report = house.tick(name).run()
    assert {each.why for each in report.plan.refusals} == {Why.PAUSED}
    assert [each for each in report.plan.steps if each.order is not None] == []


@pytest.mark.parametrize("what", ["order", "why"])
def test_what_is_taken_otherwise_than_it_would_be_is_said(what: str) -> None:
    """The session is ended in any case; only its machine's deletion is withheld."""
    was = record(status=Status.UNAVAILABLE, session_id=MINE)
    noted = notes(1, start=StartNote(session=MINE, at=ago(hours=3), attempts=1))
    over = row(1, was, replace(noted, opened=OpenedNote(session=MINE, at=ago(hours=3), record=was)))
    halted = cloud(RUNNING, look=sighting(Method.TARGETED, pause=Pause.ORDERS))
    plan = cleaner.decide(fleet(over, sees=halted), POLICY)
    would = cleaner.decide(fleet(over, sees=halted.as_if_allowed()), POLICY)
    if what == "why":
        plan = replace(plan, steps=(replace(only(plan.steps), why=Why.NOTED, order=only(would.steps).order),))
    assert withheld_steps(plan, would, halted) == would.steps
    assert withheld_steps(would, would, halted) == ()


def test_a_spent_machine_is_acknowledged_during_a_pause_and_deleted_after_it() -> None:
    was = record(status=Status.UNAVAILABLE, session_id=MINE, used=True)
    start = StartNote(session=MINE, at=ago(minutes=9), attempts=1)
    noted = notes(1, start=start, opened=OpenedNote(session=MINE, at=ago(minutes=8), record=replace(was, used=False)))
    step = only(
        cleaner.decide(
            fleet(row(1, was, noted), sees=cloud(RUNNING, look=sighting(Method.TARGETED, pause=Pause.ORDERS))), POLICY
        ).steps
    )
    assert (step.why, step.order) == (Why.ENDED, None)
    assert changed(step).spent == SpentNote(why=Edge.RELEASE, at=NOW)
