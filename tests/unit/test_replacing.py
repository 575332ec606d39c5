"""Ready machines that are replaced: too old, outdated, or by an operator's word. A fleet in, a plan out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    MIN,
    NOW,
    POLICY,
    SCALE_SET,
    S,
    ago,
    asked,
    cloud,
    edges,
    fleet,
    instance,
    notes,
    record,
    reserved,
    row,
    vm,
    wants,
)

from scaler.controllers import cleaner, provisioner
from scaler.model.capacity import Demand, after_listing, wanted
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState
from scaler.model.plan import Plan, SetCapacity, Why
from scaler.model.policy import Capacity, Mode, Policy, Price
from scaler.model.replacing import with_replacements
from scaler.model.row import ClaimNote, Row, SpentNote, Status
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Pages

TWO = Capacity(mode=Mode.BUFFER, buffer=2)
TWO_SPARE = replace(POLICY, capacity={SCALE_SET: TWO}, max_deletes=1.0)
HOUR = timedelta(hours=1)


def made(number: int, *, latest: bool | None, power: PowerState = PowerState.DEALLOCATED, **fields: object) -> Instance:
    """A marked machine at rest; the one with the smallest number was made first."""
    born = {"created_at": ago(hours=30 - number)}
    return instance(number, power, latest_model=latest, **(born | fields))


def old(*numbers: int) -> tuple[Instance, ...]:
    return tuple(made(number, latest=False) for number in numbers)


def new(*numbers: int) -> tuple[Instance, ...]:
    return tuple(made(number, latest=True) for number in numbers)


def listed(
    *machines: Instance, policy: Policy = TWO_SPARE, before: Demand | None = None, age: timedelta = 0 * S
) -> Demand:
    pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=NOW - age, sent=0.0)
    return with_replacements(after_listing(before, pages, policy.capacity[SCALE_SET], policy), pages, policy)


def offered(*numbers: int, **noted: object) -> list[Row]:
    """Available machines, the one with the smallest number admitted first."""
    return [row(each, record(each), notes(each, **{"admitted_at": ago(hours=30 - each), **noted})) for each in numbers]


def planned(
    rows: Iterable[Row], *machines: Instance, policy: Policy = TWO_SPARE, ceiling: Ceiling | None = None
) -> Plan:
    """The cleaner's plan after a listing, and a targeted GET of each machine."""
    seen = asked(cloud(*machines))
    ceilings = {SCALE_SET: ceiling} if ceiling is not None else {}
    demand = {SCALE_SET: listed(*machines, policy=policy)}
    return cleaner.decide(
        fleet(*rows, sees=replace(seen, listings={}, demand=demand, ceilings=ceilings), policy=policy), policy
    )


def spent(rows: Iterable[Row], *machines: Instance, **more: object) -> list[tuple[int, Why]]:
    steps = planned(rows, *machines, **more).steps  # type: ignore[arg-type]
    assert set(edges(steps)) <= {Edge.SPEND}
    return sorted((int(step.instance_id), step.why) for step in steps)


# -- how many are wanted


def test_one_more_is_wanted_while_a_ready_machine_is_outdated_and_the_reason_is_told() -> None:
    found = wanted(listed(*old(1, 2), *new(3)), TWO_SPARE)
    assert (found.machines, found.replacing, found.facts["replacing"]) == (3, 1, 1)
    assert found.why == "2 spare beyond 0 in use; 1 more, because ready machines are not of the latest model"
    assert wanted(listed(*new(1, 2, 3)), TWO_SPARE).machines == 2


def test_a_fixed_number_too_is_one_more_meanwhile() -> None:
    four = replace(TWO_SPARE, capacity={SCALE_SET: Capacity(desired=4)})
    assert wanted(listed(*old(1), *new(2), policy=four), four).machines == 5


def test_nothing_is_wanted_beyond_the_most() -> None:
    few = replace(TWO_SPARE, capacity={SCALE_SET: replace(TWO, most=2)})
    found = wanted(listed(*old(1, 2), *new(3), policy=few), few)
    assert (found.machines, found.replacing) == (2, 0)


@pytest.mark.parametrize(
    "machines",
    [
        tuple(made(number, latest=None) for number in (1, 2)),
        (made(1, latest=False, power=PowerState.RUNNING), made(2, latest=True)),
        (made(1, latest=True), made(2, latest=True)),
        (made(1, latest=False, created_at=None), made(2, latest=True)),
    ],
    ids=["Azure does not say", "in use", "of the latest model", "of unknown age"],
)
def test_what_is_not_known_to_be_outdated_and_ready_wants_no_other(machines: tuple[Instance, ...]) -> None:
    demand = listed(*machines)
    assert (demand.outdated, demand.replacing) == (frozenset(), 0)


