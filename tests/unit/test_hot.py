"""Hot machines: heated for no session, offered all the time, opened at once; one test at least for each rule of theirs.

The rules by their numbers: docs/protocol.md, "Hot machines".
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    OTHER,
    SCALE_SET,
    S,
    ago,
    applied,
    asked,
    blank_notes,
    change_of,
    changed,
    cloud,
    edge,
    edges,
    fleet,
    instance,
    notes,
    only,
    published,
    record,
    ref,
    reserved,
    row,
    sighting,
    start_note,
    vm,
)

from scaler.controllers import cleaner, reconciler, starter
from scaler.model.capacity import Demand, after_listing, wanted, with_surplus
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import (
    Addresses,
    FailureClass,
    Health,
    HealthState,
    Instance,
    PowerState,
    ProvisioningState,
    Tier,
    VmId,
)
from scaler.model.plan import Get, Mark, Plan, PowerOff, Start, Step, Why
from scaler.model.policy import Capacity, EndWhen, Mode, Policy, Price, ReadyWhen
from scaler.model.price import priced
from scaler.model.readiness import heated_as_seen
from scaler.model.row import (
    COOLS_HOT,
    ClaimNote,
    HeatedNote,
    OpenedNote,
    ReservedNote,
    Row,
    Snapshot,
    SpentNote,
    StartNote,
    Status,
)
from scaler.model.sighting import Pages, Pause

HOT = Capacity(mode=Mode.BUFFER, buffer=3, hot=2)
POLICY = Policy(capacity={SCALE_SET: HOT}, max_forgets=0.9)
GATED = replace(POLICY, ready_when={SCALE_SET: ReadyWhen.HEALTHY})
COLD, WARM, RUNS = (instance(1, power) for power in (PowerState.DEALLOCATED, PowerState.STOPPED, PowerState.RUNNING))
STARTS = instance(1, PowerState.STARTING, provisioning=ProvisioningState.UPDATING)


def heated(ready: bool = True, **fields: Any) -> HeatedNote:
    """Heated ten minutes ago, and ready since eight, unless said otherwise."""
    base = HeatedNote(at=ago(minutes=10), seen_at=ago(minutes=10), ready_at=ago(minutes=8) if ready else None)
    return replace(base, **fields)


def heating(**age: float) -> HeatedNote:
    """On the way to hot since so long."""
    return heated(ready=False, at=ago(**age), seen_at=ago(**age))


def free(number: int = 1, note: HeatedNote | None = None, **noted: object) -> Row:
    """A machine on offer."""
    since = note.ready_at if note is not None else None
    return row(number, record(number, hot_since=since), notes(number, heated=note, **noted))


def planned(*rows: Row, sees: Cloud, policy: Policy = POLICY) -> Plan:
    return reconciler.decide(Fleet.join(_snapshot(rows), sees, policy), policy)


def _snapshot(rows: Sequence[Row]) -> Snapshot:
    return Snapshot(now=NOW, rows={each.vm_id: each for each in rows})


def judged(what: Row, machine: Instance, policy: Policy = POLICY, **look: Any) -> list[Step]:
    """The reconciler's steps about one machine, by a listing and a targeted GET."""
    sees = asked(cloud(machine, look=sighting(**look)))
    return [step for step in planned(what, sees=sees, policy=policy).steps if step.vm_id == what.vm_id]


# -- H1: heating


def test_a_machine_is_heated_by_a_note_and_a_start_that_both_need_a_replica() -> None:
    step = only(judged(free(), COLD))
    assert (step.why, step.after_replica, edge(step)) == (Why.HOT_LACK, True, None)
    assert isinstance(step.order, Start)
    assert changed(step).heated == HeatedNote(at=NOW, seen_at=NOW)
    assert change_of(step).index is change_of(step).record, "it stays on offer, as it is"
    assert changed(step).fresh


@pytest.mark.parametrize(
    ("what", "machine"),
    [
        (free(), RUNS),
        (free(), STARTS),
        (free(), replace(COLD, marked=False)),
        (row(1, record(), blank_notes(mark_asked_at=ago(minutes=5))), COLD),
        (free(start=start_note()), COLD),
        (free(claim=ClaimNote(order=COOLS_HOT, at=NOW, seen_at=NOW, since=NOW)), COLD),
        (free(spent=SpentNote(why=Edge.CONDEMN, at=NOW)), COLD),
        (reserved(notes()), COLD),
        (replace(free(), index=frozenset()), COLD),
    ],
    ids=["runs", "starts", "unmarked", "not admitted", "started", "claimed", "spent", "reserved", "taken"],
)
def test_only_what_is_fresh_admitted_at_rest_and_unclaimed_is_heated(what: Row, machine: Instance) -> None:
    assert Why.HOT_LACK not in [step.why for step in judged(what, machine)]


