"""What the user may choose, and what they are told when it cannot be used."""

from pathlib import Path

import pytest

from simulator.options import HELP, InvalidOptions, Viewing, read


def test_without_a_choice_there_are_defaults() -> None:
    options = read({})
    assert (options.seconds, options.speed, options.seed, options.visitors_per_minute) == (None, 20.0, 1, 24.0)
    assert (options.scale_sets, options.viewing, options.json) == (1, Viewing.AUTO, False)


@pytest.mark.parametrize(
    ("text", "seconds"), [("45", 45), ("60s", 60), ("2m", 120), ("1.5m", 90), ("1h", 3600), (" 10 S ", 10)]
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert read({"FOR": text}).seconds == seconds


def test_as_many_visitors_come_as_the_speed_lets_be_served_unless_one_says_otherwise() -> None:
    assert read({"SPEED": "100"}).visitors_per_minute == 120
    assert read({"SPEED": "100", "VISITORS": "0"}).visitors_per_minute == 0


@pytest.mark.parametrize(("text", "wanted"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)])
def test_json_is_a_yes_or_a_no(text: str, wanted: bool) -> None:
    assert read({"JSON": text}).json is wanted
    assert read({"WEB": text}).web is (wanted or not text)


@pytest.mark.parametrize(("text", "path"), [("", None), ("run.jsonl", Path("run.jsonl"))])
def test_the_log_is_kept_where_one_says(text: str, path: Path | None) -> None:
    assert read({"LOG": text}).log == path


@pytest.mark.parametrize("text", ["live", "LINES", "auto"])
def test_a_view_is_one_of_three_words(text: str) -> None:
    assert read({"VIEW": text}).viewing == text.lower()


def test_there_are_as_many_scale_sets_as_one_says() -> None:
    assert read({"SCALE_SETS": "3"}).scale_sets == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("FOR", "soon"),
        ("FOR", "0"),
        ("FOR", "-5s"),
        ("FOR", "5 weeks"),
        ("SPEED", "0"),
        ("SPEED", "nan"),
        ("SPEED", "1001"),
        ("SPEED", "fast"),
        ("SEED", "1.5"),
        ("SEED", "-1"),
        ("VISITORS", "many"),
        ("VISITORS", "-1"),
        ("JSON", "perhaps"),
        ("VIEW", "movie"),
        ("WEB", "2"),
        ("SCALE_SETS", "0"),
        ("SCALE_SETS", "10"),
        ("SCALE_SETS", "1.5"),
        ("HOT", "-1"),
        ("HOT", "51"),
        ("HOT", "two"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(name: str, text: str) -> None:
    with pytest.raises(InvalidOptions) as mistake:
        read({name: text})
    assert str(mistake.value).startswith(f"{name}: {text!r} cannot be used; expected ")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidOptions) as mistake:
        read({"FOR": "soon", "SPEED": "fast", "JSON": "perhaps"})
    assert len(str(mistake.value).splitlines()) == 3


def test_the_help_names_every_option() -> None:
    for name in ("FOR", "SPEED", "SEED", "VISITORS", "SCALE_SETS", "HOT", "VIEW", "WEB", "JSON"):
        assert f"\n  {name} " in HELP


@pytest.mark.parametrize(("text", "size"), [("", None), ("0", None), ("2", "2"), ("50", "50")])
def test_the_number_of_hot_machines_is_a_setting_of_the_scaler(text: str, size: str | None) -> None:
    assert read({"HOT": text}).settings.get("SCALER_HOTPOOL_SIZE") == size


@pytest.mark.parametrize(("text", "end"), [("", None), ("Unhealthy", "unhealthy"), ("released", "released")])
def test_the_end_of_sessions_is_a_setting_of_the_scaler(text: str, end: str | None) -> None:
    settings = read({"END": text}).settings
    assert settings.get("SCALER_END_WHEN") == end
    assert ("SCALER_VM_RUNTIME" in settings) is (end == "unhealthy"), "released: as shipped"


@pytest.mark.parametrize(("text", "ready"), [("", None), ("Healthy", "healthy"), ("running", "running")])
def test_when_a_machine_is_ready_is_a_setting_of_the_scaler(text: str, ready: str | None) -> None:
    assert read({"READY": text, "END": "unhealthy"}).settings.get("SCALER_READY_WHEN") == ready


def test_another_readiness_is_a_mistake() -> None:
    with pytest.raises(InvalidOptions, match="READY: 'soon' cannot be used; expected running or healthy"):
        read({"READY": "soon"})


def test_another_end_is_a_mistake() -> None:
    with pytest.raises(InvalidOptions, match="END: 'never' cannot be used; expected released or unhealthy"):
        read({"END": "never"})
