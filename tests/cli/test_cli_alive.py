"""`scaler status` and its probe: whether the controllers tick, and what is wrong, by the signs that they leave.

The ages go on with the clock of Redis while a command runs: a busy machine may show some seconds more.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate

from scaler.cli.environment import Exit
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import ScaleSetName
from scaler.model.signs import FailedOrder, Sign
from scaler.registry.redis import RedisRegistry

S, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FINE = Sign(
    controller=Actor.STARTER,
    version="1.2.3",
    at=datetime(2026, 11, 30, tzinfo=UTC),
    ago=2 * S,
    every=MINUTE,
    failure="",
    failing=0 * S,
)


def leave(estate: Estate, **odd: Sign | None) -> None:
    """Leave a sign of each controller: FINE, or the sign given in `odd` (None: no sign)."""
    signs = {name: replace(odd.get(name) or FINE, controller=name) for name in CONTROLLERS}
    RedisRegistry(estate.redis, KEYS).leave_signs(
        [sign for name, sign in signs.items() if odd.get(name, FINE) is not None]
    )


def test_a_scaler_that_ticks_is_fine(estate: Estate, console: Console) -> None:
    leave(estate)
    ages = ", ".join(f"{name} [2-9]s ago" for name in ("provisioner", "reconciler", "starter", "cleaner"))
    told = rf"last ticks: {ages} \(version 1\.2\.3\)\n"
    assert re.search(f"^{told}", console.run("status").out, re.MULTILINE)
    said = console.run("status", "--check")
    assert said.status == Exit.DONE
    assert re.fullmatch(f"fine; {told}", said.out)


@pytest.mark.parametrize(
    ("odd", "ends", "sentence"),
    [
        (
            replace(FINE, ago=5 * MINUTE),
            Exit.LATE,
            r"the cleaner is late: it ticked 5m(\ds)? ago, and is due every 1m \(",
        ),
        (
            replace(FINE, ago=5 * MINUTE, alarms=("an alarm of then",)),
            Exit.LATE,
            r"the cleaner is late: it ticked 5m(\ds)? ago, and is due every 1m \(",
        ),
        (None, Exit.LATE, r"the cleaner has left no sign of life for a week, or never \("),
        (replace(FINE, alarms=("look at this",)), Exit.ALARM, "alarm of the cleaner: look at this"),
        (replace(FINE, failure="no", failing=90 * S), Exit.ALARM, r"the cleaner has failed for 1m3\ds: no"),
        (replace(FINE, failure="no", failing=5 * S), Exit.DONE, "the cleaner has failed since its last tick: no"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_an_exit_status(
    estate: Estate, console: Console, odd: Sign | None, ends: Exit, sentence: str
) -> None:
    leave(estate, cleaner=odd)
    said = console.run("status", "--check")
    assert said.status == ends
    assert re.search(f"^{sentence}", said.out, re.MULTILINE)
    shown = console.run("status")
    assert shown.status == Exit.DONE
    assert re.search(f"^{sentence}", shown.out, re.MULTILINE)


def test_an_alarm_weighs_more_than_a_late_controller(estate: Estate, console: Console) -> None:
    leave(estate, cleaner=replace(FINE, alarms=("look at this",)), starter=None)
    said = console.run("status", "--check", "--json")
    assert (said.status, said.json["verdict"], len(said.json["said"])) == (Exit.ALARM, "alarm", 2)
    assert set(said.json["controllers"]) == {"provisioner", "reconciler", "cleaner"}


def test_where_nothing_ever_ticked_one_sentence_says_so(console: Console) -> None:
    said = console.run("status", "--check")
    assert (said.status, len(said.out.splitlines())) == (Exit.LATE, 1)
    assert said.out.startswith("no controller has ticked on this Redis and prefix for a week, or ever: ")


@pytest.mark.parametrize("left", [None, replace(FINE, ago=9 * MINUTE)])
def test_a_reconciler_in_another_process_does_not_know_of_the_provisioner(
    estate: Estate, console: Console, left: Sign | None
) -> None:
    leave(estate, provisioner=left, reconciler=replace(FINE, knows_provisioner=False))
    said = console.run("status", "--check")
    assert (said.status, "whether the provisioner ticks is unknown" in said.out) == (Exit.DONE, True)


def test_a_probe_asks_azure_nothing_and_says_that_redis_is_away(estate: Estate, console: Console) -> None:
    leave(estate)
    estate.server.close()  # no ARM, no identity endpoint
    assert console.run("status", "--check").status == Exit.DONE
    away = console.run("status", "--check", REDIS_URL="redis://127.0.0.1:1/0")
    assert (away.status, away.out) == (Exit.NOT_DONE, "")
    assert away.err.startswith("Redis at 127.0.0.1:1 does not answer: ")


def test_failed_orders_stand_with_their_scale_set_the_youngest_first(estate: Estate, console: Console) -> None:
    (name,) = map(ScaleSetName, estate.names)
    orders = (
        FailedOrder(scale_set=name, order="Delete", said="Delete of instance 7 failed: Refused: a lock", ago=90 * S),
        FailedOrder(scale_set=name, order="SetCapacity", said="capacity 4 → 6 failed: \x1b[31mno", ago=20 * S),
        FailedOrder(scale_set=ScaleSetName("other"), order="Delete", said="elsewhere", ago=5 * S),
    )
    leave(estate, cleaner=replace(FINE, failed_orders=orders))
    said = console.run("status").out
    first = r"2\ds ago: capacity 4 → 6 failed: \\x1b\[31mno"
    assert re.search(rf"{first}\n1m3\ds ago: Delete of instance 7 failed: Refused: a lock\n", said)
    assert "elsewhere" not in said
    told = console.run("status", "--json").json["controllers"]["cleaner"]["failed_orders"]
    assert [each["ago_s"] // 10 * 10 for each in told] == [90, 20, 0]
