"""Hot machines in whole ticks: the replica between the writes, the visitor's wait, and what a queue manager sees."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tick_house import EXACT, NAME, House

from emulator.orders import OrderKind
from emulator.redis.memory import MemoryRegistry
from scaler.model.edges import Actor, Edge
from scaler.model.instance import PowerState, SessionId, Tier, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Start, Why
from scaler.model.policy import Capacity, Mode, Policy, ReadyWhen
from scaler.model.row import Notes, Record, Row, Status
from scaler.observe import Listings
from scaler.ports import Confirmation
from scaler.registry.reservations import Leaving, Stage
from scaler.report import Report, Result
from scaler.tick import Tick

HOT = Capacity(mode=Mode.BUFFER, buffer=3, hot=2)
POLICY = Policy(capacity={NAME: HOT})
GATED = replace(POLICY, ready_when={NAME: ReadyWhen.HEALTHY})
X, Y = SessionId("x"), SessionId("y")


class Replica:
    """A replica that may be away, or lag."""

    def __init__(self) -> None:
        self.answers = True
        self.connected = True

    def catch_up(self) -> bool:
        return self.answers


class Told(MemoryRegistry):
    """Remembers in order what was written and when a replica was asked; `answers` are given first."""

    answers: list[Confirmation]
    told: list[str]

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        self.told += [_word(change) for change in changes]
        return super().apply(changes, good_until=good_until)

    def confirm(self) -> Confirmation:
        self.told.append("WAIT")
        return self.answers.pop(0) if self.answers else super().confirm()


def _word(change: Change) -> str:
    if change.edge is not None:
        return change.edge.name
    before, after = change.row.notes, change.notes
    if not isinstance(after, Notes):
        return "note"
    known = before or replace(after, start=None, heated=None)
    return "start" if known.start != after.start else "heated" if known.heated != after.heated else "note"


class HotHouse(House):
    """A scale set of three machines, of which two are to be hot; all four controllers in one process."""

    def __init__(self, policy: Policy = POLICY) -> None:
        super().__init__(policy, behaviour=EXACT)
        self.replica = Replica()
        self.registry = self.redis = Told(self.clock.now, replica=self.replica)
        self.redis.answers, self.redis.told = [], []
        self.listings = Listings()
        every = {Actor.PROVISIONER: 30, Actor.RECONCILER: 2, Actor.CLEANER: 16, Actor.STARTER: 1}
        self.ticks = {
            (name, seconds): Tick(name, self.ports(name), policy, listings=self.listings)
            for name, seconds in every.items()
        }
        self.began = 0.0

    def go(self, seconds: int) -> list[Report]:
        """Time passes, second by second, and the controllers tick."""
        reports = []
        for _ in range(seconds):
            self.clock.advance(timedelta(seconds=1))
            now = round(self.clock.monotonic())
            reports += [tick.run() for (_, every), tick in self.ticks.items() if now % every == 0]
        return reports

    def until_hot(self) -> "HotHouse":
        """Two of three machines wait hot."""
        self.go(720)
        assert sorted(self.tiers) == [Tier.COLD, Tier.HOT, Tier.HOT]
        return self

    @property
    def tiers(self) -> list[Tier]:
        """Of what is on offer."""
        return [each.readable.tier for each in self.rows if each.readable and Status.AVAILABLE in each.index]

    def start(self) -> Report:
        """One tick of the starter."""
        return next(tick for (name, _), tick in self.ticks.items() if name is Actor.STARTER).run()

    def open(self, session: SessionId) -> bool:
        return self.visitors.look(session).stage is Stage.OPEN


@pytest.mark.parametrize("policy", [POLICY, GATED], ids=["running", "healthy"])
def test_hot_machines_are_kept_and_a_visitor_is_in_within_one_tick(policy: Policy) -> None:
    house = HotHouse(policy).until_hot()
    house.go(300)  # with `healthy` they say by now that nobody is in
    assert sorted(house.tiers) == [Tier.COLD, Tier.HOT, Tier.HOT]
    given = house.visitors.reserve(X)
    assert given is not None
    assert given.hot_since is not None
    assert given.public_ip is given.private_ip is None
    house.start()
    seen = house.visitors.look(X)
    assert (seen.stage, seen.reservation is not None and bool(seen.reservation.public_ip)) == (Stage.OPEN, True)
    house.go(720)
    assert sorted(house.tiers) == [Tier.COLD, Tier.HOT, Tier.HOT], "the part is filled up again"


def test_each_write_about_a_hot_machine_has_a_replica_before_the_next() -> None:
    house = HotHouse().until_hot()
    heatings = house.redis.told[house.redis.told.index("heated") - 1 :]
    assert heatings[:4] == ["WAIT", "heated", "heated", "WAIT"]
    house.visitors.reserve(X)
    house.redis.told.clear()
    house.start()
    assert house.redis.told == ["WAIT", "start", "WAIT", "OPEN"]


def test_without_a_replica_nothing_is_heated_and_an_alarm_says_so() -> None:
    house = HotHouse()
    house.replica.answers = False
    reports = house.go(720)
    assert house.tiers == [Tier.COLD] * 3
    assert "heated" not in house.redis.told
    assert all(each.notes is not None and each.notes.heated is None for each in house.rows)
    assert Why.NO_REPLICA in {refusal.why for report in reports for refusal in report.plan.refusals if refusal.alarm}


def test_a_heating_whose_note_no_replica_has_is_taken_back_before_any_order() -> None:
    house = HotHouse()
    house.go(240)
    house.redis.answers = [Confirmation.REPLICATED, Confirmation.UNCONFIRMED]
    reports = house.go(2)
    outcomes = [each for report in reports for each in report.outcomes if isinstance(each.step.order, Start)]
    assert [each.result for each in outcomes] == [Result.UNCONFIRMED] * 2
    assert all(each.notes is not None and each.notes.heated is None for each in house.rows)
    assert {each.power for each in house.face.list_instances().instances} == {PowerState.DEALLOCATED}


def test_a_hot_machine_is_not_opened_before_a_replica_has_its_start_note() -> None:
    house = HotHouse().until_hot()
    house.visitors.reserve(X)
    house.redis.answers = [Confirmation.REPLICATED, Confirmation.UNCONFIRMED]
    (noted,) = house.start().outcomes
    assert (noted.result, house.open(X)) == (Result.UNCONFIRMED, False)
    house.replica.answers = False
    house.go(60)
    assert not house.open(X), "with a start note it waits, and goes nowhere"
    assert house.visitors.look(X).stage is Stage.RESERVED
    house.replica.answers = True
    house.redis.told.clear()
    house.go(5)
    assert house.open(X)
    assert house.redis.told[:2] == ["WAIT", "OPEN"]


def test_a_replica_that_is_away_is_waited_for_once_a_tick_and_delays_no_other_start_twice() -> None:
    house = HotHouse().until_hot()
    for session in (X, Y, SessionId("z")):
        assert house.visitors.reserve(session) is not None
    house.replica.answers = False
    house.redis.told.clear()
    outcomes = house.start().outcomes
    assert [each.result for each in outcomes if isinstance(each.step.order, Start)] == [Result.DONE]
    assert house.redis.told == ["WAIT", "start"]


@pytest.mark.long
def test_at_the_end_of_its_waiting_such_a_session_is_refused_and_its_machine_left_alone_until_the_limit() -> None:
    house = HotHouse().until_hot()
    given = house.visitors.reserve(X)
    assert given is not None
    house.redis.answers = [Confirmation.REPLICATED, Confirmation.UNCONFIRMED]
    house.start()
    house.replica.answers = False
    house.go(910)
    assert house.visitors.look(X).stage is Stage.REFUSED
    house.go(300)
    (kept,) = [each for each in house.face.list_instances().instances if each.vm_id == given.vm_id]
    assert kept.power is PowerState.RUNNING


def test_for_want_of_a_replica_a_session_goes_on_with_another_machine_and_the_hot_one_is_offered_again() -> None:
    house = HotHouse().until_hot()
    given = house.visitors.reserve(X)
    assert given is not None
    house.replica.answers = False
    house.go(4)
    swapped = house.visitors.look(X, given.vm_id)
    assert swapped == house.visitors.look(X), "whoever asks with the old machine's name finds the way"
    assert swapped.reservation is not None
    assert swapped.reservation.vm_id != given.vm_id
    assert swapped.reservation.moved_from == given.vm_id
    assert house.tiers == [Tier.HOT, Tier.HOT]
    assert house.visitors.reserve(Y) is not None
    assert house.visitors.look(X, given.vm_id).stage is Stage.RESERVED, "and also when it is another visitor's"
    house.go(130)
    assert house.open(X), "a machine that was never heated needs no replica"
    assert house.visitors.release(X, given.vm_id) is Leaving.RELEASED


def test_a_hot_machine_that_its_guest_shuts_down_is_started_again() -> None:
    house = HotHouse().until_hot()
    hot = next(each for each in house.rows if each.readable and each.readable.tier is Tier.HOT)
    assert hot.notes is not None
    house.azure.order(OrderKind.POWER_OFF, [hot.notes.instance_id], by="guest")
    reports = house.go(60)
    assert Why.HEATED_AGAIN in {each.step.why for report in reports for each in report.outcomes}
    assert sorted(house.tiers) == [Tier.COLD, Tier.HOT, Tier.HOT]


def test_a_cancelled_reservation_leaves_it_hot() -> None:
    house = HotHouse().until_hot()
    given = house.visitors.reserve(X)
    assert house.visitors.cancel(X) is Leaving.CANCELLED
    again = house.visitors.reserve(Y)
    assert given is not None
    assert again is not None
    assert (again.vm_id, again.hot_since) == (given.vm_id, given.hot_since)


def test_after_the_visitor_the_record_is_hot_no_more() -> None:
    house = HotHouse().until_hot()
    given = house.visitors.reserve(X)
    assert given is not None
    house.start()
    assert house.visitors.release(X) is Leaving.RELEASED
    assert _record(house, given.vm_id).hot_since is None
    other = house.visitors.reserve(Y)
    assert other is not None
    house.redis.answers = [Confirmation.REPLICATED, Confirmation.UNCONFIRMED]
    house.start()
    assert house.visitors.cancel(Y) is Leaving.ABANDONED
    assert _record(house, other.vm_id).hot_since is None


def _record(house: HotHouse, vm_id: VmId) -> Record:
    found = house.registry.read().rows[vm_id].readable
    assert found is not None
    return found


@pytest.mark.long
def test_with_no_machine_hot_any_more_all_are_stopped_and_none_is_presumed_or_made_anew() -> None:
    house = HotHouse().until_hot()
    cold = Policy(capacity={NAME: replace(HOT, hot=0)})
    for name, every in list(house.ticks):
        house.ticks[name, every] = Tick(name, house.ports(name), cold, listings=house.listings)
    reports = house.go(600)
    assert sorted(house.tiers) == [Tier.COLD, Tier.WARM, Tier.WARM]
    written = [each.step.change for report in reports for each in report.outcomes if each.step.change is not None]
    assert {change.edge for change in written} == {None}
    assert house.azure.capacity == 3


def test_a_visitor_of_a_machine_that_is_being_heated_gets_it_as_soon_as_it_runs() -> None:
    house = HotHouse()
    house.go(250)  # two starts were just ordered
    given = house.visitors.reserve(X)
    assert given is not None
    row = house.registry.read().rows[given.vm_id]
    assert row.notes is not None
    assert row.notes.heated is not None
    house.go(105)
    assert house.open(X)


def test_a_failover_that_forgets_an_open_lets_nobody_else_in_and_moves_nobody() -> None:
    """The start note is on the replica, whatever else is lost."""
    house = HotHouse().until_hot()
    given = house.visitors.reserve(X)
    assert given is not None
    server = house.redis.server
    house.redis.told.clear()
    lost = house.redis.keyspace.snapshot_state()
    confirm = house.redis.confirm

    def kept() -> Confirmation:
        nonlocal lost
        answer = confirm()
        lost = house.redis.keyspace.snapshot_state()
        return answer

    house.redis.confirm = kept  # type: ignore[method-assign]
    house.start()
    assert house.open(X)
    house.redis.keyspace.restore_state(lost)
    server.run_id = "another"
    row = house.registry.read().rows[given.vm_id]
    assert row.notes is not None
    assert row.notes.start is not None
    assert (row.status, row.notes.opened) == (Status.RESERVED, None)
    reports = house.go(5)
    assert house.open(X)
    edges = {each.step.edge for report in reports for each in report.outcomes if each.step.vm_id == given.vm_id}
    assert edges - {""} == {Edge.OPEN.name}