@pytest.mark.parametrize(
    "other",
    [
        made(3, latest=True, marked=False),
        made(3, latest=True, provisioning=ProvisioningState.UPDATING),
        made(3, latest=False),
        made(1, latest=True, created_at=ago(hours=50)),
    ],
    ids=["unmarked", "its mark is not through", "outdated as well", "older"],
)
def test_a_machine_is_outdated_only_beside_a_younger_marked_one_of_the_latest_model(other: Instance) -> None:
    assert listed(*old(2), other).outdated == frozenset()
    assert listed(*old(2), *new(4), other).outdated >= {vm(2)}


def test_a_flag_that_turns_false_some_minutes_after_the_mark_makes_no_machine_outdated() -> None:
    """Else each new machine condemns the one before, and machines are made and deleted for ever."""
    young = made(3, latest=True, created_at=NOW - POLICY.model_shows + S)
    before = listed(*old(1, 2), age=19 * MIN)
    demand = listed(*old(1, 2), young, before=before)
    assert (demand.outdated, wanted(demand, TWO_SPARE).machines) == (frozenset(), 3)
    assert listed(*old(1, 2), young, before=demand, age=-1 * S).outdated == {vm(1), vm(2)}
    turned = listed(*old(1, 2), replace(young, latest_model=False), before=demand, age=-1 * S)
    assert (turned.outdated, wanted(turned, TWO_SPARE).machines) == (frozenset(), 2)


def test_where_no_machine_is_of_the_latest_model_one_is_made_to_see() -> None:
    demand = listed(*old(1, 2))
    assert (demand.outdated, wanted(demand, TWO_SPARE).machines) == (frozenset(), 3)


def test_a_mark_that_turns_the_flag_false_costs_one_machine_and_no_more() -> None:
    """The machine that was made to see is not of the latest model either: the flag says nothing."""
    before = listed(*old(1, 2), age=19 * MIN)
    made_since = made(3, latest=False, created_at=NOW - 15 * MIN)
    demand = listed(*old(1, 2), made_since, before=before)
    assert (demand.outdated, wanted(demand, TWO_SPARE).machines) == (frozenset(), 2)
    later = listed(*old(2), made_since, before=demand, age=-MIN)
    assert wanted(later, TWO_SPARE).machines == 2


def test_who_uses_up_the_machine_that_showed_it_does_not_make_the_flag_say_something() -> None:
    before = listed(*old(1, 2), age=19 * MIN)
    shown = listed(*old(1), made(3, latest=False, created_at=NOW - 15 * MIN), before=before, age=10 * MIN)
    later = listed(*old(1), made(4, latest=True, marked=False, created_at=NOW), before=shown)
    assert wanted(later, TWO_SPARE).machines == 2
    better = listed(*old(1), *new(4), before=later, age=-MIN)
    assert (wanted(better, TWO_SPARE).machines, better.outdated) == (3, frozenset({vm(1)}))
    assert wanted(listed(*old(1, 4), before=better, age=-2 * MIN), TWO_SPARE).machines == 3


def test_none_is_made_to_see_beside_a_surplus_which_would_be_taken_for_it() -> None:
    assert wanted(listed(*old(1, 2, 3)), TWO_SPARE).machines == 2
    before = listed(*old(1, 2), age=MIN)
    coming = made(3, latest=True, marked=False, created_at=NOW - S)
    assert wanted(listed(*old(1, 2), coming, before=before), TWO_SPARE).machines == 3


def test_where_no_machine_was_made_to_see_within_an_hour_none_is_wanted_for_that_any_more() -> None:
    before = listed(*old(1, 2), age=19 * MIN)
    policy = replace(TWO_SPARE, surplus_kept=19 * MIN)
    assert wanted(before, policy).machines == 3
    assert wanted(listed(*old(1, 2), before=before, policy=policy), policy).machines == 2


def test_a_further_model_is_tried_anew() -> None:
    known = listed(*old(1), *new(3), age=MIN)
    assert wanted(listed(*old(1, 3), before=known), TWO_SPARE).machines == 3