def test_heating_rests_on_a_targeted_get() -> None:
    plan = planned(free(), sees=cloud(COLD))
    assert not plan.steps
    assert ref() in [ask.ref for ask in plan.asks if isinstance(ask, Get)]


def test_warm_ones_are_heated_first_then_the_oldest_and_no_more_than_wanted() -> None:
    machines = (instance(1), instance(2, created_at=ago(hours=9)), instance(3, PowerState.STOPPED), instance(4))
    plan = planned(*(free(each) for each in (1, 2, 3, 4)), sees=asked(cloud(*machines)))
    assert {step.vm_id for step in plan.steps if step.why is Why.HOT_LACK} == {vm(2), vm(3)}
    some = planned(free(1), free(2, heated()), free(3), sees=asked(cloud(*machines[:1], _runs(2), machines[2])))
    assert [step.vm_id for step in some.steps if step.why is Why.HOT_LACK] == [vm(3)]


def _runs(number: int, **fields: Any) -> Instance:
    return instance(number, PowerState.RUNNING, **fields)


def test_nothing_is_heated_while_a_visitor_waits_for_a_start() -> None:
    waiting = reserved(notes(9), number=9)
    plan = planned(free(), waiting, sees=asked(cloud(COLD, instance(9))))
    assert Why.HOT_LACK not in [step.why for step in plan.steps]


def test_a_start_that_did_not_show_is_ordered_again_and_a_machine_that_never_starts_is_given_up() -> None:
    step = only(judged(free(note=heating(seconds=45)), COLD))
    assert (step.why, changed(step).heated) == (Why.HEATED_AGAIN, HeatedNote(at=NOW, seen_at=NOW, attempts=2))
    assert not judged(free(note=heating(seconds=44)), COLD)
    tired = replace(heating(seconds=45), attempts=3)
    step = only(judged(free(note=tired), COLD))
    assert (step.why, changed(step).heating_failed_at) == (Why.NEVER_HOT, NOW)


def test_hot_machines_that_a_listing_has_left_out_are_not_replaced() -> None:
    rows = (free(1, heated()), free(2, heated()), free(3))
    assert not planned(*rows, sees=asked(cloud(instance(3), look=sighting(complete=False)))).steps


def test_what_failed_lately_takes_a_place_and_raises_an_alarm() -> None:
    rows = (free(1, heating_failed_at=ago(minutes=29)), free(2), free(3))
    plan = planned(*rows, sees=asked(cloud(instance(1), instance(2), instance(3))))
    assert [step.vm_id for step in plan.steps if step.why is Why.HOT_LACK] == [vm(2)]
    assert [(alarm.why, alarm.alarm) for alarm in plan.refusals] == [(Why.NOT_HEATED, True)]
    later = (free(1, heating_failed_at=ago(minutes=30)), free(2), free(3))
    plan = planned(*later, sees=asked(cloud(instance(1), instance(2), instance(3))))
    assert [step.vm_id for step in plan.steps if step.why is Why.HOT_LACK] == [vm(1), vm(2)]


# -- and how far it is: by targeted GETs alone


def test_a_machine_that_runs_is_hot_by_a_targeted_get() -> None:
    step = only(judged(free(note=heating(minutes=2)), RUNS))
    assert (step.why, published(step).hot_since, published(step).warm) == (Why.HOT, NOW, False)
    heated_now = changed(step).heated
    assert heated_now is not None
    assert heated_now.ready_at == NOW
    assert not planned(free(note=heating(minutes=2)), sees=cloud(RUNS)).steps, "a listing tells nothing of that"


@pytest.mark.parametrize(
    ("warm", "seconds", "due"), [(False, 44, False), (False, 45, True), (True, 4, False), (True, 5, True)]
)
def test_a_machine_on_its_way_is_looked_at_without_any_listing(warm: bool, seconds: int, due: bool) -> None:
    what = free(note=replace(heating(seconds=seconds), warm=warm))
    plan = reconciler.decide(fleet(what, sees=Cloud(listing_due=False), policy=POLICY), POLICY)
    assert [ask.queue for ask in plan.asks if isinstance(ask, Get)] == (["heating"] if due else [])
    if not due:
        assert plan.look_again == (S * 5 if warm else S * 45) - seconds * S


def test_and_again_every_five_seconds_until_it_is_ready() -> None:
    what = free(note=heating(seconds=60))
    for seconds, due in ((4, False), (5, True)):
        world = replace(fleet(what, sees=Cloud(listing_due=False)), looked_lately={vm(): ago(seconds=seconds)})
        assert bool([ask for ask in reconciler.decide(world, POLICY).asks if isinstance(ask, Get)]) is due
    assert not [
        ask for ask in reconciler.decide(fleet(free(note=heated()), policy=POLICY), POLICY).asks if isinstance(ask, Get)
    ]


