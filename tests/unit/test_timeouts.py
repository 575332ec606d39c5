"""Each row of the table of waitings, with the real controllers: no step before the time, the row's step after."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    RUNNING,
    SCALE_SET,
    S,
    blank_notes,
    cloud,
    fleet,
    instance,
    notes,
    record,
    reserved,
    row,
    sighting,
    start_note,
    unavailable,
)

from docs.timeouts_table import WAITINGS, Waiting
from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.model.capacity import after_listing, wanted, with_surplus
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import (
    Addresses,
    FailureClass,
    Health,
    HealthState,
    Instance,
    PowerState,
    ProvisioningState,
    ScaleSetName,
)
from scaler.model.plan import Plan, SetCapacity
from scaler.model.policy import Capacity, EndWhen, Mode, Policy, ReadyWhen
from scaler.model.replacing import with_replacements
from scaler.model.row import (
    COOLS,
    COOLS_HOT,
    WARMS,
    ClaimNote,
    DeleteNote,
    FailedNote,
    HeatedNote,
    Notes,
    OpenedNote,
    ReservedNote,
    Row,
    SpentNote,
    StartNote,
    Status,
    Unreadable,
)
from scaler.model.scarcity import Shortage, ceiling_after, with_failures
from scaler.model.sighting import Method, Pages

UNLIMITED = replace(POLICY, session_limit=timedelta(0))
AGED = replace(POLICY, max_ready_age=timedelta(hours=1))
COLD = replace(POLICY, capacity={SCALE_SET: Capacity(desired=4, warm=0)})
GATED = replace(COLD, ready_when={SCALE_SET: ReadyWhen.HEALTHY})
SICK = Health(state=HealthState.UNHEALTHY, at=NOW)
LISTED = sighting()
UNSETTLED = instance(power=PowerState.STARTING, provisioning=ProvisioningState.UPDATING)
WARM = instance(power=PowerState.STOPPED)
BY_HEALTH = replace(POLICY, end_when={SCALE_SET: EndWhen.UNHEALTHY})
UNHEALTHY = replace(RUNNING, health=Health(state=HealthState.UNHEALTHY, at=NOW + S))
DELETING = instance(power=PowerState.RUNNING, provisioning=ProvisioningState.DELETING, marked=False)
NEW = instance(marked=False)
type Scene = Callable[[datetime], Plan]  # since when it has waited -> what the controllers want now


def seen(
    machine: Instance, row_of: Callable[[datetime], Row], policy: Policy = POLICY, by: Method = Method.LISTING
) -> Scene:
    """A scene with one machine, and a row in Redis made from the time since when the machine waits."""
    verb = {Method.LISTING: reconciler.decide, Method.TARGETED: cleaner.decide}[by]
    return lambda since: verb(fleet(row_of(since), sees=cloud(machine, look=sighting(by))), policy)


def to_be_marked(row_of: Callable[[datetime], Row]) -> Scene:
    """An unmarked machine at rest, asked for by itself: a mark rests on that."""
    looked = cloud(NEW, look=ASKED)
    return lambda since: reconciler.decide(fleet(row_of(since), sees=looked), POLICY)


def neighbour(since: datetime) -> Row:
    """One whose mark was taken meanwhile: else a refused mark is Azure's fault, and nothing is deleted for it."""
    return row(2, record(2), notes(2, mark_asked_at=since + S, mark_seen_at=since + 2 * S))


def asked(since: datetime, **fields: object) -> Notes:
    """Its mark has been asked for."""
    return blank_notes(1, admitting_at=since, mark_asked_at=since, **fields)


def beside(other: Callable[[datetime], Row], known: Callable[[datetime], Row]) -> Scene:
    """Two machines, both as Azure shows them: the second one is at rest."""
    both = cloud(NEW, instance(2))
    return lambda since: reconciler.decide(fleet(known(since), other(since), sees=both), POLICY)


def absent(known: Callable[[datetime], Row], *, decide: Callable[..., Plan] = cleaner.decide, **look: object) -> Scene:
    """A targeted GET does not find it."""
    where = sighting(Method.TARGETED, **look)
    return lambda since: decide(fleet(known(since), sees=Cloud(asked={known(since).vm_id: where})), POLICY)


