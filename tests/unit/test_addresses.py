"""Where a machine can be reached: asked for at OPEN, kept in the notes, brought back into a record that lost it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    RUNNING,
    SCALE_SET,
    ago,
    changed,
    cloud,
    edge,
    fleet,
    instance,
    let_in,
    notes,
    only,
    published,
    reconciled,
    record,
    reserved,
    sighting,
    start_note,
    unavailable,
    wants,
)
from tick_house import House

from emulator.in_process import InProcessScaleSet
from scaler.controllers import starter
from scaler.errors import Throttled
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, InstanceRef, SessionId, VmId
from scaler.model.plan import Plan, Step, Why
from scaler.model.policy import Capacity
from scaler.model.row import Record, Row, SpentNote, Status
from scaler.model.sighting import Answer, Method, Pages
from scaler.observe import AddressesOf, Targets

FOUND = Addresses(public="20.1.2.3", private="10.0.0.4")
IPS = {"public": "20.1.2.3", "private": "10.0.0.4"}
AT_ONCE = AddressesOf(refs=(RUNNING.ref,))


def started(**fields: object) -> Row:
    """A machine that was started for somebody."""
    return reserved(notes(1, start=replace(start_note(), **fields)))  # type: ignore[arg-type]


def looked(answer: Addresses | None) -> Cloud:
    return cloud(RUNNING, look=ASKED).with_addresses({RUNNING.vm_id: answer})


def plan_for(what: Row, sees: Cloud) -> Plan:
    return starter.decide(fleet(what, sees=sees), POLICY)


def opening(what: Row, answer: Addresses | None) -> Step:
    return only(plan_for(what, looked(answer)).steps)


def opened_with(answer: Addresses | None, **fields: Any) -> Record:
    """What is published of a machine whose record said this before."""
    step = opening(reserved(notes(1, start=start_note()), **fields), answer)
    assert edge(step) is Edge.OPEN
    return published(step)


def test_an_address_is_given_only_to_a_machine_that_a_targeted_get_of_this_tick_saw() -> None:
    """Listings lag without bound: behind the id may be another machine by now, with an address of its own."""
    listed = cloud(RUNNING, look=sighting(Method.LISTING))
    assert wants(starter.decide, fleet(started(), sees=listed), POLICY) == Targets(refs=(RUNNING.ref,))
    located = listed.with_addresses({RUNNING.vm_id: FOUND})
    assert only(plan_for(started(), located).steps).why is Why.NO_ADDRESSES


@pytest.mark.parametrize("by", Method)
def test_addresses_that_nobody_was_asked_for_are_no_answer(by: Method) -> None:
    """More wait than are asked for one by one, and the GETs after the listing fail: then nobody was asked."""
    assert only(plan_for(started(), cloud(RUNNING, look=sighting(by))).steps).why is Why.NO_ADDRESSES


def test_a_public_address_that_azure_has_and_does_not_tell_yet_is_waited_for() -> None:
    untold = Addresses(private="10.0.0.4", untold=True)
    assert opening(started(), untold).why is Why.NO_ADDRESSES
    late = published(opening(started(runs_at=NOW - POLICY.address_patience), untold))
    assert (late.public_ip, late.private_ip) == (None, "10.0.0.4")


def test_addresses_are_asked_for_in_each_tick_until_told_and_only_for_a_machine_about_to_be_opened() -> None:
    for about_to_open in (started(), started(runs_at=ago(seconds=3))):
        assert wants(starter.decide, fleet(about_to_open, sees=cloud(RUNNING, look=ASKED)), POLICY) == AT_ONCE
    assert isinstance(wants(starter.decide, fleet(started(), now=NOW + POLICY.first_look_cold), POLICY), Targets)
    assert wants(starter.decide, fleet(started(), sees=looked(Addresses())), POLICY) is None
    assert wants(starter.decide, fleet(started(), sees=cloud(instance(1), look=ASKED)), POLICY) is None


def test_the_record_and_the_notes_get_what_was_found() -> None:
    step = opening(started(), FOUND)
    assert (published(step).public_ip, published(step).private_ip) == ("20.1.2.3", "10.0.0.4")
    kept = changed(step).opened
    assert kept is not None
    assert (changed(step).ips, kept.record.public_ip) == (IPS, "20.1.2.3")


def test_a_machine_without_addresses_is_opened_without_them() -> None:
    step = opening(started(), Addresses())
    assert (published(step).public_ip, published(step).private_ip) == (None, None)
    assert changed(step).ips == {}


def test_what_azure_says_now_counts_more_than_what_stands_in_the_record() -> None:
    old = opened_with(FOUND, public_ip="198.51.100.7", private_ip="10.9.9.9")
    assert (old.public_ip, old.private_ip) == (FOUND.public, FOUND.private)


@pytest.mark.parametrize("field", ["public_ip", "private_ip"])
def test_what_azure_does_not_say_is_left_as_it_stands(field: str) -> None:
    assert getattr(opened_with(Addresses(), **{field: "198.51.100.7"}), field) == "198.51.100.7"


def test_while_nobody_answers_the_machine_is_not_opened_and_the_patience_is_noted_once() -> None:
    step = opening(started(), None)
    start = changed(step).start
    assert start is not None
    assert (step.why, step.order, start.runs_at) == (Why.NO_ADDRESSES, None, NOW)
    again = plan_for(started(runs_at=ago(seconds=3)), looked(None))
    assert (again.steps, again.look_again) == ((), POLICY.look_every)


# -- repairs of a record that lost them


def in_session(ips: Mapping[str, str] = IPS, **fields: Any) -> Row:
    """A record that lost what is not named here."""
    full = record(1, Status.UNAVAILABLE, session_id=MINE, public_ip="20.1.2.3", private_ip="10.0.0.4")
    opened = replace(let_in()["opened"], record=full)
    return unavailable(notes(1, opened=opened, ips=ips), **fields)


def repaired(what: Row) -> Record:
    step = only(reconciled(what, RUNNING).steps)
    assert step.why is Why.ADDRESSES
    return published(step)


@pytest.mark.parametrize("ips", [IPS, {}])
def test_a_record_that_lost_its_addresses_gets_them_back_from_the_notes(ips: Mapping[str, str]) -> None:
    """Of an adopted session nobody asked Azure: what its record said when it was adopted is all there is."""
    found = repaired(in_session(ips=ips))
    assert (found.public_ip, found.private_ip) == ("20.1.2.3", "10.0.0.4")


@pytest.mark.parametrize("field", ["public_ip", "private_ip"])
def test_a_repair_overwrites_no_address(field: str) -> None:
    assert getattr(repaired(in_session(IPS, **{field: "198.51.100.7"})), field) == "198.51.100.7"
    assert reconciled(in_session(public_ip="198.51.100.7", private_ip="10.9.9.9"), RUNNING).steps == ()


def test_a_used_machine_needs_no_addresses_any_more() -> None:
    noted = in_session().notes
    assert noted is not None
    ended = replace(noted, ended={MINE: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=ago(minutes=1)))
    assert reconciled(unavailable(ended, used=True), RUNNING).steps == ()


def test_a_late_write_over_an_opened_session_brings_no_addresses_down() -> None:
    assert published(only(plan_for(reserved(in_session().notes), Cloud()).steps)).public_ip == "20.1.2.3"


# -- whole ticks: throttled looks


class Held(InProcessScaleSet):
    """The budget for one kind of look is used up, as long as the test says so."""

    lists = gets = True

    def list_instances(self) -> Pages:
        if not self.lists:
            raise Throttled("no budget for list requests now", timedelta(seconds=9))
        return super().list_instances()

    def get(self, ref: InstanceRef) -> Answer:
        if not self.gets:
            raise Throttled("no budget for get requests now", timedelta(seconds=9))
        return super().get(ref)


def six_reserved(warm: int = 0) -> tuple[House, Held, list[VmId]]:
    """Six visitors who wait for a machine."""
    house = House(replace(POLICY, capacity={SCALE_SET: Capacity(desired=7, warm=warm)}))
    door = house.doors(Held)[SCALE_SET]
    house.run(60, *(house.tick(name) for name in CONTROLLERS), seconds=15)
    got = [house.visitors.reserve(SessionId(f"s{number}")) for number in range(6)]
    return house, door, [each.vm_id for each in got if each is not None]


def test_a_machine_is_opened_with_its_addresses_though_the_listing_was_held_back() -> None:
    """A listing, targeted GETs in its place, addresses: that is the longest way of a tick."""
    house, door, reserved_ids = six_reserved(warm=7)
    door.lists = False
    house.run(4, house.tick(Actor.STARTER), seconds=10)
    opened = [house.registry.read().rows[each].readable for each in reserved_ids]
    assert [bool(each and each.status is Status.UNAVAILABLE and each.private_ip) for each in opened] == [True] * 6


def test_machines_whose_targeted_gets_are_throttled_are_opened_as_soon_as_they_are_answered_and_not_before() -> None:
    house, door, reserved_ids = six_reserved()
    tick = house.tick(Actor.STARTER)
    tick.run()
    house.later(minutes=3)
    door.gets = False
    with pytest.raises(Throttled):
        tick.run()
    assert [house.registry.read().rows[each].status for each in reserved_ids] == [Status.RESERVED] * 6
    door.gets = True
    house.run(1, tick, seconds=5)
    opened = [house.registry.read().rows[each].readable for each in reserved_ids]
    assert [bool(each and each.status is Status.UNAVAILABLE and each.private_ip) for each in opened] == [True] * 6