def health(state: HealthState, at: datetime = NOW) -> Health:
    return Health(state=state, at=at)


def test_where_healthy_is_asked_for_a_heated_machine_is_hot_by_a_healthy_of_this_run() -> None:
    note = heating(minutes=2)
    old, new = health(HealthState.HEALTHY, ago(hours=1)), health(HealthState.HEALTHY, ago(minutes=1))
    (before,) = judged(free(note=note), replace(RUNS, health=old), GATED)
    assert (changed(before).heated, before.why) == (replace(note, boots_at=NOW, health_seen=True), Why.NOTED)
    assert only(judged(free(note=note), replace(RUNS, health=new), GATED)).why is Why.HOT
    (seen,) = judged(free(note=note), replace(RUNS, health=health(HealthState.INITIALIZING)), GATED)
    begun = changed(seen).heated
    assert begun is not None
    assert begun.initializing
    assert only(judged(free(note=begun), replace(RUNS, health=old), GATED)).why is Why.HOT


@pytest.mark.parametrize("machine", [STARTS, RUNS], ids=["starts", "runs"])
def test_a_warm_machine_on_its_way_is_offered_as_warm(machine: Instance) -> None:
    """Else its visitor would be told of a cold start, and every other warm machine be taken first."""
    on_its_way = heating(minutes=2)
    what = row(1, record(1, warm=True), notes(1, heated=on_its_way))
    booting = replace(machine, health=health(HealthState.INITIALIZING))
    assert Why.WARMTH not in {step.why for step in judged(what, booting, GATED)}


def test_what_waits_hot_and_says_that_nobody_is_in_stays_hot() -> None:
    lonely = replace(RUNS, health=health(HealthState.UNHEALTHY))
    assert not judged(free(note=heated()), lonely, GATED)


@pytest.mark.parametrize(("policy", "minutes"), [(POLICY, 5), (GATED, 10)], ids=["running", "healthy"])
def test_what_is_not_ready_in_time_is_claimed_and_stopped(policy: Policy, minutes: int) -> None:
    machine = replace(STARTS if policy is POLICY else RUNS, health=health(HealthState.INITIALIZING))
    early = free(note=replace(heating(minutes=minutes), at=NOW - timedelta(minutes=minutes) + S))
    assert Why.NEVER_HOT not in [step.why for step in judged(early, machine, policy)]
    step = only(judged(free(note=heating(minutes=minutes)), machine, policy))
    assert (step.why, changed(step).heating_failed_at, change_of(step).takes) == (Why.NEVER_HOT, NOW, True)


def test_what_was_shut_down_from_inside_is_hot_no_more() -> None:
    step = only(judged(free(note=heated(at=ago(seconds=30))), COLD))
    assert (step.why, published(step).hot_since) == (Why.HOT_NO_MORE, None)


def test_what_was_shut_down_long_after_its_start_leaves_the_hot_ones_first_and_is_heated_in_the_next_tick() -> None:
    rests = heated(at=ago(hours=1), attempts=3)
    (step,) = judged(free(note=rests), COLD)
    assert (step.why, published(step).hot_since) == (Why.HOT_NO_MORE, None)
    (again,) = judged(free(note=replace(rests, ready_at=None, attempts=0)), COLD)
    assert again.why is Why.HEATED_AGAIN


def test_the_attempts_of_a_run_that_was_ready_are_over() -> None:
    rests = heated_as_seen(heated(at=ago(hours=10), attempts=3), COLD, NOW, by_get=True, policy=POLICY)
    assert (rests.ready_at, rests.attempts) == (None, 0)


def test_a_heating_noted_by_a_clock_that_was_ahead_is_ordered_again() -> None:
    ahead = free(note=heated(ready=False, at=ago(hours=-10), seen_at=ago(minutes=2)))
    (step,) = judged(ahead, COLD)
    assert step.why is Why.HEATED_AGAIN
    plan = reconciler.decide(fleet(ahead, sees=Cloud(listing_due=False), policy=POLICY), POLICY)
    assert [ask.queue for ask in plan.asks if isinstance(ask, Get)] == ["heating"]


def test_nobody_looks_at_a_machine_on_its_way_while_the_scaler_is_paused() -> None:
    world = fleet(free(note=heating(minutes=2)), sees=Cloud(listing_due=False, pause=Pause.ALL))
    assert not [ask for ask in reconciler.decide(world, POLICY).asks if isinstance(ask, Get)]


