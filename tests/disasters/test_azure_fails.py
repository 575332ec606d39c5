"""Sold out, over quota, a role missing, throttled: who is in session stays, who waits gets a machine or is refused."""

import json
import logging
from collections.abc import Callable, Mapping

import pytest
from disasters.disaster_house import MINUTE, House, lets_pass

from emulator.behaviour import Fault, Faults
from scaler.errors import ScalerError
from scaler.model.plan import Why
from scaler.model.policy import Policy
from scaler.vmss.refusals import refusal
from scaler.vmss.reply import Reply

INSIDE, READY = 60, 20
POLICY = Policy(session_limit=180 * MINUTE)
READS = {"view", "list_instances", "get", "addresses"}
WRITES = {"start", "power_off", "deallocate", "delete", "mark", "set_capacity"}
type Check = Callable[[House], None]


def without_role_for(calls: set[str]) -> Callable[[str], ScalerError | None]:
    """A guard that answers these calls with ARM's 403."""
    says = {"error": {"code": "AuthorizationFailed", "message": "The client does not have authorization."}}
    reply = Reply(status=403, headers={"content-type": "application/json"}, body=json.dumps(says).encode(), sent=0.0)
    return lambda call: refusal(reply) if call in calls else None


def comings_and_goings(house: House, minutes: int) -> None:
    """Two leave and two come, every three minutes."""
    for minute in range(minutes):
        if minute % 3 == 0:
            house.leave(2)
            house.arrive(2)
        house.run(MINUTE)


def everybody_is_served_or_refused(house: House) -> None:
    """Nobody waits any more, and visitors are served as before."""
    assert not house.waiting
    before = len(house.inside)
    assert house.arrive(5) == 5
    house.run(4 * MINUTE)
    assert len(house.inside) == before + 5


def sold_out(house: House) -> None:
    """No machine beyond those that run: found out on the way."""
    house.azure.limit(allocatable=INSIDE)


def not_sold(house: House) -> None:
    """A 409 to every raised capacity, and no start succeeds."""
    house.azure.faults = Faults(rates={Fault.SOLD_OUT: 1.0, Fault.START_ALLOCATION: 1.0})


def over_quota(house: House) -> None:
    """So few cores that the fleet must shrink by a third before one can be made."""
    house.azure.limit(cores=house.azure.region.cores_used - 20 * house.azure.profile.cores)


def creations_fail(house: House) -> None:
    """The quota is found out on the way."""
    house.azure.faults = Faults(rates={Fault.CREATE_QUOTA: 1.0})


def everything_again(house: House) -> None:
    """The disaster is over."""
    house.azure.limit()
    house.azure.faults = Faults()
    house.azure_guard = lets_pass


LACKS: Mapping[str, tuple[Check, int]] = {
    "sold out": (sold_out, 30),
    "not sold": (not_sold, 30),
    "over quota": (over_quota, 30),
    "creations over quota": (creations_fail, 100),  # Failed machines are kept for the hold of their class
}


@pytest.mark.parametrize("lack", LACKS)
def test_an_hour_without_machines_to_be_had(lack: str) -> None:
    begins, minutes = LACKS[lack]
    house = House.full_of(INSIDE, READY, POLICY)
    begins(house)
    comings_and_goings(house, 60)
    assert house.wrongs == []
    everything_again(house)
    assert house.until_well(within=minutes * MINUTE) <= minutes * MINUTE
    everybody_is_served_or_refused(house)
    assert house.wrongs == []


def test_a_sold_out_region_is_not_hammered() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    began = house.clock.now()
    house.azure.faults = Faults(rates={Fault.CREATE_ALLOCATION: 1.0})
    house.leave(10)
    house.run(60 * MINUTE)
    made = sum(event.what == "created" and event.at > began for event in house.azure.history.events)
    assert made <= 10 * (60 // 10), "once per machine that is missing, and hold"


@pytest.mark.parametrize("calls", [READS, WRITES, {"mark"}, {"delete"}], ids=["reads", "writes", "marks", "deletes"])
def test_a_role_that_is_missing_for_twenty_minutes(calls: set[str]) -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    began = house.clock.now()
    house.azure_guard = without_role_for(calls)
    comings_and_goings(house, 20)
    assert house.wrongs == []
    said = [each.why + each.error for each in house.log.lines if each.level >= logging.WARNING and each.at > began]
    assert any("give the managed identity" in each for each in said)
    assert len(house.waiting) + len(house.refused) + len(house.inside) == INSIDE
    everything_again(house)
    house.until_well(within=70 * MINUTE)
    everybody_is_served_or_refused(house)
    ended = 14 + len(house.refused)  # those who left, and those who were refused
    assert (house.wrongs, house.deleted_since(began) <= ended) == ([], True), "and what is fresh stays fresh"


def test_without_the_role_for_the_mark_the_operator_is_told_and_nothing_is_deleted_for_it() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    house.azure_guard = without_role_for({"mark"})
    comings_and_goings(house, 20)
    assert any(each.level == logging.ERROR for each in house.said(Why.ALL_MARKS_REFUSED))
    everything_again(house)
    house.until_well(within=20 * MINUTE)
    assert house.said(Why.MARK_REFUSED) == []


@pytest.mark.parametrize("visitors", [1, 8], ids=["asked for singly", "listed"])
def test_a_visitor_is_refused_at_their_timeout_though_azure_does_not_answer(visitors: int) -> None:
    house = House.full_of(10, READY, POLICY)
    house.azure_guard = without_role_for(READS)
    assert house.arrive(visitors) == visitors
    house.run(POLICY.reservation_timeout - MINUTE)
    assert (len(house.waiting), len(house.refused)) == (visitors, 0)
    house.run(2 * MINUTE)
    assert (len(house.waiting), len(house.refused)) == (0, visitors)


def test_ten_minutes_of_429_delay_and_end_nothing() -> None:
    house = House.full_of(INSIDE, READY, POLICY)
    began = house.clock.now()
    house.azure.faults = Faults(rates={Fault.READ_THROTTLED: 1.0, Fault.WRITE_THROTTLED: 1.0})
    comings_and_goings(house, 10)
    assert (house.wrongs, len(house.refused), house.deleted_since(began)) == ([], 0, 0)
    louder = {each.why for each in house.log.lines if each.at > began and each.level > logging.INFO}
    assert louder == {Why.UNSEEN}, "waiting is no failure; not to have looked for minutes is an alarm"
    everything_again(house)
    assert house.until_well(within=8 * MINUTE) <= 8 * MINUTE
    everybody_is_served_or_refused(house)
    assert (house.refused, house.wrongs) == (set(), [])
