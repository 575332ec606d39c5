"""The health of emulated VMs: the extension's states, the simulated guest's answers, and what a look shows of both."""

from collections.abc import Sequence
from random import Random

import pytest
from emulated import Azure

from emulator.behaviour import Behaviour, Fault, Faults, Latencies
from emulator.health.extension import Extension, Heard, State, Verdict, turns
from emulator.health.record import Shown
from emulator.orders import OrderKind, Scale
from emulator.region import WITH_TIME_FOR_A_FIRST_RUN, Profile

INTERVAL = 5.0
BOOT, FIRST_RUN, STARTS, REPORTED = 30.0, 120.0, 10.0, 15.0  # the middles of the latencies
EXACT = Behaviour(latencies=Latencies().exact())
START = EXACT.latencies.start_stopped[0]


def one_by_one(verdicts: Sequence[Verdict], extension: Extension) -> list[State]:
    """The state after each probe: enable() of applicationhealth-extension-linux 2.0.29, probe by probe."""
    last, equal, gracious, committed, states = "", 0, extension.grace > 0, "", []
    for number, verdict in enumerate(verdicts):
        state = verdict.value
        last, equal = state, equal + 1 if state == last else 1
        if gracious and number * extension.interval >= extension.grace:
            gracious, state, last, equal, committed = False, "Unknown", "Unknown", 1, ""
        elif gracious and equal == extension.probes and state != "Unknown":
            gracious = False
        elif gracious:
            state = "Initializing"
        if equal == extension.probes or not committed:
            committed, equal = state, 0 if equal == extension.probes else equal
        states.append(State(committed))
    return states


def at_once(verdicts: Sequence[Verdict], extension: Extension) -> list[State]:
    """The same, calculated."""
    heard = [Heard(number * INTERVAL, verdict) for number, verdict in enumerate(verdicts)]
    changes = [each for number, each in enumerate(heard) if number == 0 or each.verdict != heard[number - 1].verdict]
    found = turns(changes, extension)
    return [
        next(turn.state for turn in reversed(found) if turn.at <= number * INTERVAL) for number in range(len(verdicts))
    ]


@pytest.mark.parametrize("seed", range(200))
def test_the_calculated_states_are_those_of_the_extension_probe_by_probe(seed: int) -> None:
    dice = Random(seed)
    extension = Extension(
        probes=dice.randint(1, 4), grace=INTERVAL * dice.choice([0, 1, 2, 5, 9]) + dice.choice([0, 2])
    )
    weights = [dice.random() for _ in Verdict]
    verdicts = [each for each in dice.choices(list(Verdict), weights, k=12) for _ in range(dice.randint(1, 4))]
    assert at_once(verdicts, extension) == one_by_one(verdicts, extension)


def scale_set(behaviour: Behaviour = EXACT, extension: Extension | None = WITH_TIME_FOR_A_FIRST_RUN) -> Azure:
    """A scale set of one VM that begins the first run of the VM now."""
    azure = Azure(0, behaviour=behaviour, profile=Profile(health=extension))
    azure.emulated.scale(Scale(capacity=1))
    azure.wait(EXACT.latencies.create[0])
    return azure


def shown(azure: Azure) -> Shown | None:
    """The health in a GET."""
    return azure.emulated.read_vm("0").health


def state(azure: Azure) -> State | None:
    found = shown(azure)
    return None if found is None else found.state


def second_run(azure: Azure) -> Azure:
    """The VM at the beginning of its second run."""
    azure.wait(3600)
    azure.order(OrderKind.POWER_OFF)
    azure.wait()
    azure.order(OrderKind.START)
    azure.wait(START)
    return azure


def becomes(azure: Azure, expected: State, within: float) -> None:
    """The state, not before `within` and a probe's time after it."""
    before = state(azure)
    azure.wait(within - 1)
    assert state(azure) is before, "too early"
    azure.wait(1 + INTERVAL)
    assert state(azure) is expected


def test_a_new_machine_shows_nothing_then_initializing_then_healthy() -> None:
    azure = scale_set()
    becomes(azure, State.INITIALIZING, STARTS + REPORTED)
    becomes(azure, State.HEALTHY, BOOT + FIRST_RUN - STARTS - INTERVAL)


def test_a_first_run_that_outlasts_the_grace_period_reads_unknown_until_it_ends() -> None:
    azure = scale_set(extension=Extension(grace=60))
    becomes(azure, State.INITIALIZING, STARTS + REPORTED)
    becomes(azure, State.UNKNOWN, 60 - INTERVAL)
    becomes(azure, State.HEALTHY, BOOT + FIRST_RUN - STARTS - 60 - INTERVAL)


def test_on_its_first_run_nobody_is_expected() -> None:
    azure = scale_set()
    azure.wait(3600)
    assert state(azure) is State.HEALTHY


def test_a_later_run_needs_no_first_run_and_shows_the_old_health_until_its_first_report() -> None:
    azure = second_run(scale_set())
    before = shown(azure)
    assert before is not None
    assert before.state is State.HEALTHY
    becomes(azure, State.INITIALIZING, STARTS + REPORTED)
    becomes(azure, State.HEALTHY, BOOT - STARTS - INTERVAL)
    after = shown(azure)
    assert after is not None
    assert after.at == before.at, "vmHealth has read healthy all the time"


def test_a_machine_to_which_nobody_comes_is_unhealthy_after_two_minutes() -> None:
    azure = second_run(scale_set())
    azure.wait(BOOT + REPORTED + INTERVAL)
    becomes(azure, State.UNHEALTHY, 120 - INTERVAL)