# -- H2: the one exception from the presumption


def test_a_heated_machine_that_runs_is_explained_and_stays_on_offer() -> None:
    assert not judged(free(note=heated()), RUNS)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"heated": None}, Status.AVAILABLE),
        ({"start": start_note()}, Status.AVAILABLE),
        ({"opened": OpenedNote(session=MINE, at=NOW, record=record())}, Status.AVAILABLE),
        ({"admitted_at": None, "start": start_note()}, Status.AVAILABLE),
        (
            {"claim": ClaimNote(order=COOLS_HOT, at=ago(minutes=1), seen_at=ago(minutes=1), since=NOW, closing=True)},
            Status.AVAILABLE,
        ),
    ],
    ids=["never heated", "started", "opened", "not admitted", "closing"],
)
def test_anything_else_that_runs_is_presumed_to_be_in_use(change: Any, status: Status) -> None:
    what = row(1, record(1, status), replace(notes(heated=heated()), **change))
    assert edges(judged(what, RUNS)) == [Edge.PRESUME]


def test_without_consent_a_heated_machine_is_not_presumed_only_not_offered() -> None:
    step = only(judged(free(note=heated()), RUNS, consent=False))
    assert (step.why, change_of(step).index) == (Why.NO_CONSENT, Status.UNAVAILABLE)


# -- H3 and H4: the start note, then OPEN, and a replica before each


def waits(note: HeatedNote | None = None, *, since: float = 1, movable: bool = True, **noted: Any) -> Row:
    """MINE waits for a machine that was heated."""
    waiting = ReservedNote(session=MINE, at=ago(seconds=since), movable=movable)
    return reserved(notes(heated=note or heated(), reserved=waiting, **noted))


def looked(machine: Instance) -> Cloud:
    """A targeted GET of the machine, and its address."""
    return cloud(machine, look=ASKED).with_addresses({machine.vm_id: Addresses(public="192.0.2.1")})


def starts(*rows: Row, sees: Cloud, policy: Policy = POLICY) -> Plan:
    return starter.decide(Fleet.join(_snapshot(rows), sees, policy), policy)


def taken(what: Row, machine: Instance = RUNS, policy: Policy = POLICY) -> Step:
    return only(starts(what, sees=looked(machine), policy=policy).steps)


def test_a_hot_machine_is_noted_and_then_opened_in_the_same_tick_each_after_a_replica() -> None:
    step = taken(waits())
    assert (step.after_replica, step.order, edge(step), step.instead) == (True, None, None, None)
    assert step.why is Why.READY_HOT
    start = changed(step).start
    assert start == StartNote(session=MINE, at=NOW, attempts=1, hot=True, boots_at=None)
    assert step.then is not None
    assert edge(step.then) is Edge.OPEN
    assert changed(step).opened is None, "OPEN is a write of its own"
    opened = changed(step.then)
    assert (opened.start, published(step.then).public_ip) == (start, "192.0.2.1")
    assert published(step.then).hot_since is None


@pytest.mark.parametrize("note", [heated(), heating(minutes=2)], ids=["hot", "heating"])
@pytest.mark.parametrize("machine", [RUNS, COLD], ids=["runs", "rests"])
def test_whatever_was_ever_heated_is_opened_only_after_a_replica(note: HeatedNote, machine: Instance) -> None:
    """Its guest may have shut it down, and its start gone the cold way."""
    started = taken(waits(note), machine)
    assert started.after_replica
    again = row(1, record(1, Status.RESERVED, session_id=MINE), changed(started))
    step = taken(again, RUNS)
    assert (edge(step), step.after_replica) == (Edge.OPEN, True)


def test_a_machine_that_was_never_heated_is_opened_without() -> None:
    step = taken(reserved(notes(start=start_note())), RUNS)
    assert (edge(step), step.after_replica) == (Edge.OPEN, False)


def test_a_machine_on_its_way_is_noted_without_an_order_and_opened_when_it_runs() -> None:
    step = taken(waits(heating(seconds=30)), STARTS)
    assert (step.order, step.then, step.after_replica, step.why) == (None, None, True, Why.NOT_HOT_YET)
    start = changed(step).start
    assert start is not None
    assert not start.hot
    started = row(1, record(1, Status.RESERVED, session_id=MINE), changed(step))
    assert edge(taken(started, RUNS)) is Edge.OPEN


def test_at_rest_the_start_is_ordered() -> None:
    step = taken(waits(), COLD)
    assert isinstance(step.order, Start)
    assert (step.after_replica, step.then) == (True, None)


