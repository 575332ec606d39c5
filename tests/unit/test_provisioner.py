"""The provisioner: Azure in, a plan out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, POLICY, SCALE_SET, cloud, instance, sighting, vm, wants

from scaler.controllers import provisioner
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, PowerState, ProvisioningState
from scaler.model.plan import Deallocate, Listing, PowerOff, SetCapacity, Why
from scaler.model.policy import Capacity
from scaler.model.sighting import Method
from scaler.observe import Targets


def new(number: int, **fields: object) -> Instance:
    return instance(number, **{"power": PowerState.RUNNING, "marked": False, **fields})  # type: ignore[arg-type]


def asked(*instances: Instance, **listed: object) -> Cloud:
    """A listing, and a targeted GET of each machine in it."""
    answers = cloud(*instances, look=sighting(Method.TARGETED))
    return replace(answers, listings={SCALE_SET: sighting(Method.LISTING, **listed)})


def test_it_asks_for_a_listing_first_and_then_for_each_machine_it_would_stop() -> None:
    assert wants(provisioner.decide, Cloud(), POLICY) == Listing()
    listed = cloud(new(1), instance(2))
    assert wants(provisioner.decide, listed, POLICY) == Targets(refs=(new(1).ref,))
    assert wants(provisioner.decide, asked(new(1)), POLICY) is None


def test_it_does_nothing_when_its_listing_was_put_off() -> None:
    assert wants(provisioner.decide, Cloud(unlisted=frozenset({SCALE_SET})), POLICY) is None


def test_it_raises_capacity_to_what_is_desired_with_the_etag_it_read() -> None:
    (step,) = provisioner.decide(cloud(look=sighting(capacity=1)), POLICY).steps
    assert step.order == SetCapacity(scale_set=SCALE_SET, capacity=4, etag='"7"', rests_on=sighting(capacity=1))
    assert step.why is Why.BELOW_DESIRED


def test_it_creates_at_most_max_surge_a_tick() -> None:
    many = replace(POLICY, capacity={SCALE_SET: Capacity(desired=100)})
    (step,) = provisioner.decide(cloud(look=sighting(capacity=3)), many).steps
    assert isinstance(step.order, SetCapacity)
    assert step.order.capacity == 13


@pytest.mark.parametrize("capacity", [4, 5, 900])
def test_it_never_lowers_capacity(capacity: int) -> None:
    assert provisioner.decide(cloud(look=sighting(capacity=capacity)), POLICY).steps == ()


def test_it_stops_new_machines_warm_first_and_deallocates_the_rest() -> None:
    plan = provisioner.decide(asked(new(1), new(2), new(3)), POLICY)
    assert [type(step.order) for step in plan.steps] == [PowerOff, Deallocate, Deallocate]


@pytest.mark.parametrize("power", [PowerState.STOPPED, PowerState.STOPPING])
def test_the_warm_share_counts_what_is_still_on_its_way_to_rest(power: PowerState) -> None:
    plan = provisioner.decide(asked(new(1), instance(2, power=power)), POLICY)
    assert [type(step.order) for step in plan.steps] == [Deallocate]


def test_a_stop_rests_on_a_targeted_get_never_on_a_listing() -> None:
    assert provisioner.decide(cloud(new(1)), POLICY).steps == ()
    (step,) = provisioner.decide(asked(new(1)), POLICY).steps
    assert step.order is not None
    assert step.order.rests_on.by is Method.TARGETED


@pytest.mark.parametrize(
    "machine",
    [
        new(1, marked=True),
        new(1, provisioning=ProvisioningState.CREATING),
        new(1, provisioning=ProvisioningState.UPDATING),
        new(1, provisioning=ProvisioningState.DELETING),
        new(1, power=PowerState.UNKNOWN),
        new(1, power=PowerState.STARTING),
    ],
    ids=["marked", "creating", "updating", "deleting", "unknown", "starting"],
)
def test_it_leaves_alone_what_is_marked_busy_or_not_surely_running(machine: Instance) -> None:
    assert provisioner.decide(asked(machine), POLICY).steps == ()


def test_a_failed_machine_that_runs_is_stopped_all_the_same() -> None:
    (step,) = provisioner.decide(asked(new(1, provisioning=ProvisioningState.FAILED)), POLICY).steps
    assert step.vm_id == vm(1)


def test_without_consent_it_only_says_so() -> None:
    look = replace(asked(new(1)), listings={SCALE_SET: sighting(consent=False, capacity=0)})
    plan = provisioner.decide(look, POLICY)
    assert plan.steps == ()
    assert [held.why for held in plan.refusals] == [Why.NO_CONSENT]


@pytest.mark.parametrize(("seconds", "patches"), [(-1, 0), (0, 1), (1, 1)])
def test_a_capacity_that_stays_unfulfilled_is_patched_again(seconds: int, patches: int) -> None:
    since = NOW - POLICY.capacity_stuck - timedelta(seconds=seconds)
    short = replace(cloud(instance(1)), short_since={SCALE_SET: since})
    steps = provisioner.decide(short, POLICY).steps
    assert [step.why for step in steps] == [Why.CAPACITY_STUCK] * patches
