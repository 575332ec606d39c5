"""The pages as HTML. Foreign text is escaped by htpy, and its control characters by `printable`; there is no script."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import htpy as h

from scaler.cli import alive
from scaler.cli.explaining import means, waits
from scaler.cli.overview import age_of, instance_id_of, noted, scale_set_of, session_of
from scaler.cli.screen import age, printable
from scaler.cli.story import endings, story
from scaler.cli.web.chart import chart
from scaler.cli.web.figures import Closely, Figures, failed_orders, state_of
from scaler.cli.web.runbook import FIRST, SILENT, link_for, sections
from scaler.model.edges import CONTROLLERS
from scaler.model.history import DAY
from scaler.model.machine import Machine
from scaler.model.price import MONTH
from scaler.model.standing import Standing
from scaler.model.waits import percentile

_REFRESH = 10  # seconds; never of a page that looks at Azure
_LONGEST = 400  # characters of one foreign text

type Cells = Sequence[h.Node]


def _page(title: str, *content: h.Node, refresh: bool) -> str:
    head = h.head[
        h.meta(charset="utf-8"),
        h.meta(name="viewport", content="width=device-width, initial-scale=1"),
        h.meta(http_equiv="refresh", content=str(_REFRESH)) if refresh else None,
        h.title[_said(title)],
        h.link(rel="stylesheet", href="/style.css"),
    ]
    return str(h.html(lang="en")[head, h.body[content]])


def first_page(figures: Figures) -> str:
    """The page at `/`."""
    well, sentence = figures.verdict
    looked = figures.looked_ago
    by = f"Redis, and Azure as of {age(looked)} ago" if looked is not None else "Redis alone"
    return _page(
        "scaler: all is well" if well else "scaler: look at this",
        h.header[
            h.h1["Pixel Streaming Scaler"],
            h.p(".quiet")[
                f"{figures.overview.snapshot.now:%Y-%m-%d %H:%M:%S} UTC, by {by}. ",
                h.a("#azure", href="/" if looked is not None else "/?azure=1")[
                    "back to Redis alone" if looked is not None else "look at Azure now"
                ],
            ],
        ],
        h.p("#verdict", class_="well" if well else "wrong")[_said(sentence)],
        _wrongs(figures),
        _section("Now", _now(figures)),
        _section(
            "Machines over time",
            chart(figures.samples, figures.bands, figures.overview.snapshot.now, figures.day / DAY),
        ),
        _section(f"Visitors of the last {age(figures.day)}", _visitors(figures)),
        _section("Held back, and why", _held(figures)),
        _section("Controllers", _controllers(figures)),
        _section("Machines", _machines(figures.overview.machines)),
        refresh=looked is None,
    )


def machine_page(seen: Closely) -> str:
    """The page of one machine."""
    machine = seen.machine
    where = " instance ".join(filter(None, (scale_set_of(machine), instance_id_of(machine))))
    notes = machine.stored.notes
    told = [(f"{event.at:%Y-%m-%d %H:%M:%S}", event.said) for event in story(machine)]
    told += [("", said) for said in endings(notes)] if notes is not None else []
    return _page(
        f"scaler: {machine.vm_id}",
        h.header[h.h1[_said(where or "of no known scale set")], h.p[h.a(href="/")["all machines"]]],
        h.p("#verdict")[_said(f"vm {machine.vm_id}: {_state(seen)}")],
        (h.p(".wrong")[_said(f"not looked at: {error}")] for error in seen.errors),
        _section("Story (UTC, by Redis' clock)", _table("story", ("at", "what"), told)),
        _section("What it waits for, and what each controller would do now", _decisions(seen)),
        refresh=False,
    )


def runbook_page() -> str:
    """docs/operations.md with anchors; the text as it is written."""
    return _page(
        "scaler: for the operator at night",
        h.header[h.p[h.a(href="/")["back to the scaler"]]],
        (h.section(id=each.slug)[h.h2[each.title], h.pre[each.text]] for each in sections()),
        refresh=False,
    )


def sorry_page(sentence: str) -> str:
    """A page that says why there is no other."""
    return _page(
        "scaler", h.p("#verdict.wrong")[_said(sentence)], h.p[h.a(href="/")["back to the scaler"]], refresh=True
    )


def _said(text: object) -> str:
    """A text for people: control characters spelled out, and not longer than a paragraph."""
    shown = printable(str(text))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _section(title: str, content: h.Node) -> h.Renderable:
    return h.section[h.h2[title], content]


def _table(name: str, columns: Sequence[str], rows: Iterable[Cells], none: str = "none") -> h.Renderable:
    """A table, or a word where there are no rows. Cells that are texts are shown as foreign texts."""
    body = [h.tr[(h.td[_said(cell) if isinstance(cell, str) else cell] for cell in row)] for row in rows]
    if not body:
        return h.p(".quiet", id=name)[none]
    head = h.thead[h.tr[(h.th[column] for column in columns)]]
    return h.div(".wide")[h.table(id=name)[head, h.tbody[body]]]


def _red(sentence: str, otherwise: str = FIRST) -> h.Renderable:
    """A sentence in red, with its paragraph for the operator."""
    link = link_for(sentence, otherwise)
    return h.li(".wrong")[_said(sentence), (" ", h.a(href=link)["what to do"]) if link is not None else None]


def _wrongs(figures: Figures) -> h.Node:
    """Troubles of controllers, failed orders, unreadable records, and what could not be looked at."""
    overview = figures.overview
    found = [_red(trouble.said, SILENT) for trouble in alive.troubles(overview.signs) if trouble.exit is not None]
    found += [_red(f"failed order: {said}") for said in failed_orders(overview)]
    found += [_red(f"{complaint.key}: {complaint.why}") for complaint in overview.snapshot.complaints]
    found += [_red(f"not looked at: {error}") for error in overview.errors]
    return h.ul("#wrongs")[found] if found else None


def _now(figures: Figures) -> h.Renderable:
    """The numbers of now."""
    states, latest = figures.states, figures.samples[-1] if figures.samples else None
    cost = latest.cost if latest is not None else None
    waits = figures.longest_wait
    numbers: dict[str, str] = {
        "machines": str(figures.machines),
        "wanted": str(figures.wanted) if figures.wanted is not None else "unknown",
        **({"hot on offer": str(states["hot"])} if states["hot"] else {}),
        "warm on offer": str(states["warm"]),
        "cold on offer": str(states["cold"]),
        "waiting": str(states["reserved"]),
        "longest wait": age(waits) if waits is not None else "–",
        "inside": str(states["in session"]),
        "used": str(states["used"]),
        "cost per hour": f"{cost:.2f} {figures.currency}".strip() if cost is not None else "no prices set",
        "per month of such hours": f"{cost * MONTH:.0f} {figures.currency}".strip() if cost is not None else "–",
    }
    return h.dl("#now")[
        (h.div[h.dt[name], h.dd(id=name.replace(" ", "-"))[_said(value)]] for name, value in numbers.items())
    ]


def _visitors(figures: Figures) -> h.Node:
    """Waits by tier, and refusals."""
    rows = [
        (tier, str(len(waits)), _seconds(percentile(waits, 0.5)), _seconds(percentile(waits, 0.95)))
        for tier, waits in figures.waits.items()
    ]
    none = "nobody was let in"
    refused = h.p("#refused", class_="wrong" if figures.refused else "quiet")[
        f"{figures.refused} refused",
        (" ", h.a(href=link)["what to do"])
        if figures.refused and (link := link_for("", "alert-visitors-refused"))
        else None,
    ]
    return h.fragment[_table("waits", ("tier", "let in", "wait p50", "wait p95"), rows, none), refused]


def _seconds(number: float | None) -> str:
    return f"{number:.1f} s" if number is not None else "–"


def _held(figures: Figures) -> h.Renderable:
    rows = [
        (each.by, str(each.number) if each.number is not None else "", _with_link(each.why)) for each in figures.held
    ]
    return _table("held", ("by", "steps", "why"), rows, "nothing is held back")


def _with_link(why: str) -> h.Node:
    link = link_for(why, "")
    linked = link is not None and not link.endswith("#")
    return h.fragment[_said(why), (" ", h.a(href=link)["what to do"]) if linked else None]


def _controllers(figures: Figures) -> h.Renderable:
    signs = figures.overview.signs
    rows = []
    for name in CONTROLLERS:
        sign, silent = signs.get(name), alive.is_silent(name, signs)
        if silent is None:
            state = "unknown: it ticks in another process than the reconciler"
        elif silent:
            state = "late" if sign is not None else "no sign of life"
        else:
            state = f"failing for {age(sign.failing)}" if sign is not None and sign.failure else "well"
        rows.append((str(name), f"{age(sign.ago)} ago", state, sign.version) if sign else (str(name), "–", state, ""))
    return _table("controllers", ("controller", "last tick", "state", "version"), rows)


def _machines(machines: Iterable[Machine]) -> h.Renderable:
    columns = ("id", "scale set", "state", "power", "session", "age", "notes")
    return _table("machines", columns, map(_machine, machines), "no machine is known")


def _machine(machine: Machine) -> Cells:
    since, unseen = age_of(machine), str(Standing.UNSEEN)  # by Redis alone, which shows no power states
    name = instance_id_of(machine) or machine.vm_id[:8]
    return (
        h.a(href=f"/machine/{machine.vm_id}")[_said(name)],
        scale_set_of(machine) or "–",
        state_of(machine),
        str(machine.instance.power) if machine.instance is not None else "–",
        session_of(machine) or "–",
        age(since) if since is not None else "–",
        "; ".join(said for said in noted(machine) if said != unseen),
    )


def _state(seen: Closely) -> str:
    machine = seen.machine
    return (
        f"{machine.standing}, {means(seen.told)}" if seen.told is not None else f"by Redis alone, {state_of(machine)}"
    )


def _decisions(seen: Closely) -> h.Node:
    """The decisions after a look at Azure, or a link to make one."""
    if seen.told is None:
        wait = seen.again if seen.again > timedelta(seconds=1) else None
        said = f"Azure was looked at a moment ago; again in {age(wait)}." if wait is not None else ""
        return h.p["This takes a look at Azure. ", said, " ", h.a("#azure", href="?azure=1")["look at Azure now"]]
    rows = [("waits", waits(seen.told))]
    for name, decided in seen.told.in_words.items():
        rows += [(f"{name} now", said) for said in decided or ("nothing",)]
    return _table("decisions", ("who", "what"), rows)
