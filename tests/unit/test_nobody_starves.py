"""One scale set that may not be acted on, or does not answer, takes no looks from another one."""

from dataclasses import replace

import pytest
from builders import NOW, ago, instance, notes, record, ref, row, sighting, wants

from scaler.controllers import cleaner, provisioner
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import Instance, InstanceRef, PowerState, ScaleSetName, SessionId
from scaler.model.policy import Capacity, Policy
from scaler.model.row import OpenedNote, Row, Snapshot, SpentNote, StartNote, Status
from scaler.model.sighting import Pause, Sighting
from scaler.observe import Targets

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
POLICY = Policy(capacity={FIRST: Capacity(desired=20), SECOND: Capacity(desired=2)})
HALTED = [
    sighting(scale_set=FIRST, consent=False, capacity=20),
    sighting(scale_set=FIRST, pause=Pause.ORDERS, capacity=20),
]
OURS = sighting(scale_set=SECOND, capacity=2)
ME = SessionId("me")


def at(scale_set: ScaleSetName, number: int) -> InstanceRef:
    return replace(ref(number), scale_set=scale_set)


def running(scale_set: ScaleSetName, number: int, **fields: object) -> Instance:
    return replace(instance(number, PowerState.RUNNING), ref=at(scale_set, number), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("halted", HALTED)
def test_the_provisioner_looks_at_new_machines_that_it_may_stop_before_those_it_may_not(halted: Sighting) -> None:
    cloud = Cloud(listings={FIRST: halted, SECOND: OURS})
    cloud = cloud.showing(halted, *(running(FIRST, number, marked=False) for number in range(1, 21)))
    cloud = cloud.showing(OURS, running(SECOND, 50, marked=False))
    look = wants(provisioner.decide, cloud, POLICY)
    assert isinstance(look, Targets)
    assert at(SECOND, 50) in look.refs


def spent(scale_set: ScaleSetName, number: int, minutes: float) -> Row:
    was = record(number, Status.UNAVAILABLE, session_id=ME)
    noted = replace(
        notes(number),
        scale_set=scale_set,
        start=StartNote(session=ME, at=ago(hours=1), attempts=1),
        opened=OpenedNote(session=ME, at=ago(hours=1), record=was),
        ended={ME: Edge.RELEASE},
        spent=SpentNote(why=Edge.RELEASE, at=ago(minutes=minutes)),
    )
    return row(number, replace(was, used=True), noted)


@pytest.mark.parametrize("halted", HALTED)
def test_the_cleaner_looks_at_used_machines_that_it_may_delete_before_those_it_may_not(halted: Sighting) -> None:
    rows = [spent(FIRST, number, 30) for number in range(1, 11)] + [spent(SECOND, 50, 5)]
    cloud = Cloud(listings={FIRST: halted, SECOND: OURS})
    cloud = cloud.showing(halted, *(running(FIRST, number) for number in range(1, 11)))
    cloud = cloud.showing(OURS, running(SECOND, 50))
    snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in rows})
    look = wants(cleaner.decide, Fleet.join(snapshot, cloud, POLICY), POLICY)
    assert isinstance(look, Targets)
    assert at(SECOND, 50) in look.refs


def test_a_scale_set_that_is_gone_does_not_keep_the_cleaner_from_the_other_one() -> None:
    """FIRST was deleted in Azure (or forbids us to look): no listing, no GET will ever answer."""
    rows = [spent(FIRST, number, 30) for number in range(1, 11)] + [spent(SECOND, 50, 5)]
    cloud = Cloud(listings={SECOND: OURS}).showing(OURS, running(SECOND, 50))
    snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in rows})
    look = wants(cleaner.decide, Fleet.join(snapshot, cloud, POLICY), POLICY)
    assert isinstance(look, Targets)
    assert at(SECOND, 50) in look.refs