def test_with_a_start_note_it_waits_for_a_replica_and_is_refused_at_the_end() -> None:
    start = StartNote(session=MINE, at=ago(minutes=14), attempts=1, hot=True)
    step = taken(waits(start=start, since=14 * 60))
    assert (edge(step), step.instead) == (Edge.OPEN, None), "neither moved nor refused"
    late = taken(waits(start=start, since=15 * 60))
    assert (edge(late), late.after_replica) == (Edge.OPEN, True)
    assert late.instead is not None
    assert edge(late.instead) is Edge.REFUSE
    assert changed(late.instead).presumed_at == NOW, "deleted at rest, or at the limit"


def test_a_start_note_of_somebody_else_opens_the_machine_to_nobody() -> None:
    what = waits(start=start_note(OTHER))
    steps = starts(what, sees=looked(RUNS)).steps
    assert edges([*steps, *(step.then for step in steps if step.then)]) == []
    assert changed(only(steps)).presumed_at == NOW


# -- H5: SWAP


def spare(number: int = 2, note: HeatedNote | None = None, **fields: Any) -> Row:
    return row(number, record(number, **fields), notes(number, heated=note))


def test_for_want_of_a_replica_the_session_is_swapped_after_two_seconds() -> None:
    early = only(starts(waits(since=1.9), spare(), sees=looked(RUNS)).steps)
    assert early.instead is None
    step = only(starts(waits(since=2), spare(), sees=looked(RUNS)).steps)
    assert (edge(step), step.then is not None) == (None, True), "a replica that answers now opens it all the same"
    swap = step.instead
    assert swap is not None
    assert edge(swap) is Edge.SWAP
    change = change_of(swap)
    assert (change.index, published(swap).status) == (Status.AVAILABLE, Status.AVAILABLE)
    assert (published(swap).session_id, published(swap).used, changed(swap).reserved) == (None, False, None)
    assert changed(swap).fresh, "the machine is offered again as it is"
    assert changed(swap).heated is not None
    assert change.partner is not None
    assert (change.partner.row.vm_id, change.partner.takes, change.partner.index) == (vm(2), True, Status.RESERVED)


def test_to_a_machine_that_was_never_heated() -> None:
    step = only(starts(waits(since=2), spare(2, heated()), spare(3), sees=looked(RUNS)).steps)
    assert step.instead is not None
    partner = change_of(step.instead).partner
    assert partner is not None
    assert partner.row.vm_id == vm(3)
    alone = only(starts(waits(since=2), spare(2, heated()), sees=looked(RUNS)).steps)
    assert alone.instead is None, "it waits"


def test_no_session_is_swapped_whose_queue_manager_would_not_find_it() -> None:
    step = only(starts(waits(since=60, movable=False), spare(), sees=looked(RUNS)).steps)
    assert step.instead is None
    late = only(starts(waits(since=15 * 60, movable=False), spare(), sees=looked(RUNS)).steps)
    assert late.instead is not None
    assert edge(late.instead) is Edge.REFUSE


def test_two_sessions_are_not_swapped_to_one_machine() -> None:
    second = row(
        4,
        record(4, Status.RESERVED, session_id=OTHER),
        notes(4, heated=heated(), reserved=ReservedNote(session=OTHER, at=ago(seconds=3), movable=True)),
    )
    sees = cloud(RUNS, _runs(4), look=ASKED).with_addresses({vm(1): Addresses(), vm(4): Addresses()})
    steps = starts(waits(since=2), second, spare(2), sees=sees).steps
    assert [step.instead is not None for step in sorted(steps, key=lambda step: str(step.vm_id))] == [False, True]


# -- H6: cooling


def claimed(age: timedelta, note: HeatedNote | None = None, **fields: Any) -> Row:
    at = NOW - age
    claim = replace(ClaimNote(order=COOLS_HOT, at=at, seen_at=at, since=at), **fields)
    return replace(free(note=note or heated(), claim=claim), index=frozenset({Status.UNAVAILABLE}))


NOT_HOT = replace(POLICY, capacity={SCALE_SET: replace(HOT, hot=0)})


def test_surplus_hot_machines_are_claimed_out_of_the_offer_the_newest_first() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: replace(HOT, hot=1)})
    sees = asked(cloud(_runs(1, created_at=ago(hours=2)), _runs(2)))
    step = only(planned(free(1, heated()), free(2, heated()), sees=sees, policy=policy).steps)
    assert (step.vm_id, step.why, step.order, change_of(step).takes) == (vm(2), Why.HOT_SURPLUS, None, True)
    claim = changed(step).claim
    assert claim is not None
    assert claim.order == COOLS_HOT


