"""Consent and pause: what each controller still does, what it holds back and says, and what it must not forget."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    ASKED,
    MIN,
    MINE,
    NEIGHBOUR,
    NOW,
    POLICY,
    RUNNING,
    SCALE_SET,
    UNIQUE_ID,
    ago,
    applied,
    change_of,
    changed,
    cloud,
    edge,
    edges,
    fleet,
    instance,
    let_in,
    located,
    notes,
    only,
    reconciled,
    record,
    ref,
    reserved,
    row,
    sighting,
    start_note,
    unavailable,
    vm,
)

from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import PowerState, ScaleSetName, VmId
from scaler.model.plan import Mark, Plan, Start, Why, withheld
from scaler.model.row import Notes, Row, SpentNote, Status
from scaler.model.sighting import Answer, Method, Pages, Pause, ScaleSetView, Sighting, strictest
from scaler.tick import withheld_steps

UNMARKED = instance(1, PowerState.RUNNING, marked=False)
STRANGE = sighting(consent=False)
NO = replace(STRANGE, by=Method.TARGETED)
HALTED = [replace(ASKED, pause=Pause.ORDERS), replace(ASKED, pause=Pause.ALL), NO]
PAUSES = [Pause.ORDERS, Pause.ALL]


def opened(age: timedelta) -> Notes:
    return notes(1, **let_in(seconds=age.total_seconds()))


def said(plan: Plan) -> set[Why]:
    return {each.why for each in plan.refusals}


def started(what: Row, look: Sighting) -> Plan:
    return starter.decide(fleet(what, sees=cloud(instance(1), look=look)), POLICY)


def cleaned(what: Row, sees: Cloud) -> Plan:
    return cleaner.decide(fleet(what, sees=sees), POLICY)


# -- what a look hears of them


@pytest.mark.parametrize(
    ("words", "strict"),
    [
        ((), Pause.NONE),
        ((Pause.NONE, Pause.ORDERS), Pause.ORDERS),
        ((Pause.ALL, Pause.ORDERS), Pause.ALL),
        ((Pause.NONE, Pause.NONE), Pause.NONE),
    ],
)
def test_the_strictest_word_holds(words: tuple[Pause, ...], strict: Pause) -> None:
    assert strictest(*words) is strict


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


# -- the provisioner


@pytest.mark.parametrize("look", HALTED)
def test_a_halted_provisioner_neither_grows_nor_stops_and_says_why(look: Sighting) -> None:
    halted = replace(look, capacity=1)
    sees = replace(cloud(UNMARKED, look=halted), listings={SCALE_SET: replace(halted, by=Method.LISTING)})
    plan = provisioner.decide(sees, POLICY)
    assert plan.steps == ()
    assert said(plan) == {Why.PAUSED if look.consent else Why.NO_CONSENT}


@pytest.mark.parametrize("later", HALTED)
def test_a_stop_is_not_ordered_by_a_look_that_says_nobody_allowed_it(later: Sighting) -> None:
    """The listing's view said yes; the view of the targeted GET, later in the same tick, says no (or: paused)."""
    sees = Cloud(listings={SCALE_SET: sighting()}, asked={vm(1): later}).showing(later, UNMARKED)
    assert provisioner.decide(sees, POLICY).steps == ()


# -- the reconciler


@pytest.mark.parametrize("pause", PAUSES)
def test_a_paused_reconciler_marks_nothing_but_keeps_the_registry_right(pause: Pause) -> None:
    ripe = notes(2, admitted_at=None, mark_seen_at=ago(minutes=10))
    astray = row(3, record(3, Status.UNAVAILABLE, used=True), notes(3), index=False)
    shown = (instance(1, marked=False), instance(2), instance(3), instance(9))
    what = fleet(row(1), row(2, None, ripe), astray, NEIGHBOUR, sees=cloud(*shown, look=sighting(pause=pause)))
    plan = reconciler.decide(what, POLICY)
    assert not [each for each in plan.steps if each.order is not None]
    assert edges(plan.steps) == [Edge.ADMIT]
    assert {each.why for each in plan.steps} == {Why.HORIZON_PASSED, Why.INDEX_REPAIR, Why.NOTED}
    assert said(plan) == {Why.PAUSED}


def test_the_reconciler_marks_again_once_the_pause_is_over() -> None:
    assert isinstance(only(reconciled(row(1), instance(1, marked=False)).steps).order, Mark)


def test_a_pause_takes_no_machine_out_of_the_mood() -> None:
    """Most marked machines are unknown: that is so whether or not somebody paused their scale set."""
    sees = cloud(instance(1), instance(2), look=sighting(pause=Pause.ORDERS))
    plan = reconciler.decide(fleet(row(1), row(2), sees=sees), POLICY)
    assert {each.why for each in plan.steps} == {Why.MOST_UNKNOWN}
    assert Why.MOST_UNKNOWN in said(plan)


