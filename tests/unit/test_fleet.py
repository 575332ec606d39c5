"""The join of registry and Azure, and evidence of an absence: a listing that lies ends nobody's session."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    RUNNING,
    SCALE_SET,
    UNIQUE_ID,
    S,
    ago,
    change_of,
    cloud,
    edges,
    fleet,
    instance,
    let_in,
    notes,
    only,
    record,
    ref,
    row,
    sighting,
    unavailable,
    vm,
    wants,
)

from scaler.controllers import cleaner, reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import FailureClass, Instance, InstanceId, ProvisioningState, ScaleSetName, VmId
from scaler.model.lifecycle import KEEP
from scaler.model.machine import after_sighting
from scaler.model.plan import Listing, Plan, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import FailedNote, Notes, Row, Snapshot, Status
from scaler.model.sighting import Answer, Method, Pages, ScaleSetView, Sighting
from scaler.observe import Targets

VIEW = ScaleSetView(name=SCALE_SET, unique_id=UNIQUE_ID, capacity=3, etag='"1"', managed_by="true", at=NOW, sent=1.0)


def listed(*instances: Instance, unidentified: int = 0, capacity: int = 3) -> Cloud:
    pages = Pages(scale_set=SCALE_SET, instances=instances, unidentified=unidentified, requests=1, at=NOW, sent=2.0)
    return Cloud().with_listing(replace(VIEW, capacity=capacity), pages, POLICY)


def answered(cloud: Cloud, found: Instance | None) -> Cloud:
    return cloud.with_answers(VIEW, [Answer(asked=ref(1), found=found, at=NOW, sent=3.0)], POLICY)


def test_a_listing_is_complete_when_it_holds_capacity_minus_the_deleting() -> None:
    leaving = instance(2, provisioning=ProvisioningState.DELETING)
    assert listed(instance(1), leaving, instance(3)).listings[SCALE_SET].complete
    assert listed(instance(1), leaving).listings[SCALE_SET].complete
    assert not listed(instance(1)).listings[SCALE_SET].complete
    assert listed(instance(1), unidentified=2).listings[SCALE_SET].complete


def test_a_listing_below_half_of_capacity_is_not_plausible() -> None:
    assert listed(instance(1), capacity=2).listings[SCALE_SET].plausible
    assert not listed(instance(1), capacity=3).listings[SCALE_SET].plausible


def test_an_order_dies_by_the_time_its_first_page_was_asked_for() -> None:
    assert listed(instance(1)).sightings[vm(1)].sent == 2.0
    assert answered(Cloud(), instance(1)).sightings[vm(1)].sent == 3.0


def test_a_targeted_answer_wins_over_the_listing_before_it() -> None:
    assert vm(1) not in answered(listed(instance(1)), None).instances
    stranger = replace(instance(1), ref=replace(ref(1), vm_id=vm(7)))
    assert vm(1) not in answered(listed(instance(1)), stranger).instances
    assert answered(listed(instance(1)), instance(1, marked=False)).sightings[vm(1)].by is Method.TARGETED


def test_a_machine_behind_a_reused_id_is_nobody_we_asked_for() -> None:
    stranger = replace(instance(1), ref=replace(ref(1), vm_id=vm(7)))
    assert answered(Cloud(), stranger).instances == {}
    joined = fleet(row(1, record(), notes()), sees=answered(Cloud(), stranger))
    assert joined.by_id[vm(1)].absence is not None


def test_what_was_not_looked_at_is_unknown_not_absent() -> None:
    assert fleet(row(1, record(), notes())).by_id[vm(1)].absence is None


def test_only_the_scale_set_that_the_notes_name_can_prove_an_absence() -> None:
    assert fleet(row(1, record(), notes()), sees=cloud()).by_id[vm(1)].absence == sighting()
    assert fleet(row(1, record(), notes(unique_id="made anew")), sees=cloud()).by_id[vm(1)].absence is None
    assert fleet(row(1, record(), notes(scale_set="another")), sees=cloud()).by_id[vm(1)].absence is None


def test_a_record_without_notes_is_absent_only_if_every_scale_set_lacks_it() -> None:
    both = replace(POLICY, capacity={**POLICY.capacity, ScaleSetName("another"): Capacity(desired=1)})
    for policy, proven in ((both, False), (POLICY, True)):
        joined = Fleet.join(Snapshot(now=NOW, rows={vm(1): row(1, record())}), cloud(), policy)
        assert (joined.by_id[vm(1)].absence is not None) is proven


def test_a_machine_that_only_azure_knows_has_an_empty_row() -> None:
    assert fleet(sees=cloud(instance(1))).rows[vm(1)].record is None


def test_an_address_comes_from_our_notes_and_only_if_it_can_be_one() -> None:
    joined = fleet()
    assert joined.address(row(1, record(), notes())) == ref(1)
    assert joined.address(row(1, record())) is None
    for hostile in ("../../x", "*", "", "1/../2", "-1", "one.", "1%2f2", "1\n", "x" * 65):
        assert joined.address(row(1, record(), notes(instance_id=InstanceId(hostile)))) is None


# -- what has to be seen before a record goes

ELSEWHERE = sighting(unique_id="another's")


def in_session(number: int = 1, **noted: object) -> Row:
    """Somebody is on it; it was missed once, long enough ago."""
    inside = notes(number, **{"opened": let_in(number)["opened"], "missed_at": ago(minutes=2), **noted})
    return unavailable(inside, MINE, number)


def used(number: int, **noted: object) -> Row:
    """Nobody is on it any more; it was missed once, long enough ago."""
    return unavailable(notes(number, **{"missed_at": ago(minutes=2), **noted}), None, number, used=True)


def lacking(look: Sighting) -> Cloud:
    """A listing without any of them."""
    return Cloud(listings={SCALE_SET: look})


def not_found(*rows: Row, look: Sighting | None = None) -> Cloud:
    """Targeted GETs that do not find them."""
    answer = replace(look or sighting(), by=Method.TARGETED)
    return Cloud(asked={each.vm_id: answer for each in rows})


def cleaned(*rows: Row, sees: Cloud) -> Plan:
    return cleaner.decide(fleet(*rows, sees=sees), POLICY)


def asked_for(*rows: Row, sees: Cloud) -> list[VmId]:
    look = wants(cleaner.decide, fleet(*rows, sees=sees), POLICY)
    return [each.vm_id for each in look.refs] if isinstance(look, Targets) else []


def test_a_listing_is_not_the_last_word_on_a_session() -> None:
    assert cleaned(in_session(), sees=lacking(sighting())).steps == ()
    assert asked_for(in_session(), sees=lacking(sighting())) == [vm()]


def test_a_targeted_get_is() -> None:
    assert edges(cleaned(in_session(), sees=not_found(in_session())).steps) == [Edge.RETIRE]


def test_nor_is_it_on_a_used_machine_which_would_be_presumed_in_use_if_it_were_still_there() -> None:
    assert edges(cleaned(used(1), sees=lacking(sighting())).steps) == []
    assert asked_for(used(1), sees=lacking(sighting())) == [vm()]


def test_a_machine_that_is_found_by_the_get_keeps_its_session() -> None:
    assert only(cleaned(in_session(), sees=cloud(RUNNING, look=ASKED)).steps).why is Why.SEEN_AGAIN


def test_so_many_records_go_in_one_tick_and_no_more() -> None:
    rows = [used(number) for number in range(1, 41)]
    plan = cleaned(*rows, sees=not_found(*rows))
    assert edges(plan.steps) == [Edge.RETIRE] * POLICY.share(POLICY.max_forgets, len(rows)) == [Edge.RETIRE] * 4
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
    assert asked_for(*rows, fresh, sees=lacking(ELSEWHERE)) == [fresh.vm_id]
    assert wants(cleaner.decide, fleet(*rows, sees=lacking(ELSEWHERE)), POLICY) is None
    offered = [row(number, record(number), notes(number, missed_at=ago(minutes=2))) for number in range(1, 4)]
    assert wants(reconciler.decide, fleet(*offered, sees=lacking(ELSEWHERE)), POLICY) is None
    assert isinstance(wants(reconciler.decide, fleet(*offered), POLICY), Listing)


# -- a record whose notes do not say where its machine is, and which no look shows: nobody is promised that machine

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
TWO = Policy(capacity=dict.fromkeys((FIRST, SECOND), Capacity(desired=1)))
OURS, NOT_YET = sighting(scale_set=FIRST), sighting(scale_set=SECOND, consent=False)
NOWHERE = Notes(scale_set=ScaleSetName(""), unique_id="", instance_id=InstanceId(""), missed_at=ago(minutes=5))


def decided(known: Row, *looks: Sighting) -> Plan:
    snapshot = Snapshot(now=NOW, rows={known.vm_id: known})
    cloud = Cloud(listings={each.scale_set: each for each in looks})
    return reconciler.decide(Fleet.join(snapshot, cloud, TWO), TWO)


@pytest.mark.parametrize("noted", [None, NOWHERE])
@pytest.mark.parametrize(
    "looks", [(OURS, NOT_YET), (OURS,), (replace(OURS, complete=False), NOT_YET)], ids=["no consent", "away", "short"]
)
def test_its_key_leaves_available_as_soon_as_we_manage_anything_here(
    noted: Notes | None, looks: Sequence[Sighting]
) -> None:
    step = only(decided(row(1, record(1), noted), *looks).steps)
    change = change_of(step)
    assert step.why is Why.LEFT_AVAILABLE
    assert (change.record, change.notes, change.index) == (KEEP, KEEP, Status.UNAVAILABLE)


@pytest.mark.parametrize("looks", [(), (NOT_YET,), (replace(OURS, consent=False), NOT_YET)])
def test_another_scalers_records_are_left_alone_while_nobody_has_allowed_us_anything(looks: Sequence[Sighting]) -> None:
    assert decided(row(1, record(1)), *looks).steps == ()


def test_once_out_it_stays_where_it_is_and_is_kept() -> None:
    parked = replace(row(1, record(1)), index=frozenset({Status.UNAVAILABLE}))
    assert decided(parked, OURS, NOT_YET).steps == ()


def test_one_that_is_seen_again_is_marked_and_admitted_like_a_new_one() -> None:
    back = replace(instance(1, marked=False), ref=replace(instance(1).ref, scale_set=FIRST))
    parked = replace(row(1, record(1)), index=frozenset({Status.UNAVAILABLE}))
    neighbour = row(9, record(9), replace(notes(9, mark_asked_at=ago(seconds=70)), scale_set=FIRST))
    rows = {each.vm_id: each for each in (parked, neighbour)}
    asked = replace(OURS, by=Method.TARGETED)
    cloud = Cloud(listings={FIRST: OURS}, asked={vm(1): asked}).showing(asked, back)
    plan = reconciler.decide(Fleet.join(Snapshot(now=NOW, rows=rows), cloud, TWO), TWO)
    assert only(each for each in plan.steps if each.vm_id == vm(1)).why is Why.NEW_AT_REST


def test_a_failure_that_is_noted_ahead_of_azure_s_clock_counts_from_this_look() -> None:
    failing = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
    ahead = notes(failed=FailedNote(failure=FailureClass.OTHER, since=NOW + timedelta(hours=1)))
    assert after_sighting(ahead, failing, sighting(), Policy()).failed == FailedNote(
        failure=FailureClass.OTHER, since=NOW
    )
    earlier = notes(failed=FailedNote(failure=FailureClass.OTHER, since=ago(hours=1)))
    assert after_sighting(earlier, failing, sighting(), Policy()).failed == earlier.failed