def test_the_stop_waits_until_no_failover_can_forget_the_claim() -> None:
    assert not judged(claimed(POLICY.ripe_after - S), RUNS, NOT_HOT)
    step = only(judged(claimed(POLICY.ripe_after), RUNS, NOT_HOT))
    assert (step.why, type(step.order)) == (Why.COOLS_DOWN, PowerOff)


def test_at_rest_the_claim_closes_and_gives_no_order_any_more() -> None:
    step = only(judged(claimed(POLICY.ripe_after), WARM, NOT_HOT))
    closing = changed(step).claim
    assert closing is not None
    assert (step.why, closing.closing, step.order) == (Why.CLAIM_CLOSES, True, None)
    assert edges(judged(claimed(S, closing=True), RUNS, NOT_HOT)) == [Edge.PRESUME]


def test_it_does_not_close_while_its_start_may_be_on_the_way() -> None:
    under_way = heating(seconds=POLICY.claim_closed.total_seconds() - 1)
    assert not judged(claimed(S, under_way), COLD, NOT_HOT)
    dead = heating(seconds=POLICY.claim_closed.total_seconds())
    assert only(judged(claimed(S, dead), COLD, NOT_HOT)).why is Why.CLAIM_CLOSES


def test_only_the_end_of_the_claim_takes_the_note_away_and_offers_the_machine() -> None:
    assert not judged(claimed(POLICY.claim_closed - S, closing=True), WARM, NOT_HOT)
    step = only(judged(claimed(POLICY.claim_closed, closing=True), WARM, NOT_HOT))
    after = changed(step)
    assert (after.heated, after.claim, change_of(step).index) == (None, None, Status.AVAILABLE)
    assert (published(step).warm, published(step).hot_since) == (True, None)


def test_what_is_claimed_to_be_stopped_is_nobodys() -> None:
    """A late write of a naive queue manager finds neither a start nor an OPEN."""
    claim = ClaimNote(order=COOLS_HOT, at=NOW, seen_at=NOW, since=NOW)
    steps = starts(waits(claim=claim), sees=looked(RUNS)).steps
    assert [(edge(step), step.order) for step in steps if edge(step) is Edge.OPEN or step.order] == []


def test_what_is_to_be_replaced_is_cooled_as_soon_as_another_may_be_heated() -> None:
    due = free(1, heated(), replace_asked_at=ago(minutes=1))
    alone = planned(due, sees=asked(cloud(RUNS)))
    assert not alone.steps
    both = planned(due, free(2), sees=asked(cloud(RUNS, instance(2))))
    assert {step.vm_id: step.why for step in both.steps} == {vm(1): Why.HOT_SURPLUS, vm(2): Why.HOT_LACK}


def test_of_two_hot_machines_that_are_to_be_replaced_one_stays_hot_until_another_is() -> None:
    due = [free(each, heated(), replace_asked_at=ago(minutes=1)) for each in (1, 2)]
    machines = (RUNS, _runs(2), instance(3), instance(4))
    plan = planned(*due, free(3), free(4), sees=asked(cloud(*machines)))
    assert [step.why for step in plan.steps].count(Why.HOT_SURPLUS) == 1
    later = planned(due[1], free(3, heating(minutes=1)), free(4), sees=asked(cloud(*machines)))
    assert Why.HOT_SURPLUS not in {step.why for step in later.steps}, "the next one when that is ready"


def test_a_hot_machine_is_not_spent_and_counts_as_one_that_stays() -> None:
    policy = replace(POLICY, capacity={SCALE_SET: replace(HOT, hot=1)}, surplus_kept=timedelta(0))
    machines = (_runs(1), *map(instance, (2, 3, 4)))
    exact = demand_of(*machines, capacity=policy.capacity[SCALE_SET], hot=frozenset({vm(1)}))
    demand = with_surplus(exact, wanted(exact, policy), policy)
    sees = replace(asked(cloud(*machines)), demand={SCALE_SET: demand})
    rows = (
        free(1, heated(), admitted_at=ago(hours=5)),
        *(free(each, admitted_at=ago(hours=each)) for each in (2, 3, 4)),
    )
    step = only(cleaner.decide(fleet(*rows, sees=sees, policy=policy), policy).steps)
    assert (step.vm_id, edge(step)) == (vm(4), Edge.SPEND), "the oldest at rest"
    assert set(change_of(step).beside) == {vm(2), vm(3)}


# -- H8: a heated machine that lost its mark


UNMARKED = replace(COLD, marked=False)


def test_a_heated_machine_without_its_mark_is_taken_out_first() -> None:
    step = only(judged(free(note=heated()), UNMARKED))
    after = changed(step)
    assert (step.why, step.order, after.admitted_at) == (Why.TAKEN_OUT, None, None)
    assert change_of(step).index is not Status.AVAILABLE
    assert after.heated is not None
    assert (after.heated.unmarked_at, after.heated.unmarked_seen_at) == (NOW, NOW)


