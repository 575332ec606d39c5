"""What must be true of every decision: no row, however odd, ends a tick, and what is written can be read again."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain, product

from builders import NOW, POLICY, cloud, instance, sighting, vm

from scaler.controllers import cleaner, reconciler, starter
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import FailureClass, PowerState, ProvisioningState, VmId
from scaler.model.plan import Plan, Step
from scaler.model.row import Before, Record, Row, Snapshot, Status
from scaler.model.sighting import Method
from scaler.registry.batch import Write, writes_of
from scaler.registry.notes_json import decode_notes
from scaler.registry.reading import row_of
from scaler.registry.record_json import decode_record

CONTROLLERS = {"reconciler": reconciler, "starter": starter, "cleaner": cleaner}
INDEXES = [frozenset[Status](), *(frozenset({each}) for each in Status), frozenset(Status)]
SEEN = list(product(PowerState, ProvisioningState, (False, True), (None, FailureClass.QUOTA)))
LOOKS = [
    sighting(),
    sighting(Method.TARGETED),
    sighting(consent=False),
    sighting(complete=False, plausible=False),
    sighting(at=NOW + timedelta(hours=3)),
    sighting(unique_id="another"),
]
SEPARATOR = b"\n\n"


def decision(raw: bytes) -> None:
    """Five bytes choose what is seen; the rest is a record and its notes, with an empty line between them."""
    if len(raw) < 5:
        return
    record, _, notes = raw[5:].partition(SEPARATOR)
    row = row_of(vm(1), Before(record=record or None, notes=notes or None), INDEXES[raw[0] % len(INDEXES)])
    sees = clouds(raw[1], raw[2], raw[3])
    now = NOW + timedelta(minutes=raw[4])
    for controller in CONTROLLERS.values():
        fleet = Fleet.join(Snapshot(now=now, rows={row.vm_id: row}), sees, POLICY)
        judge(controller.decide(fleet, POLICY), row)


def clouds(what: int, look: int, kind: int) -> Cloud:
    """What Azure shows of the machine."""
    power, provisioning, marked, failure = SEEN[what % len(SEEN)]
    if kind % 3 == 0:
        return Cloud()
    look_ = LOOKS[look % len(LOOKS)]
    if kind % 3 == 1:
        return cloud(look=look_) if look_.by is Method.LISTING else Cloud(asked={vm(1): look_})
    return cloud(instance(1, power, provisioning=provisioning, marked=marked, failure=failure), look=look_)


def judge(plan: Plan, row: Row) -> None:
    """The plan is about this machine; its changes can be written, and be read afterwards."""
    changes = [step.change for step in plan.steps if step.change is not None]
    for step in plan.steps:
        assert step.vm_id in {None, row.vm_id}
        assert_addressed(step)
    assert not (plan.steps and row.untouchable)
    for write in chain.from_iterable(writes_of(changes)):
        assert_readable(write, row.vm_id)


def assert_addressed(step: Step) -> None:
    """An order goes where Azure said, whatever the notes or the record say."""
    ref = getattr(step.order, "ref", None)
    assert ref is None or (ref.instance_id, ref.vm_id) == ("1", vm(1)), step


def assert_readable(write: Write, vm_id: VmId) -> None:
    """Every record and all notes that a step writes can be decoded again."""
    if isinstance(write.record, bytes):
        assert isinstance(decode_record(vm_id, write.record), Record), write.record
    if isinstance(write.notes, bytes):
        assert decode_notes(write.notes) is not None, write.notes
        after = write.accepted()
        assert after.untouchable or after.notes is not None, write.notes


def samples(records: Mapping[str, bytes], notes: Mapping[str, bytes]) -> Iterator[bytes]:
    """Inputs to begin with."""
    for number, (record, note) in enumerate(product(records.values(), notes.values())):
        yield bytes([number % 5, number * 7 % 256, number % 6, 2, number % 256]) + record + SEPARATOR + note
