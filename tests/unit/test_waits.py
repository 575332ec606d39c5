"""The waits for the web site: what is measured, what is told before enough is, and what is published when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    MIN,
    NOW,
    POLICY,
    S,
    ago,
    blank_notes,
    cloud,
    fleet,
    instance,
    let_in,
    notes,
    record,
    row,
    sighting,
    start_note,
    vm,
)

from scaler.model.edges import Actor, Edge
from scaler.model.instance import PowerState, ScaleSetName, Tier
from scaler.model.lifecycle import Change
from scaler.model.plan import Plan, Step, Why
from scaler.model.policy import Policy, ReadyWhen
from scaler.model.row import ReservedNote, Row, Status
from scaler.model.waits import LATEST, Coming, Waits, moved_on
from scaler.registry.waits_json import MAX_WAITS, decode_waits, encode_waits
from scaler.report import Outcome, Report, Result
from scaler.waits import Measuring, News

COLD_S = POLICY.start_takes[Tier.COLD].total_seconds()


def measured(*seconds: float, tier: str = Tier.COLD) -> Waits:
    """Waits of one kind."""
    return Waits(latest={tier: seconds})


@pytest.mark.parametrize(
    ("waits", "told"),
    [
        (Waits(), COLD_S),
        (measured(*[60.0] * 9), COLD_S),
        (measured(*[60.0] * 10), 60),
        (measured(*range(1, 101)), 90),
        (measured(*[60.0] * 10, tier=Tier.WARM), COLD_S),
    ],
)
def test_a_visitor_is_told_what_nine_in_ten_did_not_exceed_and_the_policys_until_ten_are_measured(
    waits: Waits, told: float
) -> None:
    assert waits.told(Tier.COLD, POLICY) == told * S


def test_where_a_machine_must_be_healthy_the_unmeasured_wait_is_longer_by_its_boot() -> None:
    policy = replace(POLICY, ready_when={ScaleSetName("vmss"): ReadyWhen.HEALTHY})
    assert Waits().told(Tier.WARM, policy) == POLICY.start_takes[Tier.WARM] + POLICY.boot_takes
    assert Waits().told(Tier.HOT, policy) == POLICY.start_takes[Tier.HOT], "it has booted"


def test_at_a_higher_speed_the_unmeasured_waits_are_shorter() -> None:
    assert Waits().told(Tier.WARM, Policy().at_speed(20)) == POLICY.start_takes[Tier.WARM] / 20


@pytest.mark.parametrize(
    ("late", "then"), [(-1, 0), (0, 10), (9, 10), (10, 30), (29, 30), (30, 70), (86_400, 10 * (2**14 - 1))]
)
def test_an_expected_time_that_has_passed_moves_on_by_ever_longer_steps(late: int, then: int) -> None:
    assert moved_on(NOW, NOW + late * S) == NOW + then * S
    assert moved_on(NOW, NOW + late * S) > NOW + late * S


# -- hearing


def step_of(edge: Edge | None, was: Row, **change: object) -> Report:
    """A tick with one step."""
    step = Step(why=Why.RUNS, change=Change(row=was, edge=edge, **change))  # type: ignore[arg-type]
    return Report(plan=Plan(), fleet=fleet(), outcomes=(Outcome(step=step, result=Result.DONE),))


def opening(seconds: float, *, warm: bool = False, moved: bool = False) -> Report:
    """A session is let in after so long."""
    noted = replace(notes(**let_in(seconds=0)), start=start_note(warm=warm))
    assert noted.opened is not None
    since = ReservedNote(session=noted.opened.session, at=noted.opened.at - timedelta(seconds=seconds))
    inside = record(1, Status.UNAVAILABLE, moved_from=vm(2) if moved else None)
    return step_of(Edge.OPEN, row(1, inside, noted), record=inside, notes=replace(noted, reserved=since))


def news(*heard: tuple[Actor, Report, float]) -> list[News]:
    """The news of ticks at given seconds."""
    measuring = Measuring()
    found = (measuring.hear(name, report, second) for name, report, second in heard)
    return [each for each in found if each is not None]


def test_a_wait_is_measured_by_the_tier_of_its_start_and_apart_where_the_session_was_moved() -> None:
    ticks = [opening(9, warm=True), opening(100), opening(150, moved=True), opening(150, warm=True, moved=True)]
    found = news(*((Actor.STARTER, tick, 0) for tick in ticks))
    assert [each.measured for each in found] == [
        {Tier.WARM: (9.0,)},
        {Tier.COLD: (100.0,)},
        {"moved": (150.0,)},
        {"moved": (150.0,)},
    ]


def test_the_latest_hundred_of_a_kind_are_kept_over_what_others_have_published() -> None:
    (told,) = news((Actor.STARTER, opening(7), 0))
    stored = Waits(latest={"cold": tuple(map(float, range(100))), "hot": (0.5,)}, coming=Coming(machines=2))
    after = told.on(stored, POLICY)
    assert after.latest["cold"] == (*map(float, range(1, 100)), 7.0)
    assert len(after.latest["cold"]) == LATEST
    assert after.latest["hot"] == (0.5,), "a newer scaler's"
    assert after.coming == Coming(machines=2)
    assert (after.expected, after.limit) == ({Tier.WARM: 10.0, Tier.COLD: 89.0}, 3600.0)


def test_without_news_it_is_published_every_ten_seconds_by_starter_and_reconciler() -> None:
    quiet = Report(plan=Plan(), fleet=fleet())
    assert len(news(*((Actor.STARTER, quiet, at) for at in (0, 9, 10, 19, 20)))) == 3
    assert len(news((Actor.STARTER, quiet, 0), (Actor.RECONCILER, quiet, 1), (Actor.CLEANER, quiet, 2))) == 2
    assert len(news((Actor.STARTER, quiet, 0), (Actor.STARTER, opening(1), 1))) == 2
    assert news((Actor.STARTER, replace(quiet, fleet=None), 0)) == []


# -- what is offered, and what comes


def published(*rows: Row, sees: Sequence[object] = (), listed: bool = True, stored: Waits | None = None) -> Waits:
    """The waits that a tick over a fleet publishes."""
    seen = cloud(*sees, look=sighting()) if listed else None  # type: ignore[arg-type]
    return News(fleet=fleet(*rows, sees=seen), measured={}).on(stored or Waits(), POLICY)


def test_free_machines_are_counted_by_tier() -> None:
    rows = [row(number, record(number, warm=number > 2), notes(number)) for number in (1, 2, 3)]
    reserved = row(4, record(4, Status.RESERVED), notes(4))
    taken = row(5, record(5), notes(5), index=False)
    assert published(*rows, reserved, taken).free == {Tier.WARM: 1, Tier.COLD: 2}


def test_new_machines_come_when_as_much_has_passed_as_others_took_and_later_where_they_are_late() -> None:
    made = [instance(n, PowerState.RUNNING, marked=False, created_at=ago(seconds=n * 100)) for n in (1, 2)]
    lead = POLICY.lead_time
    coming = published(sees=made).coming
    assert coming == Coming(machines=2, next_at=NOW + lead - 200 * S)
    late = instance(3, marked=False, created_at=NOW - lead - 15 * S)
    assert published(sees=[late]).coming == Coming(machines=1, next_at=NOW + 15 * S)
    admitting = row(4, None, blank_notes(4, mark_asked_at=ago(seconds=5)))
    assert published(admitting, sees=[instance(4, created_at=ago(minutes=1))]).coming == Coming(
        machines=1, next_at=NOW + lead - MIN
    )


def test_what_is_ready_or_failed_does_not_come_and_without_a_listing_nothing_is_known() -> None:
    ready = row(1, record(1), notes(1))
    assert published(ready, sees=[instance(1)]).coming == Coming(machines=0)
    stored = Waits(coming=Coming(machines=1, next_at=NOW - S))
    assert published(listed=False, stored=stored).coming == Coming(machines=1, next_at=NOW + 9 * S)
    assert published(listed=False).coming is None


# -- the text


def test_what_is_published_reads_the_same_again() -> None:
    (told,) = news((Actor.STARTER, opening(7.5), 0))
    waits = told.on(Waits(coming=Coming(machines=2, next_at=NOW + MIN)), POLICY)
    assert decode_waits(encode_waits(waits)) == waits


def test_the_text_is_what_the_page_says() -> None:
    waits = Waits(at=NOW, latest={"warm": (8.0, 9.5), "moved": (151.2,)}, expected={Tier.WARM: 10.0}, limit=3600.0)
    assert encode_waits(waits).decode() == (
        '{"at":"2026-01-01T12:00:00Z","tiers":{'
        '"warm":{"expected":10.0,"free":null,"p50":8.0,"p90":9.5,"measured":2},'
        '"cold":{"expected":null,"free":null,"p50":null,"p90":null,"measured":0}},'
        '"moved":{"p50":151.2,"p90":151.2,"measured":1},"coming":null,"limit":3600.0,'
        '"latest":{"warm":[8.0,9.5],"moved":[151.2]}}'
    )


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"latest":{"cold":["x"]}}',
        b'{"latest":{"cold":[-1]}}',
        b'{"limit":1e300}',
        b'{"tiers":{"cold":{"expected":-5}}}',
        b'{"coming":{"machines":-1}}',
        b'{"at":"2026-01-01T12:00:00"}',
        b'{"at":"9999-01-01T12:00:00Z"}',
        b"[" * 5_000,
        b'{"x":"' + b"y" * MAX_WAITS + b'"}',
    ],
)
def test_what_is_no_text_of_the_scalers_says_nothing(raw: bytes | None) -> None:
    assert decode_waits(raw) == Waits()


def test_a_text_of_a_newer_scaler_says_what_is_known() -> None:
    raw = b'{"tiers":{"tepid":{"expected":0.5},"warm":{"expected":9,"x":1}},"y":[],"latest":{"tepid":[0.4]}}'
    assert decode_waits(raw) == Waits(expected={Tier.WARM: 9.0}, latest={"tepid": (0.4,)})


def test_hot_machines_are_told_of_only_where_there_are_or_should_be_any() -> None:
    """A site that knows no hot tier reads what it read before."""
    assert b"hot" not in encode_waits(Waits(free={Tier.WARM: 1, Tier.COLD: 2}))
    text = encode_waits(Waits(expected={Tier.HOT: 1.0}, free={Tier.HOT: 1, Tier.WARM: 0, Tier.COLD: 2}))
    assert b'"hot":{"expected":1.0,' in text
    assert decode_waits(text).free == {Tier.HOT: 1, Tier.WARM: 0, Tier.COLD: 2}
