"""A change by hand beside somebody who writes: a lost race is looked at again, and not for ever."""

import json

import pytest
import typer
from builders import NOW, POLICY, notes, record
from clock import ManualClock

from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Ports
from scaler.cli.by_hand import ByHand
from scaler.cli.environment import Exit
from scaler.cli.screen import Screen
from scaler.controllers import by_hand
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Record, Row, Status
from scaler.report import Report

SAID = record().vm_id


class Writer:
    """The machine's queue manager: after each of the first `times` looks it changes what the scaler reads of it."""

    def __init__(self, times: int) -> None:
        self.registry = MemoryRegistry(lambda: NOW)
        self.times = times
        self.looks = 0
        change = Change(row=Row(vm_id=SAID), edge=None, record=record(), notes=notes(), index=Status.AVAILABLE)
        assert self.registry.apply([change]) != (None,)

    def look(self) -> Report:
        """What distrust would do, a moment before somebody writes."""
        snapshot = self.registry.read()
        plan = by_hand.distrust(Fleet.join(snapshot, Cloud(), POLICY), POLICY)
        self.looks += 1
        if self.looks <= self.times:
            self._write(snapshot.rows[SAID].before.record or b"")
        return Report(plan=plan)

    def _write(self, text: bytes) -> None:
        said = json.loads(text) | {"region": f"region {self.looks}"}
        self.registry.keyspace.set(self.registry.keys.instance(VmId(SAID)), json.dumps(said))

    @property
    def record(self) -> Record | None:
        """What is published now."""
        return self.registry.read().rows[SAID].readable

    def spend(self) -> None:
        """`scaler distrust --yes`."""
        ports = Ports(registry=self.registry, scale_sets={}, clock=ManualClock())
        change = ByHand(title="distrust", question="", look=self.look, ports=ports, policy=POLICY)
        change.run(Screen(), yes=True, as_json=False)


@pytest.mark.parametrize("times", [0, 1, 4])
def test_a_lost_race_is_run_again_until_it_is_won(times: int, capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer(times)
    writer.spend()
    assert writer.record is not None
    assert (writer.record.status, writer.record.used) == (Status.UNAVAILABLE, True)
    assert "lost race" not in capsys.readouterr().out


def test_who_is_always_faster_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer(1000)
    with pytest.raises(typer.Exit) as ended:
        writer.spend()
    assert ended.value.exit_code == Exit.NOT_DONE
    said = capsys.readouterr()
    assert "lost race" in said.out
    assert "1 are left: somebody else changed them meanwhile; run it again" in said.err