@pytest.mark.parametrize(
    ("by_redis", "by_azure", "ordered"), [(39, 39, False), (40, 39, False), (39, 40, False), (40, 40, True)]
)
def test_and_marked_again_when_no_failover_can_undo_that(by_redis: int, by_azure: int, ordered: bool) -> None:
    out = heated(ready=False, unmarked_at=ago(seconds=by_redis), unmarked_seen_at=ago(seconds=by_azure))
    noted = notes(heated=out, admitted_at=None, mark_asked_at=None, mark_seen_at=None)
    what = replace(row(1, record(), noted), index=frozenset({Status.UNAVAILABLE}))
    orders = [step.order for step in judged(what, UNMARKED)]
    assert any(isinstance(order, Mark) for order in orders) is ordered


def test_at_rest_the_machine_is_offered_again_as_cold() -> None:
    out = ago(minutes=10)
    again = notes(heated=heated(), admitted_at=None, mark_asked_at=out, mark_seen_at=ago(minutes=5), unindexed_at=out)
    step = only(judged(row(1, record(hot_since=ago(minutes=8)), again, index=False), COLD))
    assert (edge(step), published(step).hot_since) == (Edge.ADMIT, None)


def test_any_other_machine_is_marked_again_at_once() -> None:
    (step,) = judged(free(), UNMARKED)
    assert isinstance(step.order, Mark)


# -- H9: no address before OPEN


def test_no_record_tells_an_address_before_open() -> None:
    hot = only(judged(free(note=heating(minutes=2)), RUNS))
    noted = taken(waits())
    swap = only(starts(waits(since=2), spare(), sees=looked(RUNS)).steps).instead
    assert swap is not None
    for step in (hot, swap):
        assert (published(step).public_ip, published(step).private_ip) == (None, None)
    assert changed(noted).ips == {}
    written = change_of(noted).record
    assert getattr(written, "public_ip", None) is None


# -- C4 and C2: the numbers


def demand_of(*machines: Instance, capacity: Capacity = HOT, hot: frozenset[VmId] | None = None) -> Demand:
    pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=NOW, sent=0.0)
    return after_listing(None, pages, capacity, POLICY, hot=hot)


@pytest.mark.parametrize(("running", "machines"), [(0, 3), (1, 3), (2, 3), (3, 4), (6, 7)])
def test_by_azure_alone_the_hot_ones_are_subtracted_from_what_runs(running: int, machines: int) -> None:
    """A process that never read Redis."""
    assert wanted(demand_of(*map(_runs, range(running))), POLICY).machines == machines


def test_where_redis_was_read_the_number_is_exact() -> None:
    three = tuple(map(_runs, (1, 2, 3)))
    assert wanted(demand_of(*three, hot=frozenset()), POLICY).machines == 6
    assert wanted(demand_of(*three, hot=frozenset({vm(1), vm(2)})), POLICY).machines == 4
    cooling = replace(HOT, hot=0)
    assert wanted(demand_of(*three, capacity=cooling, hot=frozenset({vm(1), vm(2)})), POLICY).machines == 4


def test_a_heating_is_no_visitor_and_a_visitor_of_a_hot_machine_is_one() -> None:
    def listed(at: datetime, machine: Instance, hot: frozenset[VmId], before: Demand | None = None) -> Demand:
        pages = Pages(scale_set=SCALE_SET, instances=(machine,), unidentified=0, requests=1, at=at, sent=0.0)
        return after_listing(before, pages, HOT, POLICY, hot=hot)

    first = listed(ago(seconds=60), COLD, frozenset())
    second = listed(ago(seconds=30), RUNS, frozenset({vm()}), first)
    assert second.starts == ()
    assert len(listed(NOW, RUNS, frozenset(), second).starts) == 1


def test_hot_ones_beyond_their_number_are_no_surplus() -> None:
    """A provisioner that knows Azure alone takes them for used: what is spent would be made again, for ever."""
    policy = replace(POLICY, surplus_kept=timedelta(0))
    capacity = replace(HOT, hot=0, buffer=1)
    machines = (*map(_runs, (1, 2)), instance(3))
    pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=NOW, sent=0.0)
    exact = after_listing(None, pages, capacity, policy, hot=frozenset({vm(1), vm(2)}))
    assert with_surplus(exact, wanted(exact, policy), policy).lasting_surplus(timedelta(0)) == 0
    alone = after_listing(None, pages, capacity, policy)
    assert with_surplus(alone, wanted(alone, policy), policy).lasting_surplus(timedelta(0)) == 0


