"""Notes that tell of a reservation and of nothing else: a machine that we merely observed."""

from builders import (
    POLICY,
    changed,
    cloud,
    fleet,
    instance,
    only,
    record,
    row,
    sighting,
)

from scaler.controllers import by_hand, starter
from scaler.model.instance import PowerState, SessionId
from scaler.model.row import Status

ME = SessionId("me")
STRANGE = sighting(consent=False)


def test_a_session_that_was_observed_while_it_waited_is_adopted_like_any_other() -> None:
    """Observed by our functions while Reserved; opened by the other scaler; adopted."""
    running = instance(1, PowerState.RUNNING, marked=False)
    waiting = row(1, record(1, Status.RESERVED, session_id=ME), None)
    noted = changed(only(starter.decide(fleet(waiting, sees=cloud(running, look=STRANGE)), POLICY).steps))
    opened = row(1, record(1, Status.UNAVAILABLE, session_id=ME), noted)
    step = only(by_hand.adopt(fleet(opened, sees=cloud(running, look=STRANGE)), POLICY).steps)
    assert changed(step).opened is not None, "its release will not delete it: it will be presumed until the limit"
