"""Without consent: what is observed must not be changed, and what was seen meanwhile must not be forgotten."""

from dataclasses import replace
from datetime import timedelta

from builders import NOW, POLICY, SCALE_SET, ago, applied, cloud, fleet, instance, notes, record, row, sighting, vm

from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import PowerState, SessionId, VmId
from scaler.model.plan import Plan, Why
from scaler.model.row import Row, Snapshot, Status
from scaler.model.sighting import Method, Pause

ME = SessionId("me")
STRANGE = sighting(consent=False)


def test_another_scalers_reservation_is_not_refused_at_once_while_nobody_allowed_us_to_act() -> None:
    """The functions run in observe mode beside (or before the adoption of) a running installation."""
    theirs = row(1, record(1, Status.RESERVED, session_id=ME, updated_at=ago(seconds=2)), None)
    plan = starter.decide(fleet(theirs), POLICY)
    assert not [each for each in plan.steps if each.change is not None and each.change.edge is Edge.REFUSE]


def carried_out(rows: dict[VmId, Row], plan: Plan) -> dict[VmId, Row]:
    changes = [each.change for each in plan.steps if each.change is not None]
    return rows | {each.row.vm_id: applied(each.row, each) for each in changes}


def test_a_wrong_name_does_not_empty_the_registry_of_a_running_installation() -> None:
    """AZURE_VMSS_NAME names an empty scale set that carries no tag; the records are another scaler's, in session."""
    theirs = (row(1, record(1)), row(2, record(2, Status.UNAVAILABLE, session_id=ME)))
    rows = {each.vm_id: each for each in theirs}
    edges: set[Edge | None] = set()
    for minute in range(4):
        now = NOW + timedelta(minutes=minute)
        for decide in (reconciler.decide, cleaner.decide):
            look = replace(STRANGE, at=now, capacity=0)
            what = Fleet.join(Snapshot(now=now, rows=rows), cloud(look=look), POLICY)
            plan = decide(what, POLICY)
            edges |= {each.change.edge for each in plan.steps if each.change is not None}
            rows = carried_out(rows, plan)
    assert not edges & {Edge.FORGET, Edge.RETIRE}


def test_what_ran_while_nobody_allowed_us_to_act_is_not_offered_afterwards() -> None:
    fresh = row(1, record(1), notes(1))
    neighbour = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))

    rows = {each.vm_id: each for each in (fresh, neighbour)}
    ran = instance(1, power=PowerState.RUNNING)
    for minute in range(60):
        now = NOW + timedelta(minutes=minute)
        halted = minute < 30
        machine = ran if halted else instance(1)
        look = sighting(consent=not halted, at=now)
        what = Fleet.join(Snapshot(now=now, rows=rows), cloud(machine, instance(9), look=look), POLICY)
        rows = carried_out(rows, reconciler.decide(what, POLICY))
    assert Status.AVAILABLE not in rows[vm(1)].index, "it ran for half an hour, and nobody knows for whom"


def test_a_stop_is_not_ordered_by_a_look_that_says_nobody_allowed_it() -> None:
    """The listing's view said yes; the view of the targeted GET, later in the same tick, says no (or: paused)."""
    listing = sighting()
    running = instance(1, PowerState.RUNNING, marked=False)
    for later in (sighting(Method.TARGETED, consent=False), sighting(Method.TARGETED, pause=Pause.ALL)):
        sees = Cloud(listings={SCALE_SET: listing}, asked={vm(1): later}).showing(later, running)
        assert provisioner.decide(sees, POLICY).steps == ()


def test_a_long_pause_condemns_nobody() -> None:
    """Its mark was asked for right before the pause and never came (expired, lost): it is not the machine's fault."""
    begun = notes(1, admitted_at=None, mark_seen_at=None, admitting_at=ago(minutes=31), mark_asked_at=ago(minutes=31))
    neighbour = row(9, record(9), notes(9, mark_asked_at=ago(minutes=31), mark_seen_at=ago(minutes=30)))
    paused = sighting(pause=Pause.ORDERS)
    sees = cloud(instance(1, marked=False), instance(9), look=paused)
    plan = reconciler.decide(fleet(row(1, None, begun), neighbour, sees=sees), POLICY)
    assert Why.MARK_REFUSED not in {each.why for each in plan.steps}


def test_the_first_look_after_a_long_absence_of_consent_condemns_nobody() -> None:
    begun = notes(1, admitted_at=None, mark_seen_at=None, admitting_at=ago(hours=5), mark_asked_at=ago(hours=5))
    neighbour = row(9, record(9), notes(9, mark_asked_at=ago(hours=5), mark_seen_at=ago(hours=5)))
    sees = cloud(instance(1, marked=False), instance(9))
    plan = reconciler.decide(fleet(row(1, None, begun), neighbour, sees=sees), POLICY)
    assert Why.MARK_REFUSED not in {each.why for each in plan.steps}


def test_what_ran_while_it_was_being_admitted_and_nobody_allowed_us_to_act_is_presumed() -> None:
    admitting = notes(1, admitted_at=None, mark_seen_at=ago(minutes=2))
    sees = cloud(instance(1, power=PowerState.RUNNING), look=STRANGE)
    (step,) = reconciler.decide(fleet(row(1, None, admitting), sees=sees), POLICY).steps
    assert step.change is not None
    assert step.change.edge is Edge.PRESUME