def waiting(machine: Instance | None, policy: Policy = POLICY, *, consent: bool = True, **start: object) -> Scene:
    """A session that has waited since then; `start`: it was started then, and this is what else is noted of that."""

    def wanted(since: datetime) -> Plan:
        waits = ReservedNote(session=MINE, at=since)
        noted = StartNote(session=MINE, **{"at": since, "attempts": 1, **start}) if start else None  # type: ignore[arg-type]
        known = reserved(notes(1, reserved=waits, start=noted))
        look = sighting(Method.TARGETED, consent=consent)
        return starter.decide(
            fleet(known, sees=cloud(machine, look=look) if machine else Cloud(), policy=policy), policy
        )

    return wanted


def surplus(since: datetime) -> Plan:
    """Nobody wants the machine since then."""
    none, demand = Capacity(desired=0), None
    for at in (since, NOW):
        pages = Pages(scale_set=SCALE_SET, instances=(instance(),), unidentified=0, requests=1, at=at, sent=0.0)
        demand = after_listing(demand, pages, none, replace(POLICY, demand_window=POLICY.surplus_kept * 2))
        demand = with_surplus(demand, wanted(demand, POLICY), POLICY)
    assert demand is not None
    sees = replace(cloud(instance(), look=ASKED), demand={SCALE_SET: demand})
    policy = replace(POLICY, capacity={SCALE_SET: none})
    return cleaner.decide(fleet(row(1, record(), notes(1)), sees=sees, policy=policy), policy)


def replaced(noted: Callable[[datetime], Notes], *, latest: bool = True) -> Scene:
    """Two machines are ready and one is wanted, since a moment ago; the younger one is of the latest model."""
    both = (instance(1, latest_model=latest, created_at=NOW - 7200 * S), instance(2, latest_model=True))
    pages = Pages(scale_set=SCALE_SET, instances=both, unidentified=0, requests=1, at=NOW, sent=0.0)
    demand = {SCALE_SET: with_replacements(after_listing(None, pages, Capacity(desired=1), AGED), pages, AGED)}

    def wanted(since: datetime) -> Plan:
        young = row(2, record(2), notes(2, admitted_at=NOW))
        sees = replace(cloud(*both, look=ASKED), demand=demand)
        return cleaner.decide(fleet(row(1, record(), noted(since)), young, sees=sees, policy=AGED), AGED)

    return wanted


def starting(since: datetime) -> Plan:
    """Neither at rest nor running since then; the visitor has waited no longer than that."""
    start = StartNote(session=MINE, at=since, attempts=1)
    waits = ReservedNote(session=MINE, at=since)
    known = reserved(notes(1, reserved=waits, start=start, unsettled_at=since))
    return starter.decide(fleet(known, sees=cloud(UNSETTLED, look=ASKED)), POLICY)


def nowhere(since: datetime) -> Plan:
    """Reserved, and notes that do not say where."""
    waits = ReservedNote(session=MINE, at=since)
    known = reserved(blank_notes(scale_set=ScaleSetName(""), reserved=waits))
    return starter.decide(fleet(known, sees=cloud(look=sighting(consent=False))), POLICY)


def stranded(since: datetime) -> Plan:
    """Gone, its session would follow a MOVE, and nothing is Available."""
    waits = ReservedNote(session=MINE, at=since, movable=True)
    known = reserved(notes(1, reserved=waits, missed_at=NOW - 60 * S))
    return starter.decide(fleet(known, sees=Cloud(asked={known.vm_id: ASKED})), POLICY)


def unopened(since: datetime) -> Plan:
    """The starter's plan for a reserved machine that runs without known addresses."""
    start = StartNote(session=MINE, at=since, attempts=1, runs_at=since)
    waits = ReservedNote(session=MINE, at=since)
    known = reserved(notes(1, reserved=waits, start=start))
    looked = cloud(RUNNING, look=ASKED).with_addresses({RUNNING.vm_id: None})
    return starter.decide(fleet(known, sees=looked), POLICY)


def gated(said: Health | None) -> Scene:
    """A machine that runs under a reservation, and is not Healthy."""

    def wanted(since: datetime) -> Plan:
        start = StartNote(session=MINE, at=NOW - 600 * S, attempts=1, seen_at=NOW, boots_at=since)
        waits = ReservedNote(session=MINE, at=NOW - 600 * S)
        known = reserved(notes(1, reserved=waits, start=start))
        return starter.decide(fleet(known, sees=cloud(replace(RUNNING, health=said), look=ASKED), policy=GATED), GATED)

    return wanted