def test_so_many_more_are_wanted_as_are_too_old_but_no_more_than_may_be_deleted_at_once() -> None:
    aged = replace(TWO_SPARE, max_ready_age=HOUR, max_deletes=0.1)
    demand = listed(*new(*range(1, 21)), policy=aged)
    assert wanted(demand, aged).replacing == 2
    assert (
        listed(*(made(number, latest=True, created_at=ago(minutes=59)) for number in (1, 2)), policy=aged).replacing
        == 0
    )
    assert listed(*new(1, 2), policy=TWO_SPARE).replacing == 0


def test_the_provisioner_makes_it_and_raises_no_alarm_where_azure_has_no_room_for_it() -> None:
    machines = (*old(1), *new(2))
    seen = replace(cloud(*machines), demand={SCALE_SET: listed(*machines)})
    listing = seen.listings[SCALE_SET]
    sees = replace(seen, listings={SCALE_SET: replace(listing, capacity=2, listed=2)})
    (step,) = provisioner.decide(sees, TWO_SPARE).steps
    assert isinstance(step.order, SetCapacity)
    assert (step.order.capacity, step.facts["wanted"]) == (3, 3)
    full = Ceiling(refused=3, exact=True, failure=FailureClass.QUOTA, until=NOW + MIN, said="no")
    plan = provisioner.decide(replace(sees, ceilings={SCALE_SET: full}), TWO_SPARE)
    assert (plan.steps, plan.refusals) == ((), ())


# -- what is taken back


def test_an_outdated_machine_goes_once_another_one_is_ready_beyond_those_wanted() -> None:
    assert spent(offered(1, 2), *old(1, 2), *new(3)) == []
    assert spent(offered(1, 2, 3), *old(1, 2), *new(3)) == [(1, Why.OUTDATED)]


def test_as_many_as_are_wanted_must_be_available_when_it_is_written() -> None:
    (step,) = planned(offered(1, 2, 3), *old(1, 2), *new(3)).steps
    assert step.change is not None
    assert (step.change.takes, step.change.beside, step.order) == (True, (vm(2), vm(3)), None)


def test_outdated_machines_go_one_at_a_time_and_the_next_when_the_last_is_gone_from_the_listing() -> None:
    many = offered(2, 3, 4, 5)
    assert spent(many, *old(2, 3), *new(4, 5)) == [(2, Why.OUTDATED)]
    leaving = row(1, record(1, Status.UNAVAILABLE, used=True), notes(1, spent=SpentNote(why=Edge.SPEND, at=NOW)))
    going = made(1, latest=False, provisioning=ProvisioningState.DELETING)
    assert spent([leaving, *many], going, *old(2, 3), *new(4, 5)) == []
    assert spent([leaving, *many], *old(2, 3), *new(4, 5)) == [(2, Why.OUTDATED)]


def test_a_get_that_shows_the_latest_model_saves_the_machine() -> None:
    demand = {SCALE_SET: listed(*old(1, 2), *new(3))}
    sees = replace(asked(cloud(*new(1, 2, 3))), listings={}, demand=demand)
    assert cleaner.decide(fleet(*offered(1, 2, 3), sees=sees, policy=TWO_SPARE), TWO_SPARE).steps == ()


def test_it_asks_for_that_machine_alone_and_for_nothing_while_none_may_go() -> None:
    enough = replace(Cloud(), demand={SCALE_SET: listed(*old(1, 2), *new(3))})
    look = wants(cleaner.decide, fleet(*offered(1, 2, 3), sees=enough), TWO_SPARE)
    assert [each.instance_id for each in look.refs] == ["1"]  # type: ignore[union-attr]
    assert wants(cleaner.decide, fleet(*offered(1, 2), sees=enough), TWO_SPARE) is None


def test_at_the_most_one_less_is_ready_meanwhile_but_never_none() -> None:
    two = replace(TWO_SPARE, capacity={SCALE_SET: replace(TWO, most=2)})
    assert spent(offered(1, 2), *old(1), *new(2), policy=two) == [(1, Why.OUTDATED)]
    one = replace(TWO_SPARE, capacity={SCALE_SET: replace(TWO, buffer=1, most=1)})
    assert spent(offered(1), *old(1), *new(2), policy=one) == []


@pytest.mark.parametrize(("until", "gone"), [(NOW + S, [(1, Why.OUTDATED)]), (NOW, [])])
def test_so_it_is_where_azure_lately_refused_the_one_more(until: object, gone: list[tuple[int, Why]]) -> None:
    refused = Ceiling(refused=3, exact=True, failure=FailureClass.QUOTA, until=until, said="no")  # type: ignore[arg-type]
    assert spent(offered(1, 2), *old(1), *new(2), ceiling=refused) == gone