def test_a_strangers_marked_machines_do_not_put_the_reconciler_in_doubt_about_its_own() -> None:
    theirs = sighting(scale_set=ScaleSetName("stranger"), consent=False)
    others = (replace(instance(n), ref=replace(ref(n), scale_set=theirs.scale_set)) for n in range(20, 30))
    mixed = replace(cloud(instance(1), instance(9)), listings={SCALE_SET: sighting(), theirs.scale_set: theirs})
    plan = reconciler.decide(fleet(row(1), NEIGHBOUR, sees=mixed.showing(theirs, *others)), POLICY)
    assert said(plan) == {Why.NO_CONSENT}
    assert [(each.vm_id, edge(each)) for each in plan.steps] == [(vm(1), Edge.CONDEMN)]


@pytest.mark.parametrize(
    ("begun", "look"), [(timedelta(minutes=31), sighting(pause=Pause.ORDERS)), (timedelta(hours=5), sighting())]
)
def test_a_mark_that_never_came_since_before_a_long_halt_condemns_nobody(begun: timedelta, look: Sighting) -> None:
    """It was asked for right before the pause (or the end of consent), and is lost: not the machine's fault."""
    since = NOW - begun
    known = notes(1, admitted_at=None, mark_seen_at=None, admitting_at=since, mark_asked_at=since)
    neighbour = row(9, record(9), notes(9, mark_asked_at=since, mark_seen_at=since + MIN))
    sees = cloud(instance(1, marked=False), instance(9), look=look)
    plan = reconciler.decide(fleet(row(1, None, known), neighbour, sees=sees), POLICY)
    assert Why.MARK_REFUSED not in {each.why for each in plan.steps}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("what", [reserved(notes(start=start_note())), unavailable(opened(MIN))])
def test_without_consent_a_session_that_is_known_stays_as_it_is(what: Row, marked: bool) -> None:
    sees = cloud(replace(RUNNING, marked=marked), look=STRANGE)
    assert reconciler.decide(fleet(what, sees=sees), POLICY).steps == ()


def test_without_consent_what_runs_unmarked_only_leaves_available() -> None:
    sees = cloud(UNMARKED, look=STRANGE)
    step = only(reconciler.decide(fleet(row(1, record(1), notes(1)), sees=sees), POLICY).steps)
    assert (step.why, edge(step), change_of(step).index) == (Why.NO_CONSENT, None, Status.UNAVAILABLE)


def test_what_ran_while_it_was_being_admitted_and_nobody_allowed_us_to_act_is_presumed() -> None:
    admitting = notes(1, admitted_at=None, mark_seen_at=ago(minutes=2))
    steps = reconciler.decide(fleet(row(1, None, admitting), sees=cloud(RUNNING, look=STRANGE)), POLICY).steps
    assert edge(only(steps)) is Edge.PRESUME


def carried_out(rows: Mapping[VmId, Row], plan: Plan) -> Mapping[VmId, Row]:
    changes = [each.change for each in plan.steps if each.change is not None]
    return {**rows, **{each.row.vm_id: applied(each.row, each) for each in changes}}


def test_what_ran_while_nobody_allowed_us_to_act_is_not_offered_afterwards() -> None:
    rows: Mapping[VmId, Row] = {vm(1): row(1, record(1), notes(1)), vm(9): NEIGHBOUR}
    for minute in range(60):
        now, halted = NOW + minute * MIN, minute < 30
        look, machine = sighting(consent=not halted, at=now), RUNNING if halted else instance(1)
        what = fleet(*rows.values(), sees=cloud(machine, instance(9), look=look), now=now)
        rows = carried_out(rows, reconciler.decide(what, POLICY))
    assert Status.AVAILABLE not in rows[vm(1)].index, "it ran for half an hour, and nobody knows for whom"


def test_a_wrong_name_does_not_empty_the_registry_of_a_running_installation() -> None:
    """AZURE_VMSS_NAME names an empty scale set that carries no tag; the records are another scaler's, in session."""
    rows: Mapping[VmId, Row] = {vm(1): row(1, record(1)), vm(2): unavailable(None, number=2)}
    taken: list[Edge] = []
    for minute in range(4):
        now = NOW + minute * MIN
        for decide in (reconciler.decide, cleaner.decide):
            plan = decide(fleet(*rows.values(), sees=cloud(look=replace(STRANGE, at=now, capacity=0)), now=now), POLICY)
            taken += edges(plan.steps)
            rows = carried_out(rows, plan)
    assert not {*taken} & {Edge.FORGET, Edge.RETIRE}


# -- the starter


