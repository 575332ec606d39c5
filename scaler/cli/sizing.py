"""`scaler size`: the machines and costs of an installation, before a machine exists."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Annotated

import typer

from scaler.cli.environment import AsJson, Operator
from scaler.cli.screen import Screen
from scaler.model.plan import counted
from scaler.model.policy import Capacity, Price
from scaler.model.price import MONTH
from scaler.model.sizing import COLD_START, LARGEST, MARKED_PER_HOUR, WARM_START, Need, Size, size_of
from scaler.settings.capacity import PRICE_EXPECTED, price_of
from scaler.settings.reader import duration_of, share_of
from scaler.settings.table import PRESETS

_USUAL = f"{Capacity().found_at_once:.0%}"
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)/(s|min|h|d)")
_RAREST = 0.01 / 3600  # visitors per second
_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _read[Value](read: Callable[[str], Value | None], expected: str) -> Callable[[str], Value]:
    """A parser of an option; the message of a mistake names the expected form."""

    def parsed(text: str) -> Value:
        value = read(text.strip())
        if value is None:
            raise typer.BadParameter(f"{text[:40]!r} cannot be used; expected {expected}")
        return value

    return parsed


def _rate_in(text: str) -> float | None:
    match = _RATE.fullmatch(text)
    rate = float(match[1]) / _PER[match[2]] if match else 0.0
    return rate if _RAREST <= rate <= 10 else None


def _time_in(text: str) -> timedelta | None:
    time = duration_of(text)
    return time if time is not None and timedelta(seconds=1) <= time <= timedelta(days=1) else None


def _found_in(text: str) -> float | None:
    share = share_of(text)
    return share if share is not None and 0.5 <= share <= 0.9999 else None


_TIME = "a duration from 1s to 24h, such as 90s, 20m, 1h"
_Arrivals = Annotated[
    float,
    typer.Option(
        "--arrivals",
        metavar="RATE",
        parser=_read(_rate_in, "visitors per s, min, h or d, from 0.01/h to 36000/h, such as 60/h"),
        help="Visitors at the busy hour: `60/h`, `2/min`.",
        show_default=False,
    ),
]
_Session = Annotated[
    timedelta,
    typer.Option("--session", metavar="TIME", parser=_read(_time_in, _TIME), help="How long a visitor stays: `20m`."),
]
_Found = Annotated[
    float,
    typer.Option(
        "--found-at-once",
        metavar="SHARE",
        parser=_read(_found_in, "a share from 50% to 99.99%"),
        help="The visitors who should find a machine ready, as in SCALER_FOUND_AT_ONCE.",
    ),
]
_Lead = Annotated[
    timedelta | None,
    typer.Option(
        "--lead",
        metavar="TIME",
        parser=_read(_time_in, _TIME),
        help="From the need of a machine to its offer; without, what the scaler assumes before it has measured it.",
    ),
]
_Warm = Annotated[
    bool | None,
    typer.Option("--warm/--cold", help="All spare machines warm, or all cold; without, warm for 9 of 10 visitors."),
]
_Price = Annotated[
    Price | None,
    typer.Option(
        "--price",
        metavar="PRICES",
        parser=_read(price_of, PRICE_EXPECTED),
        help="Per hour running/stopped/deallocated, `1.20/1.20/0.05`; without, SCALER_PRICE, where that is set.",
    ),
]
_Cores = Annotated[
    int | None, typer.Option("--cores", min=1, max=1000, help="Of one machine: the quota is told in cores, too.")
]


def size(  # noqa: PLR0913 (a parameter for each option)
    context: typer.Context,
    *,
    arrivals: _Arrivals,
    session: _Session,
    found_at_once: _Found = _USUAL,  # type: ignore[assignment]
    lead: _Lead = None,
    warm: _Warm = None,
    price: _Price = None,
    cores: _Cores = None,
    as_json: AsJson = False,
) -> None:
    """Tell the number of machines for so many visitors, the costs, and why.

    Asks neither Azure nor Redis, and needs no settings. The spare machines are found by the provisioner's own
    function; the rest by queueing theory, for visitors independent of each other. For groups of visitors the
    running scaler keeps more.
    """
    operator: Operator = context.obj
    need = Need(
        per_second=arrivals,
        session=session,
        found_at_once=found_at_once,
        lead=lead,
        warm=warm,
        price=price or _price_of(operator.environment),
        cores=cores,
    )
    found, currency = size_of(need), operator.environment.get("SCALER_CURRENCY", "").strip()
    if as_json:
        numbers = {
            name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()
        }
        presets = {name: _preset(size) for name, size in _by_preset(need).items()}
        Screen().json({**numbers, "currency": currency or None, "presets": presets})
        return
    Screen().table(("what", "machines", "why"), _rows(found, need), {"why": 20})
    for line in _lines(found, need, currency):
        Screen().line(line)
    Screen().line("")
    columns = ("SCALER_PRESET", "spare", "warm", "found at once", "mean wait", "a session")
    Screen().table(columns, (_preset_row(name, size) for name, size in _by_preset(need).items()), {})


def _by_preset(need: Need) -> Mapping[str, Size]:
    """The same visitors under each preset of the settings."""
    warm = {"0": False, "auto": None, "all": True}
    return {
        name: size_of(
            replace(
                need,
                found_at_once=float(preset["SCALER_FOUND_AT_ONCE"].rstrip("%")) / 100,
                warm=warm[preset["SCALER_WARMPOOL_SIZE"]],
            )
        )
        for name, preset in PRESETS.items()
    }


def _preset(size: Size) -> Mapping[str, float | None]:
    return {
        "spare": size.spare,
        "warm": size.warm,
        "found_at_once": round(size.found_at_once, 4),
        "wait_s": round(size.wait_s, 2),
        "cost_per_session": round(size.cost_per_session, 4) if size.cost_per_session is not None else None,
    }


def _preset_row(name: str, size: Size) -> tuple[str, ...]:
    cost = f"{size.cost_per_session:.2f}" if size.cost_per_session is not None else "–"
    found = f"{100 * size.found_at_once:.4g} %"
    return name, f"{size.spare}", f"{size.warm}", found, f"{size.wait_s:.0f} s", cost


def _price_of(environment: Mapping[str, str]) -> Price | None:
    """The price in the settings, if there is one for all scale sets."""
    text = environment.get("SCALER_PRICE", "").strip()
    price = price_of(text)
    if text and price is None:
        Screen().remark(f"SCALER_PRICE is not one price for all: {text[:40]!r}; say --price to be told costs")
    return price


def _rows(found: Size, need: Need) -> Iterator[tuple[str, str, str]]:
    warm = (
        "all of them" if need.warm else "none, as asked" if need.warm is False else "for 9 of 10 visitors in that time"
    )
    yield "spare", f"{found.spare}", found.because
    yield "warm", f"{found.warm}", f"of the spare: {warm} (SCALER_WARMPOOL_SIZE)"
    visitors = f"{round(found.arrivals_per_hour, 2):g}/h, {round(found.session_s / 60, 2):g} min each"
    yield "in use", f"{found.in_use:.1f}", f"on average: {visitors}, with start and deletion"
    yield "at the peak", f"{found.in_use_peak}", "in use: no more in 99.9 % of the time"
    cores = f": {counted(found.cores, 'core')}" if found.cores is not None else ""
    yield "quota", f"{found.quota}", f"at the peak, and spare (SCALER_POOL_MAX){cores}"
    yield (
        "scale sets",
        f"{found.scale_sets}",
        f"of {LARGEST:,} machines at most, and of {MARKED_PER_HOUR:.0f} new ones an hour (SCALER_POOL_WEIGHTS)",
    )
    yield (
        "fixed pool",
        f"{found.fixed}",
        f"would refuse {100 * (1 - need.found_at_once):.3g} %, or let {100 * found.fixed_waiting:.3g} % wait in line",
    )


def _lines(found: Size, need: Need, currency: str) -> Iterator[str]:
    yield (
        f"{100 * found.found_at_once:.4g} % of the visitors find a machine ready; they wait {found.wait_s:.0f} s on"
        f" average ({WARM_START:.0f} s for a warm machine, {COLD_START:.0f} s for a cold one)"
    )
    if found.cost_per_hour is None or found.cost_per_month is None or found.cost_per_session is None:
        yield "no costs: say --price, or set SCALER_PRICE"
        return
    unit = f" {currency}" if currency else ""
    yield (
        f"{found.cost_per_session:.2f}{unit} per session, {found.cost_per_hour:.2f}{unit} per hour,"
        f" {found.cost_per_month:.0f}{unit} per month of {MONTH} such hours"
    )
    if need.price is not None:
        served = found.session_s / 3600 * need.price.running
        yield f"of a session's cost {served:.2f}{unit} is the visitor's own time"