def sold_out(failure: FailureClass) -> Scene:
    """A session whose machine is Failed, beside a cold one of the same scale set."""

    def wanted(since: datetime) -> Plan:
        start, waits = start_note(seconds=50), ReservedNote(session=MINE, at=NOW - 60 * S, movable=True)
        known = reserved(notes(1, reserved=waits, start=start))
        cold = row(2, record(2), notes(2))
        machine = instance(provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
        looked = fleet(known, cold, sees=cloud(machine, look=ASKED))
        shortage = Shortage(since=since, until=since + POLICY.unattractive[failure])
        return starter.decide(replace(looked, shortages={SCALE_SET: shortage}), POLICY)

    return wanted


def used(
    machine: Instance, policy: Policy = POLICY, *, used: bool = True, **fields: Callable[[datetime], object]
) -> Scene:
    """Its record says Unavailable, and used; each note is as of the time from which it waits."""

    def known(since: datetime) -> Row:
        return unavailable(notes(1, **{name: value(since) for name, value in fields.items()}), used=used)

    return seen(machine, known, policy, by=Method.TARGETED)


in_session = partial(used, used=False)


def opened(at: datetime, seen_at: datetime | None = None) -> OpenedNote:
    """Let in at that time."""
    return OpenedNote(session=MINE, at=at, record=record(1, Status.UNAVAILABLE, session_id=MINE), seen_at=seen_at)


def claimed(machine: Instance, times: Callable[[datetime], ClaimNote], by: Method = Method.LISTING) -> Scene:
    """To be cooled, and out of `available` meanwhile."""

    def known(since: datetime) -> Row:
        return replace(row(1, record(), notes(1, claim=times(since))), index=frozenset({Status.UNAVAILABLE}))

    return lambda since: reconciler.decide(
        fleet(known(since), sees=cloud(machine, look=sighting(by)), policy=COLD), COLD
    )


def uncooled(since: datetime) -> Plan:
    """Warm beyond the number, and offered: its claim was given up."""
    offered = row(1, record(1, warm=True), notes(1, claim_failed_at=since))
    return reconciler.decide(fleet(offered, sees=cloud(WARM)), replace(COLD, warm_surplus_kept=timedelta(0)))


def warm_surplus(since: datetime) -> Plan:
    """Warm beyond the number since then, by listings of that time and of now."""
    demand = None
    for at in (since, NOW):
        pages = Pages(scale_set=SCALE_SET, instances=(WARM,), unidentified=0, requests=1, at=at, sent=0.0)
        demand = after_listing(demand, pages, COLD.capacity[SCALE_SET], COLD)
        demand = with_surplus(demand, wanted(demand, COLD), COLD)
    assert demand is not None
    sees = replace(cloud(WARM), demand={SCALE_SET: demand})
    return reconciler.decide(fleet(row(1, record(1, warm=True), notes(1)), sees=sees, policy=COLD), COLD)


def warm_lack(since: datetime, **noted: object) -> Plan:
    """Two cold machines where one should be warm, by listings of that time and of now."""
    demand, machines = None, (instance(1), instance(2))
    for at in (since, NOW):
        pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=at, sent=0.0)
        demand = after_listing(demand, pages, POLICY.capacity[SCALE_SET], POLICY)
        demand = with_surplus(demand, wanted(demand, POLICY), POLICY, warm=1)
    assert demand is not None
    sees = replace(cloud(*machines), demand={SCALE_SET: demand})
    rows = [row(number, record(number), notes(number, **noted)) for number in (1, 2)]
    return reconciler.decide(fleet(*rows, sees=sees), POLICY)


def unwarmed(since: datetime) -> Plan:
    """The same, and for both a claim was given up."""
    return warm_lack(NOW - 120 * S, claim_failed_at=since)


def claim(since: datetime, **fields: object) -> ClaimNote:
    """Never renewed."""
    return replace(ClaimNote(order=COOLS, at=since, seen_at=since, since=since), **fields)  # type: ignore[arg-type]


def old_claim(since: datetime) -> ClaimNote:
    """A claim after which no order that rested on the claim can still reach Azure."""
    return replace(claim(NOW - POLICY.claim_over), since=since)