@pytest.mark.parametrize(("pause", "starts"), [(Pause.NONE, True), (Pause.ORDERS, True), (Pause.ALL, False)])
def test_a_pause_spares_those_who_are_waiting_unless_it_says_all(pause: Pause, starts: bool) -> None:
    plan = started(reserved(notes(1)), replace(ASKED, pause=pause))
    assert isinstance(only(plan.steps).order, Start) is starts
    assert said(plan) == (set() if pause is Pause.NONE else {Why.PAUSED})


@pytest.mark.parametrize(("late", "why"), [(-1, Why.NOTED), (0, Why.TIMEOUT), (1, Why.TIMEOUT)])
def test_who_waits_through_a_full_pause_is_refused_at_the_timeout(late: int, why: Why) -> None:
    waiting = reserved(notes(1, start=start_note(seconds=POLICY.reservation_timeout.total_seconds() + late)))
    assert only(started(waiting, replace(ASKED, pause=Pause.ALL)).steps).why is why


@pytest.mark.parametrize("pause", PAUSES)
def test_a_started_visitor_is_let_in_during_any_pause(pause: Pause) -> None:
    sees = located(cloud(RUNNING, look=replace(ASKED, pause=pause)))
    plan = starter.decide(fleet(reserved(notes(1, start=start_note())), sees=sees), POLICY)
    assert edge(only(plan.steps)) is Edge.OPEN


@pytest.mark.parametrize("power", [PowerState.RUNNING, PowerState.DEALLOCATED, PowerState.UNKNOWN])
@pytest.mark.parametrize("marked", [True, False])
def test_without_consent_a_reservation_is_neither_opened_nor_refused_before_its_time(
    power: PowerState, marked: bool
) -> None:
    sees = cloud(instance(1, power, marked=marked), look=NO)
    plan = starter.decide(fleet(reserved(notes(1, start=start_note())), sees=sees), POLICY)
    assert {each.why for each in plan.steps} <= {Why.NOTED}


def test_another_scalers_reservation_is_not_refused_at_once_while_nobody_allowed_us_to_act() -> None:
    """The functions run in observe mode beside (or before the adoption of) a running installation."""
    plan = starter.decide(fleet(reserved(None, updated_at=ago(seconds=2))), POLICY)
    assert Edge.REFUSE not in edges(plan.steps)


# -- the cleaner


@pytest.mark.parametrize("pause", PAUSES)
def test_a_paused_cleaner_ends_sessions_and_deletes_nothing(pause: Pause) -> None:
    plan = cleaned(unavailable(opened(120 * MIN)), cloud(RUNNING, look=replace(ASKED, pause=pause)))
    step = only(plan.steps)
    assert (edge(step), step.order, changed(step).delete) == (Edge.EXPIRE, None, None)
    assert said(plan) == {Why.PAUSED}


@pytest.mark.parametrize("look", HALTED)
def test_a_used_machine_waits_for_the_end_of_the_pause(look: Sighting) -> None:
    spent = SpentNote(why=Edge.RELEASE, at=ago(minutes=2))
    used = unavailable(replace(opened(5 * MIN), spent=spent, ended={MINE: Edge.RELEASE}), used=True)
    assert cleaned(used, cloud(RUNNING, look=look)).steps == ()
    assert only(cleaned(used, cloud(RUNNING, look=look).as_if_allowed()).steps).order is not None


def test_a_spent_machine_is_acknowledged_during_a_pause_and_deleted_after_it() -> None:
    step = only(cleaned(unavailable(opened(8 * MIN), used=True), cloud(RUNNING, look=HALTED[0])).steps)
    assert (step.why, step.order) == (Why.ENDED, None)
    assert changed(step).spent == SpentNote(why=Edge.RELEASE, at=NOW)


@pytest.mark.parametrize("by", Method)
def test_without_consent_the_cleaner_ends_nothing(by: Method) -> None:
    over = opened(180 * MIN)
    for noted in (over, replace(over, rest_at=ago(hours=1))):
        for machine in (RUNNING, instance(1)):
            assert cleaned(unavailable(noted), cloud(machine, look=sighting(by, consent=False))).steps == ()


@pytest.mark.parametrize("what", ["order", "why"])
def test_what_is_taken_otherwise_than_it_would_be_is_said(what: str) -> None:
    """The session is ended in any case; only its machine's deletion is withheld."""
    over, halted = unavailable(opened(180 * MIN)), cloud(RUNNING, look=HALTED[0])
    plan, would = cleaned(over, halted), cleaned(over, halted.as_if_allowed())
    if what == "why":
        plan = replace(plan, steps=(replace(only(plan.steps), why=Why.NOTED, order=only(would.steps).order),))
    assert withheld_steps(plan, would, halted) == would.steps
    assert withheld_steps(would, would, halted) == ()