@pytest.mark.parametrize(
    ("capacity", "hot"),
    [
        (replace(HOT, hot=3), 2),
        (replace(HOT, hot=9), 2),
        (replace(HOT, buffer=0), 0),
        (replace(HOT, buffer=1), 0),
        (Capacity(desired=3, hot=3), 2),
        (HOT, 2),
    ],
)
def test_fewer_machines_are_hot_than_spare_whatever_is_asked_for(capacity: Capacity, hot: int) -> None:
    assert capacity.hot_target == hot


def test_a_budget_holds_hot_machines_before_warm_ones_and_no_more_of_either() -> None:
    def within(budget: float) -> tuple[int, int]:
        price = Price(running=1.0, stopped=1.0, deallocated=0.0)
        capacity = replace(HOT, warm=1, price=price, budget=budget)
        held = priced(None, demand_of(*map(instance, (1, 2, 3)), capacity=capacity, hot=frozenset()), POLICY).capacity
        return held.hot, held.warm

    assert [within(730 * each + 1) for each in (0, 1, 2, 3)] == [(0, 0), (1, 0), (2, 0), (2, 1)]


# -- E2: health, while it waits and afterwards


def test_a_machine_that_was_healthy_is_opened_whatever_it_says_now() -> None:
    lonely = replace(RUNS, health=health(HealthState.UNHEALTHY))
    step = taken(waits(), lonely, GATED)
    assert step.then is not None
    assert edge(step.then) is Edge.OPEN
    opening = changed(step).opening
    assert opening is not None
    assert opening.session == MINE


def test_a_machine_that_is_not_ready_yet_is_noted_and_waits_for_healthy() -> None:
    booting = replace(RUNS, health=health(HealthState.INITIALIZING))
    step = taken(waits(heating(minutes=2)), booting, GATED)
    assert (step.then, step.why) == (None, Why.NOT_HOT_YET)
    noted = row(1, record(1, Status.RESERVED, session_id=MINE), changed(step))
    healthy = replace(RUNS, health=health(HealthState.HEALTHY))
    opening = taken(noted, healthy, GATED)
    assert (edge(opening), opening.why) == (None, Why.HEALTHY)


def test_after_open_an_unhealthy_from_before_it_counts_once_the_visitor_had_time_to_connect() -> None:
    """The machine says since long that nobody is in, and goes on saying so: a visitor who never came."""
    policy = replace(GATED, end_when={SCALE_SET: EndWhen.UNHEALTHY})
    lonely = replace(RUNS, health=health(HealthState.UNHEALTHY, ago(minutes=7)))
    step = taken(waits(heated(initializing=True)), lonely, policy)
    assert step.then is not None
    inside = replace(applied(waits(), change_of(step.then)), index=frozenset({Status.UNAVAILABLE}))
    for seconds, first in ((119, False), (121, True)):
        at = NOW + seconds * S
        sees = cloud(lonely, look=sighting(at=at))
        steps = cleaner.decide(fleet(inside, sees=sees, now=at, policy=policy), policy).steps
        assert [each.why for each in steps if each.why is Why.SEEN_UNHEALTHY] == [Why.SEEN_UNHEALTHY] * first


def test_while_it_waits_its_health_ends_nothing() -> None:
    policy = replace(GATED, end_when={SCALE_SET: EndWhen.UNHEALTHY})
    lonely = replace(RUNS, health=health(HealthState.UNHEALTHY))
    assert not cleaner.decide(fleet(free(note=heated()), sees=asked(cloud(lonely)), policy=policy), policy).steps


# -- the rest


def test_a_session_is_moved_to_a_hot_machine_before_a_warm_one_before_a_cold_one() -> None:
    failed = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
    waiting = reserved(notes(start=start_note(), reserved=ReservedNote(session=MINE, at=ago(seconds=60), movable=True)))
    spares = {2: spare(2), 3: spare(3, warm=True), 4: spare(4, heated(), hot_since=ago(minutes=5))}
    for number, better in ((4, (2, 3, 4)), (3, (2, 3)), (2, (2,))):
        (step,) = starts(waiting, *(spares[each] for each in better), sees=cloud(failed, look=ASKED)).steps
        partner = change_of(step).partner
        assert partner is not None
        assert partner.row.vm_id == vm(number)


def test_the_tier_of_a_record() -> None:
    assert [each.tier for each in (record(), record(warm=True), record(hot_since=NOW))] == [
        Tier.COLD,
        Tier.WARM,
        Tier.HOT,
    ]


def test_without_the_setting_nothing_is_heated_and_what_runs_is_presumed() -> None:
    assert not judged(free(), COLD, NOT_HOT)
    assert edges(judged(free(), RUNS, NOT_HOT)) == [Edge.PRESUME]