def warms(machine: Instance, **fields: object) -> Scene:
    """To be warmed."""
    return claimed(machine, lambda since: claim(since, order=WARMS, **fields), Method.TARGETED)


HOT = replace(COLD, capacity={SCALE_SET: Capacity(mode=Mode.BUFFER, buffer=3, hot=1)})
HOT_GATED = replace(HOT, ready_when={SCALE_SET: ReadyWhen.HEALTHY})


def heated_at(since: datetime, *, ready: bool = False, unmarked_at: datetime | None = None) -> HeatedNote:
    """Heated then; or taken out then, because its mark was gone."""
    ready_at = since if ready else None
    return HeatedNote(at=since, seen_at=since, ready_at=ready_at, unmarked_at=unmarked_at, unmarked_seen_at=unmarked_at)


def seen_hot(machine: Instance, noted: Callable[[datetime], Notes], policy: Policy = HOT) -> Scene:
    """The machine by a targeted GET beside a listing, where one is to be hot."""
    sees = replace(cloud(machine, look=ASKED), listings={SCALE_SET: LISTED})

    def wanted(since: datetime) -> Plan:
        known = fleet(row(1, record(), noted(since)), sees=sees)
        return reconciler.decide(replace(known, policy=policy), policy)

    return wanted


def heating(machine: Instance, policy: Policy = HOT, *, ready: bool = False) -> Scene:
    """A machine that was heated then."""
    return seen_hot(machine, lambda since: notes(1, heated=heated_at(since, ready=ready)), policy)


def cools_hot(machine: Instance, **fields: object) -> Scene:
    """Heated and claimed then, to be stopped."""

    def known(since: datetime) -> Notes:
        return notes(1, claim=claim(since, order=COOLS_HOT, **fields), heated=heated_at(since))

    def wanted(since: datetime) -> Plan:
        hidden = replace(row(1, record(), known(since)), index=frozenset({Status.UNAVAILABLE}))
        return reconciler.decide(fleet(hidden, sees=cloud(machine, look=ASKED), policy=COLD), COLD)

    return wanted


def without_replica(*, started: bool) -> Scene:
    """What is carried out of the plan where no replica answers: a session of a hot machine, and another machine."""

    def wanted(since: datetime) -> Plan:
        waits = ReservedNote(session=MINE, at=since, movable=True)
        start = StartNote(session=MINE, at=since, attempts=1, hot=True) if started else None
        known = reserved(notes(1, reserved=waits, start=start, heated=heated_at(NOW, ready=True)))
        looked = cloud(RUNNING, look=ASKED).with_addresses({RUNNING.vm_id: Addresses()})
        plan = starter.decide(fleet(known, row(2, record(2), notes(2)), sees=looked, policy=HOT), HOT)
        return replace(plan, steps=tuple(step.instead for step in plan.steps if step.instead is not None))

    return wanted


RIPE = {"at": NOW - POLICY.ripe_after, "seen_at": NOW - POLICY.ripe_after}


def itself(since: datetime) -> datetime:
    """The moment itself: what waits is given nothing else."""
    return since


def provisioned(machine: Instance | None = None, *, short: bool = False) -> Scene:
    """What the provisioner sees."""

    def wanted(since: datetime) -> Plan:
        looked = cloud(*([machine] if machine else []), look=ASKED)
        known = replace(looked, listings={SCALE_SET: LISTED}, short_since={SCALE_SET: since} if short else {})
        return provisioner.decide(known, COLD)

    return wanted


def refused(since: datetime) -> Plan:
    """Azure has no room for a third machine."""
    order = SetCapacity(scale_set=SCALE_SET, capacity=3, etag=None, rests_on=sighting(capacity=2, at=since))
    ceiling = ceiling_after(order, FailureClass.QUOTA, Fraction(0), "no cores", POLICY)
    assert ceiling is not None
    return provisioner.decide(replace(cloud(look=sighting(capacity=2)), ceilings={SCALE_SET: ceiling}), POLICY)


def condemned(since: datetime) -> Row:
    """A condemned machine, under a deletion by somebody else that hung for an hour."""
    noted = blank_notes(spent=SpentNote(why=Edge.CONDEMN, at=since), unsettled_at=NOW - 3600 * S)
    return row(1, record(1, Status.UNAVAILABLE, used=True), noted)


