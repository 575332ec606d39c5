"""The pages of `scaler web`: nothing that somebody wrote becomes markup, and a large fleet is a small page."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from builders import NOW, POLICY, cloud, fleet, instance, let_in, notes, record, reserved, row, unavailable

from scaler.cli.overview import Overview
from scaler.cli.web.chart import LAYERS, chart
from scaler.cli.web.figures import Band, Closely, Figures, Held
from scaler.cli.web.pages import first_page, machine_page, runbook_page, sorry_page
from scaler.cli.web.runbook import link_for, sections
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.history import Sample
from scaler.model.instance import ScaleSetName, SessionId
from scaler.model.plan import Why
from scaler.model.row import Complaint, Row, Snapshot, SpentNote, Status, Unreadable
from scaler.model.signs import FailedOrder, Sign
from scaler.model.standing import Standing
from scaler.model.waits import percentile

MINUTE = timedelta(minutes=1)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</title></style><iframe src=//evil>",
    "\x00\x1b[31m\u202e\r\n<b>",
    "{{7*7}}${7*7}",
    "x" * 5_000,
)
TAGS = set(
    "html head meta title link body header section h1 h2 p a ul li dl div dt dd table thead tbody tr th td svg".split()  # noqa: SIM905
) | {"polygon", "path", "rect", "text", "span", "i", "pre"}
ATTRIBUTES = {
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "rel",
    "href",
    "id",
    "class",
    "viewbox",
    "role",
    "preserveaspectratio",
} | {
    *("aria-label", "points", "d", "x", "y", "width", "height", "text-anchor"),
}
FINE = Sign(
    controller=Actor.STARTER,
    version="1.2.3",
    at=NOW,
    ago=timedelta(seconds=2),
    every=MINUTE,
    failure="",
    failing=timedelta(0),
)
WELL = {name: replace(FINE, controller=name) for name in CONTROLLERS}


class Page(HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags = set[str]()
        self.attributes = set[str]()
        self.links = list[str]()
        self.texts = list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)

    @property
    def text(self) -> str:
        """The text of the page, without markup."""
        return " ".join(" ".join(self.texts).split())


def figures(*rows: Row, **more: object) -> Figures:
    """The figures of these machines, by Redis alone."""
    signs = more.pop("signs", WELL)
    joined, complaints = fleet(*rows), more.pop("complaints", ())
    snapshot = Snapshot(now=NOW, rows=joined.rows, complaints=complaints)  # type: ignore[arg-type]
    overview = Overview(
        snapshot=snapshot,
        views={},
        machines=tuple(joined.by_id.values()),
        demand={name: Cloud().demand_of(name, POLICY) for name in POLICY.capacity},
        wants={},
        warm={},
        ceilings={},
        signs=signs,  # type: ignore[arg-type]
        unread=(),
        errors=(),
    )
    base = Figures(
        overview=overview,
        samples=(),
        waits={},
        refused=0,
        day=timedelta(days=1),
        bands=(),
        held=(),
        currency="EUR",
        looked_ago=None,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def samples(number: int, **machines: int) -> list[Sample]:
    """So many minutes until now."""
    return [
        Sample(controller=Actor.RECONCILER, at=NOW - (number - each) * MINUTE, machines=machines, wanted=4, cost=1.25)
        for each in range(number)
    ]


def hostile(said: str) -> Iterator[str]:
    """Every page, with that text wherever somebody else may write."""
    session = SessionId(said)
    spent = SpentNote(why=Edge.REFUSE, at=NOW, reason=said)
    rows = (
        reserved(notes(1), session, 1),
        unavailable(notes(2, **let_in(2, session)), session, 2, client_ip=said, public_ip=said, region=said),
        row(3, record(3, Status.UNAVAILABLE, used=True, move_reason=said), replace(notes(3), spent=spent)),
        row(4, Unreadable(why=said), None),
        row(
            5,
            record(5, instance_id=said),
            replace(notes(5), scale_set=ScaleSetName(said), ended={session: Edge.RELEASE}),
        ),
    )
    failed = FailedOrder(scale_set=ScaleSetName(said), order=said, said=said, ago=MINUTE)
    sign = replace(
        FINE,
        version=said,
        failure=said,
        failing=2 * MINUTE,
        alarms=(said,),
        failed_orders=(failed,),
        held={said: 3},
    )
    shown = figures(
        *rows,
        signs={name: replace(sign, controller=name) for name in CONTROLLERS},
        complaints=(Complaint(key=said, why=said),),
        samples=[replace(each, machines={said: 3, "ready": 1}) for each in samples(5)],
        waits={said: (3.0,)},
        bands=(Band(name=said, start=NOW - 3 * MINUTE, end=NOW),),
        held=(Held(by=said, why=said, number=1),),
        currency=said,
    )
    yield first_page(shown)
    for machine in shown.overview.machines:
        yield machine_page(Closely(machine=machine, errors=(said,)))
    yield sorry_page(said)


@pytest.mark.parametrize("said", HOSTILE, ids=lambda said: ascii(said)[:20])
def test_nothing_that_somebody_wrote_becomes_markup(said: str) -> None:
    for text in hostile(said):
        page = Page(text)
        assert page.tags <= TAGS
        assert page.attributes <= ATTRIBUTES
        assert all(link.startswith(("/", "?azure=1")) and not link.startswith("//") for link in page.links)
        assert not {"\x00", "\x1b", "\u202e"} & set(text)
        assert len(text) < 60_000


def test_a_thousand_machines_are_less_than_a_megabyte() -> None:
    rows = [
        unavailable(
            notes(each, **let_in(each, SessionId(f"session-{each:04}-of-{'a' * 36}"))),
            SessionId(f"session-{each:04}-of-{'a' * 36}"),
            each,
        )
        for each in range(1, 1001)
    ]
    text = first_page(figures(*rows, samples=samples(1_440, ready=400, used=20)))
    assert text.count("<tr>") >= 1000
    assert len(text) < 1_000_000


def test_the_verdict_counts_or_names_the_first_trouble() -> None:
    rows = (row(1, record(1, warm=True), notes(1)), row(2, record(2), notes(2)), reserved(notes(3), number=3))
    well, sentence = figures(*rows).verdict
    assert (well, sentence) == (True, "All is well: 0 visitors inside, 1 waiting, 2 machines on offer.")
    alarmed = WELL | {Actor.CLEANER: replace(FINE, controller=Actor.CLEANER, alarms=(str(Why.UNDELETABLE),))}
    silent = {name: sign for name, sign in alarmed.items() if name is not Actor.STARTER}
    well, sentence = figures(*rows, signs=silent).verdict
    assert (well, sentence) == (False, f"Look at this: alarm of the cleaner: {Why.UNDELETABLE} (and 1 more below).")
    with_facts = replace(FINE, controller=Actor.CLEANER, alarms=(f"{Why.QUOTA_TOO_SMALL} (scale_set=a wanted=8)",))
    well, sentence = figures(*rows, signs=WELL | {Actor.CLEANER: with_facts}).verdict
    assert sentence == f"Look at this: alarm of the cleaner: {Why.QUOTA_TOO_SMALL}."


@pytest.mark.parametrize(("missed", "looked", "number"), [(False, False, 2), (True, False, 1), (False, True, 1)])
def test_a_used_machine_that_azure_does_not_show_is_no_machine(missed: bool, looked: bool, number: int) -> None:
    """Its record goes some minutes later. Redis alone tells it by the note of the latest look."""
    spent = SpentNote(at=NOW, why=Edge.RELEASE)
    rows = (row(1, record(), notes(1)), unavailable(notes(2, spent=spent, missed_at=NOW if missed else None), number=2))
    shown = figures(*rows)
    if looked:
        machines = fleet(*rows, sees=cloud(instance(1))).machines
        shown = replace(shown, overview=replace(shown.overview, machines=tuple(machines)))
    assert f'<dd id="machines">{number}</dd>' in first_page(shown)


@pytest.mark.parametrize("old", [None, replace(WELL[Actor.PROVISIONER], ago=20 * MINUTE)])
def test_a_provisioner_of_another_process_is_unknown_and_not_late(old: Sign | None) -> None:
    signs = WELL | {Actor.RECONCILER: replace(WELL[Actor.RECONCILER], knows_provisioner=False)}
    del signs[Actor.PROVISIONER]
    signs |= {Actor.PROVISIONER: old} if old is not None else {}
    text = first_page(figures(signs=signs))
    assert "<td>unknown: it ticks in another process than the reconciler</td>" in text
    assert re.search("no sign of life|<td>late</td>", text) is None


def test_red_sentences_lead_to_their_paragraph() -> None:
    slugs = {section.slug for section in sections()}
    assert link_for("the starter is late (docs/operations.md#a-controller-is-silent)") == (
        "/docs/operations#a-controller-is-silent"
    )
    found = {why: link_for(f"alarm of the cleaner: {why} (attempts=5)") for why in Why}
    assert {link.partition("#")[2] for link in found.values() if link is not None} <= slugs
    assert found[Why.UNDELETABLE] == "/docs/operations#alarms-and-what-to-do"
    assert found[Why.QUOTA_TOO_SMALL] == "/docs/operations#quota-reached"
    errors = {
        "failed order: first, 20s ago: capacity 4 → 6 failed: QuotaReached: 409 OperationNotAllowed": "quota-reached",
        "failed order: first, 20s ago: Start of instance 3 failed: OutOfCapacity: no room": "region-sold-out",
        "failed order: first, 20s ago: Delete of instance 3 failed: Refused: 403 AuthorizationFailed": "role-missing",
        "the cleaner has failed for 2m: Redis at r.example:6380 does not answer: check host": "redis-away",
        "the cleaner has failed for 2m: Redis at r.example:6380 refuses: no": "alarms-and-what-to-do",
    }
    assert {said: link_for(said) for said in errors} == {
        said: f"/docs/operations#{slug}" for said, slug in errors.items()
    }
    assert set(errors.values()) <= slugs
    page = Page(runbook_page())
    assert page.tags <= TAGS
    assert 'id="a-controller-is-silent"' in runbook_page()


def test_waits_are_the_nearest_rank() -> None:
    waits = [float(number) for number in range(1, 21)]
    assert (percentile(waits, 0.5), percentile(waits, 0.95), percentile([7.0], 0.95), percentile([], 0.5)) == (
        10.0,
        19.0,
        7.0,
        None,
    )


def test_the_chart_stacks_to_the_number_of_machines_and_stops_where_nothing_is_known() -> None:
    early, late = samples(20, ready=2, used=1)[:8], samples(20, ready=2, used=1)[14:]
    text = str(chart([*early, *late], (), NOW, MINUTE))
    page = Page(text)
    assert text.count("<polygon") == 4  # two layers before the gap, two after it
    assert "now 0 in session, 0 reserved, 2 ready, 0 new, 1 used, 0 other" in text
    assert page.texts[:5] == ["4", "3", "2", "1", "0"]
    assert "No history yet" in str(chart(samples(1), (), NOW, MINUTE))


def test_every_standing_of_a_machine_that_exists_is_in_one_layer() -> None:
    layered = [standing for layer in LAYERS.values() for standing in layer]
    assert sorted(layered) == sorted(set(Standing) - {Standing.GONE})


@pytest.mark.parametrize("machines", [0, 1, 3, 999, 1_000_000_000])
def test_the_chart_takes_any_number(machines: int) -> None:
    text = str(chart(samples(3, ready=machines), (), NOW, MINUTE))
    assert "nan" not in text
    assert str(machines) in text


def test_nothing_held_is_said_and_a_price_is_shown() -> None:
    page = Page(first_page(figures(row(1, record(1), notes(1)), samples=samples(2, ready=1))))
    assert "nothing is held back" in page.text
    assert "1.25 EUR" in page.text
