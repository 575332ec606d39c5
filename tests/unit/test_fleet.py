"""The join, and what counts as evidence of an absence."""

from dataclasses import replace

from builders import NOW, POLICY, SCALE_SET, UNIQUE_ID, cloud, fleet, instance, notes, record, ref, row, sighting, vm

from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import Instance, InstanceId, ProvisioningState, ScaleSetName
from scaler.model.policy import Capacity
from scaler.model.row import Snapshot
from scaler.model.sighting import Answer, Method, Pages, ScaleSetView

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


def test_consent_is_the_tags_value_and_nothing_else() -> None:
    for value, consent in (("true", True), ("True", False), (None, False), ("another scaler", False)):
        view = replace(VIEW, managed_by=value)
        pages = Pages(scale_set=SCALE_SET, instances=(), unidentified=0, requests=1, at=NOW, sent=2.0)
        assert Cloud().with_listing(view, pages, POLICY).listings[SCALE_SET].consent is consent


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
    snapshot = Snapshot(now=NOW, rows={vm(1): row(1, record())})
    both = replace(POLICY, capacity={**POLICY.capacity, ScaleSetName("another"): Capacity(desired=1)})
    assert Fleet.join(snapshot, cloud(), both).by_id[vm(1)].absence is None
    assert Fleet.join(snapshot, cloud(), POLICY).by_id[vm(1)].absence is not None


def test_a_machine_that_only_azure_knows_has_an_empty_row() -> None:
    assert fleet(sees=cloud(instance(1))).rows[vm(1)].record is None


def test_an_address_comes_from_our_notes_and_only_if_it_can_be_one() -> None:
    joined = fleet()
    assert joined.address(row(1, record(), notes())) == ref(1)
    assert joined.address(row(1, record())) is None
    for hostile in ("../../x", "*", "", "1/../2", "-1", "one.", "1%2f2", "1\n", "x" * 65):
        assert joined.address(row(1, record(), notes(instance_id=InstanceId(hostile)))) is None
