"""What has to be seen before a record goes: a listing that lies, or is of another scale set, ends nobody's session."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, POLICY, SCALE_SET, ago, cloud, fleet, instance, notes, only, record, row, sighting, vm, wants

from scaler.controllers import cleaner, reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import PowerState
from scaler.model.plan import Listing, Plan, Step, Why
from scaler.model.row import OpenedNote, Row, Status
from scaler.model.sighting import Method, Sighting
from scaler.observe import Targets

ELSEWHERE = sighting(unique_id="another's")
S = timedelta(seconds=1)


def in_session(number: int = 1, **noted: object) -> Row:
    """Somebody is on it; it was missed once, long enough ago."""
    occupied = record(number, Status.UNAVAILABLE, session_id="s")
    opened = OpenedNote(session=occupied.session_id, at=ago(minutes=5), record=occupied)  # type: ignore[arg-type]
    return row(number, occupied, notes(number, opened=opened, **{"missed_at": ago(minutes=2), **noted}))


def used(number: int, **noted: object) -> Row:
    """Nobody is on it any more; it was missed once, long enough ago."""
    gone = record(number, Status.UNAVAILABLE, used=True)
    return row(number, gone, notes(number, **{"missed_at": ago(minutes=2), **noted}))


def lacking(look: Sighting) -> Cloud:
    """A listing without any of them."""
    return Cloud(listings={SCALE_SET: look})


def not_found(*rows: Row, look: Sighting | None = None) -> Cloud:
    """Targeted GETs that do not find them."""
    answer = replace(look or sighting(), by=Method.TARGETED)
    return Cloud(asked={each.vm_id: answer for each in rows})


def retired(plan: Plan) -> list[Step]:
    """Those whose record goes."""
    return [each for each in plan.steps if each.change is not None and each.change.edge is Edge.RETIRE]


def test_a_listing_is_not_the_last_word_on_a_session() -> None:
    looked = fleet(in_session(), sees=lacking(sighting()))
    assert cleaner.decide(looked, POLICY).steps == ()
    wanted = wants(cleaner.decide, looked, POLICY)
    assert isinstance(wanted, Targets)
    assert [each.vm_id for each in wanted.refs] == [vm()]


def test_a_targeted_get_is() -> None:
    known = in_session()
    assert retired(cleaner.decide(fleet(known, sees=not_found(known)), POLICY))


def test_nor_is_it_on_a_used_machine_which_would_be_presumed_in_use_if_it_were_still_there() -> None:
    looked = fleet(used(1), sees=lacking(sighting()))
    assert retired(cleaner.decide(looked, POLICY)) == []
    assert isinstance(wants(cleaner.decide, looked, POLICY), Targets)


def test_a_machine_that_is_found_by_the_get_keeps_its_session() -> None:
    known = in_session()
    looked = fleet(known, sees=cloud(instance(power=PowerState.RUNNING), look=sighting(Method.TARGETED)))
    assert only(cleaner.decide(looked, POLICY).steps).why is Why.SEEN_AGAIN


def test_so_many_records_go_in_one_tick_and_no_more() -> None:
    rows = [used(number) for number in range(1, 41)]
    plan = cleaner.decide(fleet(*rows, sees=not_found(*rows)), POLICY)
    assert len(retired(plan)) == POLICY.share(POLICY.max_forgets, len(rows)) == 4
    assert {each.why for each in plan.refusals} == {Why.BREAKER}


@pytest.mark.parametrize(("later", "gone"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.AVAILABLE])
def test_elsewhere_a_404_says_nothing_before_everybodys_time_is_over(status: Status, later: int, gone: bool) -> None:
    since = NOW - POLICY.limit_of_presumed - POLICY.expiry_grace - later * S
    known = in_session(missed_at=since)
    decide = cleaner.decide
    if status is Status.AVAILABLE:
        known, decide = row(1, record(), notes(missed_at=since)), reconciler.decide
    plan = decide(fleet(known, sees=not_found(known, look=ELSEWHERE)), POLICY)
    assert any(each.why is Why.GONE for each in plan.steps) is gone


def test_and_meanwhile_nobody_is_asked_for_twice() -> None:
    """Else the same ten would be asked for in every tick, and the others never."""
    rows = [in_session(number) for number in range(1, 11)]
    fresh = in_session(11, missed_at=None)
    wanted = wants(cleaner.decide, fleet(*rows, fresh, sees=lacking(ELSEWHERE)), POLICY)
    assert isinstance(wanted, Targets)
    assert [each.vm_id for each in wanted.refs] == [fresh.vm_id]
    assert wants(cleaner.decide, fleet(*rows, sees=lacking(ELSEWHERE)), POLICY) is None
    offered = [row(number, record(number), notes(number, missed_at=ago(minutes=2))) for number in range(1, 4)]
    assert wants(reconciler.decide, fleet(*offered, sees=lacking(ELSEWHERE)), POLICY) is None
    assert isinstance(wants(reconciler.decide, fleet(*offered), POLICY), Listing)