def given_up(since: datetime) -> Row:
    """Condemned, and nothing else is known of it."""
    noted = blank_notes(spent=SpentNote(why=Edge.CONDEMN, at=since))
    return row(1, record(1, Status.UNAVAILABLE, used=True), noted)


def new_and_sick(since: datetime) -> Plan:
    """Created then, and it runs, and is not Healthy."""
    machine = replace(RUNNING, marked=False, created_at=since, health=SICK)
    return reconciler.decide(fleet(row(1, None, blank_notes(1)), sees=cloud(machine, look=ASKED), policy=GATED), GATED)


def new_and_silent(since: datetime) -> Plan:
    """Created then, and it runs, and shows no health."""
    looked = cloud(replace(RUNNING, marked=False, created_at=since), look=ASKED)
    return provisioner.decide(replace(looked, listings={SCALE_SET: LISTED}), GATED)


def flushed(since: datetime) -> Row:
    """Noted as unknown, and nothing else."""
    return row(1, None, blank_notes(unknown_at=since))


def failed(failure: FailureClass) -> Scene:
    """A new machine whose creation failed."""
    machine = instance(marked=False, power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED, failure=failure)
    return seen(machine, lambda since: row(1, None, blank_notes(failed=FailedNote(failure=failure, since=since))))


CAPPED = replace(POLICY, capacity={SCALE_SET: Capacity(desired=4, failure_cap=1)})


def creation_failed(since: datetime) -> Cloud:
    """One machine, whose creation began then and has failed, and Azure lists no more."""
    machine = instance(marked=False, power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED, created_at=since)
    pages = Pages(scale_set=SCALE_SET, instances=(machine,), unidentified=0, requests=1, at=NOW, sent=0.0)
    demand = after_listing(None, pages, CAPPED.capacity[SCALE_SET], CAPPED)
    demand = with_failures(None, demand, pages, CAPPED, complete=True)
    return replace(cloud(machine, look=sighting(capacity=1)), demand={SCALE_SET: demand})


def evidence(since: datetime) -> Plan:
    """Noted as Failed for longer than its class is held."""
    noted = blank_notes(failed=FailedNote(failure=FailureClass.OTHER, since=NOW - 7200 * S))
    return reconciler.decide(fleet(row(1, None, noted), sees=creation_failed(since), policy=CAPPED), CAPPED)


