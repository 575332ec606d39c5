"""Notes that tell of a reservation and of nothing else: a machine that we merely observed."""

from builders import (
    POLICY,
    ago,
    blank_notes,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    sighting,
    vm,
)

from scaler.controllers import adoption, reconciler, starter
from scaler.model.instance import PowerState, SessionId
from scaler.model.row import ReservedNote, Status

ME = SessionId("me")
STRANGE = sighting(consent=False)


def test_a_session_that_was_observed_while_it_waited_is_adopted_like_any_other() -> None:
    """Observed by our functions while Reserved; opened by the other scaler; adopted."""
    running = instance(1, PowerState.RUNNING, marked=False)
    waiting = row(1, record(1, Status.RESERVED, session_id=ME), None)
    noted = changed(only(starter.decide(fleet(waiting, sees=cloud(running, look=STRANGE)), POLICY).steps))
    opened = row(1, record(1, Status.UNAVAILABLE, session_id=ME), noted)
    step = only(adoption.decide(fleet(opened, sees=cloud(running, look=STRANGE)), POLICY).steps)
    assert changed(step).opened is not None, "its release will not delete it: it will be presumed until the limit"


def test_notes_that_only_tell_of_a_reservation_make_no_machine_ready() -> None:
    """Marked, and nobody knows whether it was ever admitted: reserve() will not offer it, and nobody ends that."""
    lost = blank_notes(1, reserved=ReservedNote(session=ME, at=ago(minutes=1)))
    neighbour = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))
    plan = reconciler.decide(fleet(row(1, record(1), lost), neighbour, sees=cloud(instance(1), instance(9))), POLICY)
    assert vm(1) in {each.vm_id for each in plan.steps}
