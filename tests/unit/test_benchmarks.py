"""The benchmarks' own logic: what a row says of its goal, what the arguments may be, a wire that only delays."""

import json
import socket
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from threading import Thread
from types import ModuleType

import pytest

from benchmarks import listing, redis_costs, tick_costs
from benchmarks.__main__ import main
from benchmarks.rows import Bound, Row, percentile
from benchmarks.slow import duration, wire
from simulator.clock import ConcurrentClock


@pytest.mark.parametrize(
    ("bound", "ours", "floor", "goal", "verdict"),
    [
        (Bound.RATIO, 30, 10, 3, "reached"),
        (Bound.RATIO, 31, 10, 3, "missed"),
        (Bound.MOST, 60, 10, 60, "reached"),
        (Bound.MOST, 61, 10, 60, "missed"),
        (Bound.MOST, 61, None, 60, "missed"),
        (Bound.MOST, 1.4, 1.0, 0.8, "below floor"),
        (Bound.LEAST, 15_000, None, 15_000, "reached"),
        (Bound.LEAST, 14_999, None, 15_000, "missed"),
    ],
)
def test_a_row_says_whether_its_goal_is_reached(
    bound: Bound, ours: float, floor: float | None, goal: float, verdict: str
) -> None:
    row = Row(name="a figure", unit="ms", ours=ours, floor=floor, goal=goal, bound=bound)
    assert row.verdict == verdict
    assert row.reached == (verdict == "reached")
    expected = {"name": "a figure", "unit": "ms", "ours": ours, "floor": floor, "goal": goal, "bound": str(bound)}
    said = {"ratio": ours / floor if floor else None, "reached": row.reached, "verdict": verdict}
    assert row.members == expected | said


def test_a_ratio_needs_a_floor() -> None:
    with pytest.raises(ValueError, match="a figure: a ratio needs a floor"):
        Row(name="a figure", unit="", ours=1, goal=3).members  # noqa: B018


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([4.0, 1.0, 3.0, 2.0], share) for share in (50, 51, 99, 100)] == [2.0, 3.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rtt", "20"], "'20' is no duration such as 20ms, 1.4ms or 1s"),
        (["--arm", "-1s"], "expected one argument"),
        (["--page", "0"], "'0' is no number of machines"),
        (["--only", "everything"], "invalid choice: 'everything'"),
    ],
)
def test_an_argument_that_means_nothing_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert complaint in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize(
    ("part", "small"),
    [
        ("ticks", {tick_costs: {"SIZES": (20, 100), "ROUNDS": 1}}),
        ("redis", {redis_costs: {"FREE": (50, 60), "CLIENTS": (1,), "MANY": (100,), "ROUNDS": 1}}),
        ("listing", {listing: {"ROUNDS": 1}}),
        ("calls", {}),
    ],
)
def test_a_part_still_measures_what_it_names(
    part: str,
    small: Mapping[ModuleType, Mapping[str, object]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module, sizes in small.items():
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)
    main(["--json", "--only", part])
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    assert len(rows) > 0
    assert all(row["ours"] > 0 for row in rows if "slope" not in row["name"])


def test_durations_are_of_seconds_or_milliseconds() -> None:
    assert [duration(text) for text in ("1s", "1.4ms")] == [timedelta(seconds=1), timedelta(milliseconds=1.4)]


def test_requests_at_the_same_time_take_as_long_as_the_slowest_of_them() -> None:
    clock = ConcurrentClock()

    def request(*waits: int) -> float:
        for wait in waits:
            clock.sleep(timedelta(seconds=wait))
        return clock.monotonic()

    assert clock.together([partial(request, 2), partial(request, 1), partial(request, 2, 3)]) == [2, 2, 5]
    assert request(1) == 6


def test_what_passes_a_wire_arrives_whole_and_in_order() -> None:
    sent = b"".join(number.to_bytes(4) for number in range(200_000))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        wire(server.getsockname()[1], timedelta(milliseconds=1)) as port,
    ):
        client = socket.create_connection(("127.0.0.1", port))
        there, _ = server.accept()
        sending = Thread(target=client.sendall, args=(sent,))
        sending.start()
        with there, client, there.makefile("rb") as arriving:
            assert arriving.read(len(sent)) == sent
        sending.join()