CREATING = replace(NEW, power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING)
SCENES: Mapping[str, Scene] = {
    "creating": lambda since: seen(replace(CREATING, created_at=since), lambda _: row())(since),
    "deleting by somebody else's order": seen(DELETING, lambda since: row(1, None, blank_notes(unsettled_at=since))),
    "deleting by somebody else's order, new, and running": seen(DELETING, condemned, by=Method.TARGETED),
    "new and running": provisioned(replace(RUNNING, marked=False)),
    "new and running, and not Healthy (SCALER_READY_WHEN)": new_and_sick,
    "new and running, and shows no health at all (SCALER_READY_WHEN)": new_and_silent,
    "given up because it was not Healthy in time, and running": seen(
        replace(RUNNING, marked=False), given_up, GATED, by=Method.TARGETED
    ),
    "new at rest": to_be_marked(lambda _: row()),
    "marking": to_be_marked(lambda since: row(1, None, asked(since))),
    "mark never seen": beside(neighbour, lambda since: row(1, None, replace(asked(since), mark_asked_at=NOW - 60 * S))),
    "all marks refused": to_be_marked(lambda since: row(1, None, asked(since, mark_attempts=POLICY.mark_attempts))),
    "admitting": seen(instance(), lambda since: row(1, None, asked(since, mark_seen_at=since))),
    **{f"failed: {failure}": failed(failure) for failure in FailureClass},
    "marked and unknown, at rest": lambda _: reconciler.decide(
        fleet(row(2, record(2), notes(2)), row(3, record(3), notes(3)), sees=cloud(*map(instance, (1, 2, 3)))), POLICY
    ),
    "unknown after a flush, at rest": seen(instance(), flushed),
    "unknown, neither at rest nor running": seen(
        UNSETTLED, lambda since: row(1, None, blank_notes(unsettled_at=since))
    ),
    "unreadable record": seen(NEW, lambda _: row(1, Unreadable(why="not JSON"))),
    "offered, and on its way somewhere": seen(UNSETTLED, lambda since: row(1, record(), notes(1, unsettled_at=since))),
    "claimed and unmarked": claimed(replace(WARM, marked=False), claim, Method.TARGETED),
    "known and unmarked": to_be_marked(lambda _: row(1, record(), notes())),
    "tainted, at rest": lambda _: reconciler.decide(
        fleet(row(1, record()), row(2, record(2), notes(2)), row(3, record(3), notes(3)), sees=_three()), POLICY
    ),
    "ready, and more than wanted": surplus,
    "ready, and of a high age": replaced(lambda since: notes(1, admitted_at=since)),
    "ready, and not of the latest model": replaced(lambda _: notes(1, admitted_at=NOW), latest=False),
    "ready, and to be replaced by an operator's word": replaced(
        lambda since: notes(1, admitted_at=NOW, replace_asked_at=since)
    ),
    "ready, its key taken and no record written": seen(
        instance(),
        lambda since: replace(row(1, record(), notes(1, unindexed_at=since)), index=frozenset({Status.UNAVAILABLE})),
    ),
    "claimed": claimed(WARM, claim, Method.TARGETED),
    "claimed too long for an order": claimed(WARM, claim),
    "cooled": claimed(instance(), claim),
    "claimed in vain": claimed(WARM, old_claim),
    "claimed, to be warmed": warms(instance()),
    "claimed, and running": warms(RUNNING),
    "claimed, and not started": warms(instance(), **RIPE),
    "claimed, and not stopped": warms(RUNNING, **RIPE),
    "warmed, and closing": warms(WARM, closing=True),
    "ready, and cold where too few are warm": warm_lack,
    "not to be warmed": unwarmed,
    "ready, and warm beyond the wanted share": warm_surplus,
    "not to be cooled": uncooled,
    "heated, and at rest all the same": heating(instance()),
    "heated, and not running in time": heating(UNSETTLED),
    "heated, and not Healthy in time (SCALER_READY_WHEN)": heating(replace(RUNNING, health=SICK), HOT_GATED),
    "hot, and more than wanted": heating(RUNNING, COLD, ready=True),
    "claimed, and hot": cools_hot(RUNNING),
    "claimed, and its heating under way": cools_hot(WARM, **RIPE),
    "not to be heated": seen_hot(instance(), lambda since: notes(1, heating_failed_at=since)),
    "heated, and unmarked": seen_hot(NEW, lambda _: notes(1, heated=heated_at(NOW))),
    "heated, unmarked and taken out": seen_hot(
        NEW,
        lambda since: notes(
            1, admitted_at=None, mark_asked_at=None, mark_seen_at=None, heated=heated_at(NOW, unmarked_at=since)
        ),
    ),
    "hot, and no replica of Redis answers": without_replica(started=False),
    "hot, its start noted, and no replica of Redis answers": without_replica(started=True),
    **{
        f"no start of a deallocated machine: {failure}": sold_out(failure)
        for failure in FailureClass
        if failure.of_capacity
    },
    "reserved and unstarted": waiting(instance(), consent=False),
    "reserved, and no notes say where": nowhere,
    "started, and still at rest": waiting(instance(), attempts=1),
    "starting": starting,
    "stranded: no other machine to move to": stranded,
    "running, and not Healthy (SCALER_READY_WHEN)": gated(SICK),
    "running, and shows no health at all (SCALER_READY_WHEN)": gated(None),
    "running and not opened": unopened,
    "in session": in_session(RUNNING, opened=opened),
    "presumed": in_session(RUNNING, presumed_at=itself),
    "in session, stopped": in_session(WARM, opened=lambda _: opened(NOW), rest_at=itself),
    "in session, deallocated": in_session(instance(), opened=lambda _: opened(NOW), rest_at=itself),
    "in session, and nobody has come": in_session(UNHEALTHY, BY_HEALTH, opened=lambda since: opened(since, since)),
    "in session, unhealthy": in_session(
        UNHEALTHY, BY_HEALTH, opened=lambda _: opened(NOW - 600 * S, NOW - 600 * S), unhealthy_at=itself
    ),
    "in session without a limit, lost from view": in_session(
        UNSETTLED, UNLIMITED, opened=lambda _: opened(NOW), unsettled_at=itself
    ),
    "spent before it was let in": used(instance(), spent=lambda since: SpentNote(why=Edge.REFUSE, at=since)),
    "used, and held by an operator": used(
        instance(),
        ended=lambda _: {MINE: Edge.RELEASE},
        spent=lambda _: SpentNote(why=Edge.RELEASE, at=NOW - S),
        held_until=lambda since: since + POLICY.longest_hold,
    ),
    "used and running, for nobody known": used(RUNNING, spent=lambda since: SpentNote(why=Edge.CONDEMN, at=since)),
    "deleting": used(
        instance(),
        ended=lambda _: {MINE: Edge.RELEASE},
        spent=lambda since: SpentNote(why=Edge.RELEASE, at=since),
        delete=lambda since: DeleteNote(at=since, attempts=1),
    ),
    "deleting, and nothing comes of it": used(
        replace(instance(), provisioning=ProvisioningState.DELETING),
        opened=lambda _: opened(NOW - 7200 * S),
        ended=lambda _: {MINE: Edge.RELEASE},
        spent=lambda _: SpentNote(why=Edge.RELEASE, at=NOW - 3600 * S),
        delete=lambda _: DeleteNote(at=NOW - 1800 * S, attempts=1),
        unsettled_at=itself,
    ),
    "missed once": absent(lambda since: row(1, record(1, Status.UNAVAILABLE), notes(1, missed_at=since))),
    "missed in another scale set of its name": absent(
        lambda since: row(1, record(1, Status.UNAVAILABLE), notes(1, missed_at=since)), unique_id="another's"
    ),
    "refused or moved, and gone": absent(
        lambda since: row(
            1,
            record(1, Status.UNAVAILABLE, used=True),
            notes(1, missed_at=NOW - 60 * S, spent=SpentNote(why=Edge.REFUSE, at=since)),
        )
    ),
    "not seen, and its key in a set without a record that can be read": absent(
        lambda _: replace(row(1, None, notes(1)), index=frozenset({Status.AVAILABLE})), decide=reconciler.decide
    ),
    "capacity above what is listed": provisioned(short=True),
    "fewer machines than wanted: Azure refused more": refused,
    "failed, where too many creations failed (SCALER_FAILURE_CAP)": evidence,
    "fewer machines than wanted: too many creations failed (SCALER_FAILURE_CAP)": lambda since: provisioner.decide(
        creation_failed(since), CAPPED
    ),
}
NO_CLOCK_OF_OURS = {
    "a scale set that a controller cannot see": "Azure decides; its alarm is tried in test_listings_shared.py",
    "ready": "visitors come when they come",
    "hot": "visitors come when they come",
    "not seen, and not proven gone": "the next look ends it, and Azure decides when there is one",
    "listed without its identity": "no order of ours can name it: its alarm is tried in test_provisioner.py",
    "of a scale set that is not configured any more": "only its operator knows whether it will be again",
}
TIMED = [each for each in WAITINGS if each.after]
AT_ONCE = [each for each in WAITINGS if not each.after and each.why is not None]


