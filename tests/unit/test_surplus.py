"""SPEND: the cleaner takes back what has been beyond the wanted number for long. A fleet in, a plan out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    MIN,
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    asked,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    record,
    reserved,
    row,
    sighting,
    vm,
    wants,
)

from scaler.controllers import cleaner
from scaler.model.capacity import Demand, after_listing, wanted, with_surplus
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, PowerState
from scaler.model.plan import Why
from scaler.model.policy import Capacity, Mode
from scaler.model.row import ClaimNote, Record, Row, SpentNote, Status
from scaler.model.sighting import Method, Pages
from scaler.observe import Targets

TWO_SPARE = replace(POLICY, capacity={SCALE_SET: Capacity(mode=Mode.BUFFER, buffer=2)}, max_deletes=1.0)
LONG = TWO_SPARE.surplus_kept


def watched(*machines: Instance, kept: timedelta = LONG) -> Demand:
    """The demand after listings of so long that all showed these machines."""
    demand = None
    for passed in range(int(kept / MIN) + 1):
        at = NOW - kept + passed * MIN
        pages = Pages(scale_set=SCALE_SET, instances=machines, unidentified=0, requests=1, at=at, sent=0.0)
        demand = after_listing(demand, pages, TWO_SPARE.capacity[SCALE_SET], TWO_SPARE)
        demand = with_surplus(demand, wanted(demand, TWO_SPARE), TWO_SPARE)
    assert demand is not None
    return demand


def at_rest(*numbers: int) -> tuple[Instance, ...]:
    return tuple(instance(number, PowerState.DEALLOCATED) for number in numbers)


def offered(*numbers: int, warm: bool = False) -> list[Row]:
    """Available machines, the one with the smallest number admitted first."""
    return [row(each, record(each, warm=warm), notes(each, admitted_at=ago(hours=9 - each))) for each in numbers]


def spent(rows: Iterable[Row], *machines: Instance, kept: timedelta = LONG) -> list[int]:
    """The machines that are spent after a targeted GET of each."""
    listed = cloud(*machines, look=sighting())
    looked = replace(asked(listed), listings={}, demand={SCALE_SET: watched(*machines, kept=kept)})
    plan = cleaner.decide(fleet(*rows, sees=looked, policy=TWO_SPARE), TWO_SPARE)
    return sorted(int(each.instance_id) for each in plan.steps if each.why is Why.SURPLUS)


def test_the_oldest_of_the_cold_ones_go_and_as_many_as_wanted_stay() -> None:
    rows = [*offered(1, warm=True), *offered(2, 3, 4, 5)]
    assert spent(rows, *at_rest(1, 2, 3, 4, 5)) == [2, 3, 4]


def test_it_is_one_write_that_takes_the_key_while_the_others_are_available() -> None:
    looked = asked(cloud(*at_rest(1, 2, 3)))
    sees = replace(looked, listings={}, demand={SCALE_SET: watched(*at_rest(1, 2, 3))})
    (step,) = cleaner.decide(fleet(*offered(1, 2, 3), sees=sees, policy=TWO_SPARE), TWO_SPARE).steps
    change = step.change
    assert change is not None
    assert change.takes
    assert step.order is None
    assert (change.edge, change.beside) == (Edge.SPEND, (vm(2), vm(3)))
    assert isinstance(change.record, Record)
    assert (change.record.status, change.record.used) == (
        Status.UNAVAILABLE,
        True,
    )
    assert changed(step).spent == SpentNote(why=Edge.SPEND, at=NOW, seen_at=NOW)


def test_it_asks_for_a_machine_before_it_spends_it_and_for_nothing_without_a_surplus() -> None:
    three = replace(Cloud(), demand={SCALE_SET: watched(*at_rest(1, 2, 3))})
    look = wants(cleaner.decide, fleet(*offered(1, 2, 3), sees=three), TWO_SPARE)
    assert isinstance(look, Targets)
    assert [each.instance_id for each in look.refs] == ["1"]
    two = replace(Cloud(), demand={SCALE_SET: watched(*at_rest(1, 2))})
    assert wants(cleaner.decide, fleet(*offered(1, 2), sees=two), TWO_SPARE) is None


def test_a_surplus_that_has_not_lasted_stays() -> None:
    assert spent(offered(1, 2, 3), *at_rest(1, 2, 3), kept=LONG - MIN) == []


def test_what_is_spent_already_is_no_surplus() -> None:
    """Azure shows the machine until its delete is through."""
    noted = notes(1, spent=SpentNote(why=Edge.SPEND, at=ago(seconds=5)))
    leaving = row(1, record(1, Status.UNAVAILABLE, used=True), noted)
    assert spent([leaving, *offered(2, 3)], *at_rest(1, 2, 3)) == []


@pytest.mark.parametrize(
    "other",
    [
        reserved(notes(1)),
        row(1, record(1), notes(1), index=False),
        row(1, record(1), notes(1, claim=ClaimNote(order="deallocate", at=NOW, seen_at=NOW, since=NOW))),
        row(1, record(1), notes(1, failed=None, admitted_at=None)),
    ],
    ids=["reserved", "its key is taken", "claimed", "never admitted"],
)
def test_what_a_visitor_could_not_get_is_left_alone(other: Row) -> None:
    assert 1 not in spent([other, *offered(2, 3, 4)], *at_rest(1, 2, 3, 4))


def test_a_machine_that_runs_by_its_own_get_is_left_alone() -> None:
    listed = replace(cloud(*at_rest(1, 2, 3)), listings={}, demand={SCALE_SET: watched(*at_rest(1, 2, 3))})
    running = asked(cloud(instance(1, PowerState.RUNNING)))
    sees = replace(running, listings={}, demand=listed.demand)
    assert cleaner.decide(fleet(*offered(1, 2, 3), sees=sees, policy=TWO_SPARE), TWO_SPARE).steps == ()


def test_a_look_without_permission_spends_nothing() -> None:
    look = sighting(Method.TARGETED, consent=False)
    sees = replace(cloud(*at_rest(1, 2, 3), look=look), demand={SCALE_SET: watched(*at_rest(1, 2, 3))})
    assert cleaner.decide(fleet(*offered(1, 2, 3), sees=sees, policy=TWO_SPARE), TWO_SPARE).steps == ()


def test_a_tick_spends_no_more_than_its_share() -> None:
    few = replace(TWO_SPARE, max_deletes=0.2)
    numbers = range(1, 9)
    sees = replace(asked(cloud(*at_rest(*numbers))), listings={}, demand={SCALE_SET: watched(*at_rest(*numbers))})
    plan = cleaner.decide(fleet(*offered(*numbers), sees=sees, policy=few), few)
    assert sum(step.why is Why.SURPLUS for step in plan.steps) == 1
    assert {refusal.why for refusal in plan.refusals} == {Why.BREAKER}
