"""Emulated guests know who is inside, by the visitors' own account."""

import pytest
from emulated import Azure
from simulator_builders import told

from emulator.orders import OrderKind
from simulator.happenings import Did
from simulator.presence import Presence


def players(azure: Azure) -> str:
    """What the guest says of them, once Azure shows it."""
    azure.wait(60)
    shown = azure.emulated.read_vm("0").health
    assert shown is not None
    return shown.metrics


def visited(*told_of: Did) -> Azure:
    """A machine on its second run, and a visitor of whom this was told."""
    azure = Azure(1).at_rest(OrderKind.POWER_OFF).at_rest(OrderKind.START)
    presence = Presence([azure.emulated])
    for did in told_of:
        presence.see(told(0, "ann", did, azure.vm.vm_id))
    return azure


def test_who_is_let_in_is_inside_once_they_see_the_stream() -> None:
    assert '"players": 0' in players(visited(Did.PROMISED, Did.OPENED))
    assert '"players": 1' in players(visited(Did.OPENED, Did.CONNECTED))


@pytest.mark.parametrize("goes", [Did.LEAVING, Did.VANISHED, Did.CUT_OFF, Did.EXPIRED])
def test_who_goes_is_inside_no_more_whether_told_or_not(goes: Did) -> None:
    assert '"players": 0' in players(visited(Did.CONNECTED, goes))


def test_who_goes_twice_takes_nobody_along() -> None:
    azure = visited()
    presence = Presence([azure.emulated])
    for session, did in (("ann", Did.CONNECTED), ("bob", Did.CONNECTED), ("ann", Did.CUT_OFF), ("ann", Did.LEAVING)):
        presence.see(told(0, session, did, azure.vm.vm_id))
    assert '"players": 1' in players(azure)


def test_who_gives_up_waiting_was_never_inside() -> None:
    assert '"players": 0' in players(visited(Did.PROMISED, Did.VANISHED))
