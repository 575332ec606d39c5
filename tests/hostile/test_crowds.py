"""Many hostile rows, or a hostile answer after the other: whoever is not hostile still gets a turn."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, POLICY, SCALE_SET, ago, cloud, fleet, instance, notes, record, ref, row, sighting, vm, wants
from clock import ManualClock

from scaler.actuate import Ports, Result, actuate
from scaler.controllers import cleaner
from scaler.errors import Conflict, Missing, Refused, ScalerError
from scaler.model.edges import Edge
from scaler.model.instance import InstanceId, InstanceRef, SessionId
from scaler.model.plan import Delete, Plan, Start, Step, Why
from scaler.model.row import Row, SpentNote, Status
from scaler.observe import Targets

CROWD = 1_000


def used(number: int, spent_at: timedelta) -> Row:
    """A machine whose session has ended, so long ago."""
    spent = SpentNote(why=Edge.RELEASE, at=NOW - spent_at)
    noted = notes(number, ended={SessionId("s"): Edge.RELEASE}, spent=spent, unique_id="of a scale set that was")
    return row(number, record(number, Status.UNAVAILABLE, used=True, session_id=SessionId("s")), noted)


def test_rows_without_a_machine_do_not_keep_the_cleaner_from_one_that_costs_money() -> None:
    ghosts = [used(number, timedelta(days=1)) for number in range(2, CROWD)]
    mine = used(1, timedelta(minutes=1))
    look = wants(cleaner.decide, fleet(mine, *ghosts, sees=cloud(instance(1))), POLICY)
    assert isinstance(look, Targets)
    assert look.refs[0] == ref(1)
    assert len(look.refs) == POLICY.max_gets


def test_a_machine_that_the_listing_proves_absent_is_not_asked_for_again() -> None:
    gone = replace(used(1, timedelta(hours=1)), notes=notes(1, spent=SpentNote(why=Edge.RELEASE, at=ago(hours=1))))
    look = wants(cleaner.decide, fleet(gone, sees=cloud()), POLICY)
    assert not isinstance(look, Targets)


class Grudging:
    """A scale set that objects to one instance at a time, whatever it is asked."""

    def __init__(self, error: type[ScalerError]) -> None:
        self.asked = 0
        self._error = error

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Names the first of them."""
        self.asked += 1
        if self._error is Missing:
            raise Missing("gone", [refs[0].instance_id])
        raise self._error("no")

    delete = start


@pytest.mark.parametrize("error", [Missing, Refused, Conflict])
@pytest.mark.parametrize("order", [Start, Delete])
def test_an_azure_that_names_one_machine_at_a_time_is_heard_to_the_end(
    order: type[Start | Delete], error: type[ScalerError]
) -> None:
    steps = tuple(
        Step(why=Why.RESERVED, vm_id=vm(number), order=order(ref=ref(number), rests_on=sighting()))
        for number in range(1, CROWD + 1)
    )
    scale_set = Grudging(error)
    ports = Ports(registry=None, scale_sets={SCALE_SET: scale_set}, clock=ManualClock())  # type: ignore[dict-item]
    outcomes = actuate(Plan(steps=steps), ports, POLICY)
    assert len(outcomes) == CROWD
    assert scale_set.asked <= CROWD + 1
    done = error is Missing and order is Delete
    assert {each.result for each in outcomes} == {Result.DONE if done else Result.FAILED}


def test_an_azure_that_names_machines_nobody_asked_for_is_not_asked_for_ever() -> None:
    class Mad(Grudging):
        def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
            self.asked += 1
            raise Missing("gone", [InstanceId("999999")])

    scale_set = Mad(Missing)
    steps = (Step(why=Why.RESERVED, vm_id=vm(1), order=Start(ref=ref(1), rests_on=sighting())),)
    ports = Ports(registry=None, scale_sets={SCALE_SET: scale_set}, clock=ManualClock())  # type: ignore[dict-item]
    (outcome,) = actuate(Plan(steps=steps), ports, POLICY)
    assert (outcome.result, scale_set.asked) == (Result.FAILED, 1)
