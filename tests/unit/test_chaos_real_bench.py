"""The observer while parts are away: what it excuses, to the second, and what it does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from clock import ManualClock
from fakeredis import FakeRedis, FakeServer
from simulator_builders import OFFERED, START, USED, azure, in_session, machine, second, told

from emulator.history import What
from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import PowerState, ScaleSetName
from scaler.model.policy import Capacity, Policy
from scaler.registry.keys import Keys
from simulator.chaos_real.bench import Bench
from simulator.chaos_real.mischief import Lane
from simulator.chaos_real.outages import Outages
from simulator.chaos_real.sight import Sight, Sights
from simulator.chaos_real.web_site import Asked
from simulator.happenings import Did, Entry, Happening, Manner, Seen
from simulator.observer.patience import Patience
from simulator.observer.wrong import Kind, Wrong

POLICY = Policy(
    capacity={ScaleSetName("vmss"): Capacity(desired=2)},
    session_limit=timedelta(seconds=30),
    expiry_grace=timedelta(seconds=3),
    reservation_timeout=timedelta(seconds=10),
    start_timeout=timedelta(seconds=5),
    flush_hold=timedelta(seconds=10),
)
OFFERED_MACHINE = machine(PowerState.STOPPED, OFFERED)
PATIENCE = Patience(idle=timedelta(seconds=20), policy=POLICY)
RUNS = PowerState.RUNNING


class House:
    """A bench, and what it would be told of."""

    def __init__(self) -> None:
        self.now = START
        self.outages = Outages(lambda: self.now)
        self.asked = Asked(lambda: self.now)
        self.bench = Bench(POLICY, PATIENCE, self.outages, self.asked)

    def judged(self, *history: Happening | list[Sight]) -> list[Wrong]:
        for part in history:
            for each in part if isinstance(part, list) else [part]:
                self.bench.see(each)
        return self.bench.wrongs

    def away(self, first: float, last: float) -> None:
        """Redis, for so long."""
        self.now = second(first)
        with self.outages.of(Lane.REDIS):
            self.now = second(last)


@pytest.fixture
def house() -> House:
    return House()


def sight(at: float, *machines: Seen, named: tuple[str, ...] = (), remembered: float | None = None) -> Sight:
    return Sight(
        at=second(at),
        machines=machines,
        named=frozenset(named),
        forgot=remembered is not None,
        remembered=second(remembered) if remembered is not None else None,
    )


def sights(first: float, last: float, *machines: Seen, named: tuple[str, ...] = ()) -> list[Sight]:
    return [sight(first + number / 2, *machines, named=named) for number in range(round(2 * (last - first)) + 1)]


def promised(at: float, session: str = "ann", manner: Manner = Manner.ATOMIC) -> Entry:
    return Entry(at=second(at), session=session, did=Did.PROMISED, vm_id="vm", manner=manner)


def kinds(wrongs: list[Wrong]) -> list[Kind]:
    return [each.kind for each in wrongs]


def test_a_promise_that_redis_forgot_is_excused(house: House) -> None:
    assert house.judged(promised(5), sight(6, remembered=4), sights(6.5, 12)) == []
    assert house.bench.forgettings == 1


def test_a_promise_that_redis_cannot_have_forgotten_is_lost_all_the_same(house: House) -> None:
    wrongs = house.judged(promised(3.9), sight(6, remembered=4), sights(6.5, 12))
    assert kinds(wrongs) == [Kind.LOST]


def test_a_promise_that_survived_the_forgetting_must_not_be_lost_any_more(house: House) -> None:
    history = (promised(5), sight(6, remembered=4), sight(6.5, named=("ann",)), sights(7, 12))
    assert kinds(house.judged(*history)) == [Kind.LOST]


def test_the_steps_of_a_naive_queue_manager_may_have_been_forgotten_singly(house: House) -> None:
    naive = promised(5, manner=Manner.NAIVE)
    assert house.judged(naive, sight(6, remembered=4), sight(6.5, named=("ann",)), sights(7, 12)) == []


def test_what_was_asked_before_redis_forgot_and_promised_afterwards_may_have_been_forgotten(house: House) -> None:
    house.asked.at["ann"] = second(5)
    naive = promised(7, manner=Manner.NAIVE)
    assert house.judged(sight(6, remembered=4), naive, sights(7.5, 12)) == []


def test_what_was_asked_after_redis_forgot_can_be_lost(house: House) -> None:
    house.asked.at["ann"] = second(6.5)
    assert kinds(house.judged(sight(6, remembered=4), promised(7), sights(7.5, 12))) == [Kind.LOST]


def test_whom_redis_forgot_must_be_served_when_they_ask_again_and_machines_are_free(house: House) -> None:
    free = sights(8, 20, machine(PowerState.STOPPED, OFFERED))
    history = (promised(5), sight(6, remembered=4), sight(6.5), told(7, "ann", Did.QUEUED, None), free)
    assert kinds(house.judged(*history)) == [Kind.LOST]


def test_a_machine_that_redis_has_only_just_heard_of_may_be_forgotten(house: House) -> None:
    unknown, known = machine(RUNS), machine(RUNS, in_session("ann"))
    assert house.judged(sight(4, unknown), sight(4.5, known), sight(6, unknown, remembered=4)) == []


def test_a_record_that_redis_cannot_have_forgotten_was_deleted(house: House) -> None:
    unknown, known = machine(RUNS), machine(RUNS, in_session("ann"))
    history = (sight(3.5, unknown), sight(4, known), sight(4.5, known), sight(6, unknown, remembered=4.2))
    assert kinds(house.judged(*history)) == [Kind.LEAKED]


def idle(published: object = USED) -> Callable[[float, float], list[Sight]]:
    return lambda first, last: sights(first, last, machine(RUNS, published))  # type: ignore[arg-type]


@pytest.mark.parametrize(("last", "wrongs"), [(20, 0), (20.5, 1)])
def test_a_machine_that_is_billed_for_nothing_is_leaked_after_a_while(house: House, last: float, wrongs: int) -> None:
    assert len(house.judged(idle()(0, last))) == wrongs


@pytest.mark.parametrize(("last", "wrongs"), [(30, 0), (30.5, 1)])
def test_the_while_does_not_count_outages(house: House, last: float, wrongs: int) -> None:
    house.away(5, 15)
    assert [each.at for each in house.judged(idle()(0, last))] == [second(last)] * wrongs


def test_a_machine_kept_for_somebody_whose_queue_manager_crashed_has_its_reason_until_the_session_ends(
    house: House,
) -> None:
    house.asked.unanswered.add("ann")
    seen = idle(in_session("ann"))
    assert house.judged(seen(0, 52)) == []  # 30 s of session, 3 of grace, 20 of patience
    assert kinds(house.judged(seen(52.5, 60))) == [Kind.LEAKED]


def test_a_machine_kept_for_somebody_who_went_elsewhere_has_no_reason_if_they_were_answered(house: House) -> None:
    assert kinds(house.judged(idle(in_session("ann"))(0, 22))) == [Kind.LEAKED]


@pytest.mark.parametrize(("others", "wrongs"), [(0, 0), (1, 1)])
def test_where_redis_forgot_most_machines_they_may_stay_until_the_scaler_is_sure(
    house: House, others: int, wrongs: int
) -> None:
    unknown, offered = (
        machine(PowerState.STOPPED),
        replace(OFFERED_MACHINE, state=replace(OFFERED_MACHINE.state, vm_id="b")),
    )
    seen = (unknown, *[offered] * others)
    assert len(house.judged(sight(1, *seen, remembered=0), sights(1.5, 32, *seen))) == wrongs
    if not others:
        assert kinds(house.judged(sights(32.5, 60, *seen))) == [Kind.LEAKED]


def test_a_machine_without_a_record_has_no_reason_unless_redis_forgot(house: House) -> None:
    assert kinds(house.judged(sights(0, 21, machine(PowerState.STOPPED)))) == [Kind.LEAKED]


def test_whose_leaving_redis_forgot_counts_as_there_until_the_limit(house: House) -> None:
    stay = (promised(0), told(1, "ann", Did.OPENED), told(5, "ann", Did.LEAVING))
    seen = idle(in_session("ann"))
    assert house.judged(*stay, sight(6, machine(RUNS, in_session("ann")), remembered=4), seen(6.5, 53)) == []
    assert kinds(house.judged(seen(53.5, 60))) == [Kind.LEAKED]


def test_whose_leaving_redis_did_not_forget_is_gone(house: House) -> None:
    stay = (promised(0), told(1, "ann", Did.OPENED), told(3, "ann", Did.LEAVING))
    forgetting = sight(6, machine(RUNS, in_session("ann")), remembered=4)
    assert kinds(house.judged(*stay, forgetting, idle(in_session("ann"))(6.5, 30))) == [Kind.LEAKED]


def test_a_session_opened_while_nobody_could_look_may_have_begun_when_nobody_looked_any_more(house: House) -> None:
    before, after = sights(0, 5, named=("ann",)), sight(12, machine(RUNS, in_session("ann")), named=("ann",))
    opened = told(12.1, "ann", Did.OPENED)
    ended = azure(35, What.DELETE_ORDERED)  # 30 s after the last look at 5 s, and 23 s after it was seen open
    assert house.judged(promised(1), before, after, opened, ended) == []


def test_a_session_opened_while_somebody_looked_began_then(house: House) -> None:
    before, after = sights(0, 11.5, named=("ann",)), sight(12, machine(RUNS, in_session("ann")), named=("ann",))
    assert kinds(house.judged(promised(1), before, after, azure(35, What.DELETE_ORDERED))) == [Kind.CUT_SHORT]


def test_looks_know_up_to_when_redis_remembers() -> None:
    clock = ManualClock()
    scale_set = EmulatedScaleSet(clock.now)
    with FakeRedis(server=FakeServer()) as client:
        looker = Sights([scale_set], client, Keys())

        def look() -> tuple[bool, datetime | None]:
            clock.advance(timedelta(seconds=1))
            found = looker.look()
            return found.forgot, found.remembered

        assert look() == (False, None)
        written, remembered = client.get("simulator:look") or b"", clock.now()
        assert look() == (False, None)
        client.set("simulator:look", written)  # what came after that is gone
        assert look() == (True, remembered)
        assert look() == (False, None)
        client.flushall()
        assert look() == (True, None)