def _three() -> Cloud:
    return cloud(*map(instance, (1, 2, 3)))


def ended(waiting: Waiting, since: datetime) -> bool:
    """Whether it ends now, by the step of which the table tells."""
    plan = SCENES[waiting.state](since)
    return any(step.why is waiting.why and step.vm_id in {None, instance().vm_id} for step in plan.steps)


def test_every_row_is_tried_or_says_why_it_has_no_clock() -> None:
    states = [each.state for each in WAITINGS]
    assert len(set(states)) == len(states)
    assert set(states) == SCENES.keys() | NO_CLOCK_OF_OURS.keys()
    assert {each.state for each in WAITINGS if each.why is None} == NO_CLOCK_OF_OURS.keys()


@pytest.mark.parametrize("waiting", TIMED, ids=[each.state for each in TIMED])
@pytest.mark.parametrize(("later", "ends"), [(-1, False), (0, True), (1, True)])
def test_it_waits_as_long_as_the_table_says_and_no_longer(waiting: Waiting, later: int, ends: bool) -> None:
    policy = {"presumed_limit": UNLIMITED, "max_ready_age": AGED}.get(waiting.after[0], POLICY)
    assert ended(waiting, NOW - waiting.lasts(policy) - later * S) is ends


@pytest.mark.parametrize("waiting", AT_ONCE, ids=[each.state for each in AT_ONCE])
def test_it_does_not_wait_at_all(waiting: Waiting) -> None:
    assert ended(waiting, NOW)
