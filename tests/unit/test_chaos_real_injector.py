"""The schedule carried out: in its order, at its time, with an end to it, and a word when something stays broken."""

from collections.abc import Mapping, Sequence
from threading import Event

from simulator.chaos_real.faults import Fault, Injection, Target
from simulator.chaos_real.injector import Breaking, Injector
from simulator.clock import WallClock
from simulator.parts.environment import SetupFailed

CUT, SILENT = Fault.ARM_CUT, Fault.ARM_SILENT


def injection(what: Fault, at: float) -> Injection:
    return Injection(what=what, at=at, lasts=0.5)


def carried_out(injections: Sequence[Injection], ways: Mapping[Fault, Breaking]) -> Injector:
    """To their end."""
    injector = Injector(WallClock(), Event())
    injector.begin({Target.ARM: injections}, ways)
    injector.join()
    assert injector.done
    return injector


def test_each_target_gets_its_faults_in_their_order_and_they_are_counted() -> None:
    done: list[Injection] = []
    injections = (injection(CUT, 0.0), injection(SILENT, 0.02), injection(CUT, 0.04))
    injector = carried_out(injections, {CUT: done.append, SILENT: done.append})
    assert tuple(done) == injections
    assert injector.survived == {CUT: 2, SILENT: 1}
    assert injector.seconds >= 0.04


def test_what_has_not_begun_when_all_is_over_never_begins() -> None:
    over = Event()
    injector = Injector(WallClock(), over)
    injector.begin({Target.ARM: (injection(CUT, 3600.0),)}, {CUT: lambda _: None})
    assert not injector.done
    over.set()
    injector.join()
    assert injector.survived == {}


def test_where_there_was_nothing_to_break_nothing_was_survived() -> None:
    injections = (injection(CUT, 0.0), injection(SILENT, 0.0))
    assert carried_out(injections, {CUT: lambda _: False, SILENT: lambda _: None}).survived == {SILENT: 1}


def test_what_cannot_be_mended_is_said_and_ends_the_faults_of_that_target() -> None:
    def break_down(_: Injection) -> None:
        raise SetupFailed("redis-server two does not answer")

    injector = carried_out((injection(CUT, 0.0), injection(CUT, 0.0)), {CUT: break_down})
    assert injector.failure == "ARM connections cut, and then it could not be mended: redis-server two does not answer"
    assert (injector.survived, injector.broken) == ({}, set())


def test_faults_that_were_never_begun_can_be_waited_for() -> None:
    Injector(WallClock(), Event()).join()