def test_a_machine_is_healthy_while_somebody_is_inside_and_for_two_minutes_more() -> None:
    azure = second_run(scale_set())
    azure.wait(BOOT + 60)
    azure.emulated.enter(azure.vm.vm_id)
    azure.wait(3600)
    assert state(azure) is State.HEALTHY
    azure.emulated.enter(azure.vm.vm_id)
    azure.emulated.leave(azure.vm.vm_id)
    azure.wait(3600)
    assert state(azure) is State.HEALTHY, "one of two is still inside"
    azure.emulated.leave(azure.vm.vm_id)
    becomes(azure, State.UNHEALTHY, 120 + REPORTED)


def test_the_reason_of_the_guest_stands_in_the_metrics() -> None:
    azure = second_run(scale_set())
    azure.wait(BOOT + 60)
    azure.emulated.enter(azure.vm.vm_id)
    azure.wait(REPORTED)
    found = shown(azure)
    assert found is not None
    assert found.metrics == '{"reason": "occupied", "players": 1}'


def test_a_restart_begins_anew() -> None:
    azure = scale_set()
    azure.wait(3600)
    azure.order(OrderKind.RESTART)
    azure.wait(EXACT.latencies.restart[0])
    becomes(azure, State.INITIALIZING, STARTS + REPORTED)
    becomes(azure, State.HEALTHY, BOOT - STARTS - INTERVAL)


def test_a_reimaged_machine_has_its_first_run_once_more() -> None:
    azure = scale_set()
    azure.wait(3600)
    azure.order(OrderKind.REIMAGE)
    azure.wait(EXACT.latencies.reimage[0])
    becomes(azure, State.INITIALIZING, STARTS + REPORTED)
    becomes(azure, State.HEALTHY, BOOT + FIRST_RUN - STARTS - INTERVAL)


def test_a_mute_guest_reads_unknown_and_only_for_a_while() -> None:
    azure = scale_set()
    azure.wait(3600)
    azure.emulated.happen(Fault.GUEST_MUTE, azure.vm.vm_id)
    azure.wait(REPORTED + INTERVAL)
    assert state(azure) is State.UNKNOWN
    azure.wait(EXACT.latencies.guest_spell[0])
    assert state(azure) is State.HEALTHY


def test_a_lying_guest_is_healthy_before_it_is_ready_and_unhealthy_with_somebody_inside() -> None:
    azure = scale_set()
    azure.emulated.happen(Fault.GUEST_LIES, azure.vm.vm_id)
    azure.wait(STARTS + REPORTED + INTERVAL)
    assert state(azure) is State.HEALTHY
    azure = second_run(scale_set())
    azure.emulated.enter(azure.vm.vm_id)
    azure.wait(60)
    azure.emulated.happen(Fault.GUEST_LIES, azure.vm.vm_id)
    azure.wait(60)
    assert state(azure) is State.UNHEALTHY


def test_a_flapping_guest_says_something_else_at_every_probe() -> None:
    azure = scale_set()
    azure.wait(3600)
    azure.emulated.happen(Fault.GUEST_FLAPS, azure.vm.vm_id)
    azure.wait(REPORTED)
    looks = []
    for _ in range(6):
        azure.wait(INTERVAL)
        looks.append(state(azure))
    assert looks in ([State.HEALTHY, State.UNHEALTHY] * 3, [State.UNHEALTHY, State.HEALTHY] * 3)


@pytest.mark.parametrize("fault", [Fault.GUEST_MUTE, Fault.GUEST_LIES, Fault.GUEST_FLAPS])
def test_nothing_happens_to_the_guest_of_a_machine_that_does_not_run(fault: Fault) -> None:
    azure = scale_set().at_rest(OrderKind.DEALLOCATE)
    assert not azure.emulated.happen(fault, azure.vm.vm_id)


def test_faults_of_looks_leave_the_health_out_or_call_it_unknown() -> None:
    azure = scale_set()
    azure.wait(3600)
    azure.emulated.script(Fault.HEALTH_MISSING)
    assert shown(azure) is None
    azure.emulated.script(Fault.HEALTH_UNKNOWN)
    assert state(azure) is State.UNKNOWN
    assert state(azure) is State.HEALTHY


def test_a_machine_may_come_without_the_extension() -> None:
    azure = Azure(0)
    azure.emulated.script(Fault.EXTENSION_MISSING)
    azure.scale(2)
    azure.wait(3600)
    assert [row.health is not None for row in azure.emulated.read_first_page()] == [False, True]


def test_without_the_extension_in_the_model_no_machine_shows_any_health() -> None:
    azure = scale_set(extension=None)
    azure.wait(3600)
    assert shown(azure) is None


def test_an_old_listing_shows_the_health_of_that_time() -> None:
    azure = scale_set()
    azure.wait(BOOT + FIRST_RUN + REPORTED + 30)
    azure.emulated.faults = Faults(rates={Fault.LISTING_OLD: 1.0}, listing_lag=(90.0, 90.0))
    (row,) = azure.emulated.read_first_page()
    assert row.health is not None
    assert row.health.state is State.INITIALIZING


def test_health_is_as_quick_as_the_rest_of_its_world() -> None:
    azure = scale_set(EXACT.at_speed(10))
    azure.wait((BOOT + FIRST_RUN + REPORTED) / 10 + 1)
    assert state(azure) is State.HEALTHY
    second_run(azure)
    azure.wait((BOOT + 120 + REPORTED) / 10 + 1)
    assert state(azure) is State.UNHEALTHY


def test_health_changes_nothing_else_that_happens() -> None:
    """The dice of a VM's health are its own, so that campaigns with and without it are alike."""
    lives = []
    for extension in (Extension(), None):
        azure = Azure(3, behaviour=Behaviour(), profile=Profile(health=extension), seed=7)
        azure.order(OrderKind.DEALLOCATE)
        azure.wait(3600)
        lives.append(list(azure.emulated.history))
    assert lives[0] == lives[1]