@pytest.mark.parametrize(("budget", "gone"), [(7.2, []), (740.0, [(1, Why.ASKED_FOR)])])
def test_where_the_budget_pays_no_other_one_none_is_replaced(budget: float, gone: list[tuple[int, Why]]) -> None:
    priced = replace(TWO, price=Price(running=1.0, stopped=1.0, deallocated=0.005), budget=budget)
    policy = replace(TWO_SPARE, capacity={SCALE_SET: priced})
    asked_for = offered(1, replace_asked_at=ago(minutes=1))
    assert spent([*asked_for, *offered(2)], *new(1, 2), policy=policy) == gone


@pytest.mark.parametrize(("failed", "gone"), [(1, [(1, Why.ASKED_FOR)]), (2, [])])
def test_while_creations_fail_none_is_replaced(failed: int, gone: list[tuple[int, Why]]) -> None:
    policy = replace(TWO_SPARE, capacity={SCALE_SET: replace(TWO, failure_cap=2)})
    demand = replace(listed(*new(1, 2), policy=policy), failures={vm(90 + number): NOW for number in range(failed)})
    sees = replace(asked(cloud(*new(1, 2))), listings={}, demand={SCALE_SET: demand})
    rows = [*offered(1, replace_asked_at=NOW), *offered(2)]
    steps = cleaner.decide(fleet(*rows, sees=sees, policy=policy), policy).steps
    assert [(int(step.instance_id), step.why) for step in steps] == gone


def test_a_machine_is_too_old_by_the_time_since_its_admission() -> None:
    aged = replace(TWO_SPARE, max_ready_age=HOUR)
    rows = [*offered(1, 2), *offered(3, admitted_at=ago(minutes=60)), *offered(4, admitted_at=ago(minutes=59))]
    assert spent(rows, *new(1, 2, 3, 4), policy=aged) == [(1, Why.TOO_OLD), (2, Why.TOO_OLD)]
    assert spent(rows, *new(1, 2, 3, 4)) == []
    younger = [*offered(3, admitted_at=ago(minutes=60)), *offered(4, 5, 6, admitted_at=ago(minutes=59))]
    assert spent(younger, *new(3, 4, 5, 6), policy=aged) == [(3, Why.TOO_OLD)]


def test_a_tick_takes_no_more_back_than_its_share() -> None:
    aged = replace(TWO_SPARE, max_ready_age=HOUR, max_deletes=0.2)
    plan = planned(offered(*range(1, 9)), *new(*range(1, 9)), policy=aged)
    assert [step.why for step in plan.steps] == [Why.TOO_OLD]
    assert {refusal.why for refusal in plan.refusals} == {Why.BREAKER}


def test_by_an_operators_word_one_less_than_wanted_stays_and_never_none() -> None:
    """The provisioner does not know Redis, so nobody makes another one before."""
    asked_for = offered(1, replace_asked_at=ago(minutes=1))
    assert spent([*asked_for, *offered(2)], *new(1, 2)) == [(1, Why.ASKED_FOR)]
    one = replace(TWO_SPARE, capacity={SCALE_SET: replace(TWO, buffer=1)})
    assert spent(asked_for, *new(1), policy=one) == []


@pytest.mark.parametrize(
    "other",
    [
        reserved(notes(1, replace_asked_at=NOW)),
        row(1, record(1), notes(1, replace_asked_at=NOW), index=False),
        row(1, record(1), notes(1, replace_asked_at=NOW, claim=ClaimNote(order="d", at=NOW, seen_at=NOW, since=NOW))),
    ],
    ids=["reserved", "its key is taken", "claimed"],
)
def test_what_a_visitor_could_not_get_is_left_alone_whatever_its_age(other: Row) -> None:
    aged = replace(TWO_SPARE, max_ready_age=HOUR)
    young = offered(2, 3, 4, admitted_at=NOW)
    assert spent([other, *young], *new(1, 2, 3, 4), policy=aged) == []


def test_a_second_listing_of_the_same_second_may_show_a_machine_that_the_first_lacked() -> None:
    """Azure's Date has whole seconds: the demand is as of the first listing of a second."""
    first = listed(*new(1))
    assert listed(*new(1, 2), before=first) == first
