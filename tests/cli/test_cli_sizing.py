"""`scaler size`: without settings, Azure or Redis; and what is wrong on its command line."""

import pytest
from cli.console import Console

NOTHING = Console(environment={})
ASKED = ("size", "--arrivals", "60/h", "--session", "20m")


def test_it_needs_neither_settings_nor_azure_nor_redis() -> None:
    said = NOTHING.run(*ASKED, "--cores", "36")
    assert (said.status, said.err) == (0, "")
    rows = {line.split("  ")[0]: line for line in said.out.splitlines()}
    assert "11        11 spare = 99 % of arrivals within 310 s at 60/h, safety 2.3" in rows["spare"]
    assert "1764 cores" in rows["quota"]
    assert "99.08 % of the visitors find a machine ready; they wait 20 s on average" in said.out
    assert "no costs: say --price, or set SCALER_PRICE" in said.out


def test_many_visitors_are_told_in_plain_numbers() -> None:
    said = NOTHING.run("size", "--arrivals", "1250/h", "--session", "24h").out
    assert "at 1250/h, safety 2.3" in said
    assert "on average: 1250/h, 1440 min each" in said


def test_the_price_comes_from_the_command_line_or_the_settings() -> None:
    by_hand = NOTHING.run(*ASKED, "--price", "1.2/1.2/0.05").out
    by_settings = NOTHING.run(*ASKED, SCALER_PRICE="1.2/1.2/0.05", SCALER_CURRENCY="EUR").out
    assert "0.60 per session, 36.04 per hour, 26306 per month of 730 such hours" in by_hand
    assert "0.60 EUR per session" in by_settings
    several = NOTHING.run(*ASKED, SCALER_PRICE="a=1/1/1,b=2/2/2")
    assert "SCALER_PRICE is not one price for all" in several.err
    assert "no costs" in several.out


def test_a_document_has_the_numbers() -> None:
    said = NOTHING.run(*ASKED, "--json", "--price", "1/1/0.05", "--lead", "8m", "--found-at-once", "95%").json
    assert (said["spare"], said["lead_s"], said["currency"]) == (13, 480.0, None)
    assert 0.95 <= said["found_at_once"] < 0.98
    assert said["cost_per_month"] == pytest.approx(730 * said["cost_per_hour"], abs=0.1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--arrivals", "60"), "'60' cannot be used; expected visitors per s, min, h or d"),
        (("--arrivals", "0/h"), "'0/h' cannot be used; expected visitors per s, min, h or d"),
        (("--arrivals", "-5/h"), "'-5/h' cannot be used"),
        (("--arrivals", "0.001/d"), "expected visitors per s, min, h or d, from 0.01/h to 36000/h"),
        (("--arrivals", "1000000/h"), "cannot be used; expected visitors per s, min, h or d"),
        (("--session", "soon"), "'soon' cannot be used; expected a duration from 1s to 24h"),
        (("--session", "0"), "'0' cannot be used; expected a duration from 1s to 24h"),
        (("--lead", "2d"), "'2d' cannot be used; expected a duration from 1s to 24h"),
        (("--found-at-once", "100%"), "'100%' cannot be used; expected a share from 50% to 99.99%"),
        (("--found-at-once", "0.99"), "'0.99' cannot be used; expected a share from 50% to 99.99%"),
        (("--price", "1/-1/0"), "'1/-1/0' cannot be used; expected prices per hour, none below zero"),
        (("--cores", "0"), "Invalid value for '--cores'"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_is_expected(words: tuple[str, str], says: str) -> None:
    said = NOTHING.run(*ASKED, *words)
    assert (said.status, said.out) == (2, "")
    assert says in " ".join(said.err.split())


def test_without_visitors_there_is_nothing_to_size() -> None:
    said = NOTHING.run("size", "--session", "20m")
    assert said.status == 2
    assert "--arrivals" in said.err


def test_every_preset_is_computed_for_the_same_visitors() -> None:
    said = NOTHING.run(*ASKED, "--price", "1.2/1.2/0.05", "--json").json["presets"]
    assert list(said) == ["thrifty", "balanced", "instant"]
    waits, costs = ([each[name] for each in said.values()] for name in ("wait_s", "cost_per_session"))
    assert waits == sorted(waits, reverse=True)
    assert costs == sorted(costs)
    assert [each["warm"] for each in said.values()] == [0, 8, 11]
    rows = NOTHING.run(*ASKED, "--price", "1.2/1.2/0.05").out.partition("SCALER_PRESET")[2].splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["thrifty", "balanced", "instant"]
