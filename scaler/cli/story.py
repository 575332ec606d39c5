"""The story of a machine in order, by Azure and the notes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scaler.cli.overview import start_in_words
from scaler.cli.screen import times
from scaler.model.machine import Machine
from scaler.model.row import ClaimNote, Notes

_ROUNDED = timedelta(seconds=2)  # Azure tells whole seconds: in the look that was noted, and in the look of today


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event in the life of a machine."""

    at: datetime
    said: str
    by_azure: bool = False  # the time is by Azure's clock; else by Redis'


def story(machine: Machine) -> tuple[Event, ...]:
    """The events of a machine's life in order, all by Redis' clock: a look shows how far Azure's is ahead."""
    notes, created = machine.stored.notes, machine.instance.created_at if machine.instance is not None else None
    begun = [Event(at=created, said="created in Azure", by_azure=True)] if created is not None else []
    later = list[Event]()
    if notes is not None:
        begun += _before_a_visitor(notes)
        later += [*_with_a_visitor(notes), *_out_of_the_ordinary(notes), *_leaving(notes)]
    ahead = azure_ahead(machine)
    events = [*_in_turn(_by_redis(event, ahead) for event in begun), *(_by_redis(event, ahead) for event in later)]
    return tuple(sorted(events, key=lambda event: event.at))


def _by_redis(event: Event, ahead: timedelta) -> Event:
    """The event with its time by Redis' clock, by so much behind Azure's."""
    return replace(event, at=event.at - ahead) if event.by_azure else event


def _in_turn(events: Iterable[Event]) -> Iterator[Event]:
    """Events that follow each other; where rounded times say otherwise, the later one gets the time of the earlier."""
    latest: datetime | None = None
    for event in events:
        if latest is None or not timedelta(0) < latest - event.at < _ROUNDED:
            latest = event.at
        yield replace(event, at=latest)


def azure_ahead(machine: Machine) -> timedelta:
    """How far Azure's clock is ahead of Redis'; zero without a look at the machine."""
    look = machine.sighting or machine.absence
    return look.at + look.age - machine.now if look is not None else timedelta(0)


def endings(notes: Notes) -> Iterator[str]:
    """How sessions on the machine ended; the notes do not say when."""
    for session, edge in notes.ended.items():
        yield f"session {session} ended: {edge.name}"


def _before_a_visitor(notes: Notes) -> Iterator[Event]:
    often = f" {times(notes.mark_attempts)}" if notes.mark_attempts > 1 else ""
    told = (
        (notes.found_at, "first seen by the scaler", True),
        (notes.mark_asked_at, f"its mark was ordered{often}", False),
        (notes.mark_seen_at, "its mark was seen in Azure", True),
        (notes.admitted_at, "offered to visitors (ADMIT)", False),
    )
    yield from _known(told)


def _with_a_visitor(notes: Notes) -> Iterator[Event]:
    if notes.reserved is not None:
        yield Event(at=notes.reserved.at, said=f"reserved for {_session(notes.reserved.session)} (RESERVE)")
    if notes.start is not None:
        start = notes.start
        failure = f"; Azure could not start it: {start.failure}" if start.failure is not None else ""
        yield Event(at=start.at, said=f"{start_in_words(start, notes.heated)} for {_session(start.session)}{failure}")
        of_the_heating = notes.heated is not None and notes.heated.boots_at == start.boots_at
        told = (
            (start.boots_at if not of_the_heating else None, "it runs, and is not Healthy yet", False),
            (start.runs_at, "it runs, and Azure does not tell its addresses", False),
        )
        yield from _known(told)
    if notes.heated is not None:
        yield Event(at=notes.heated.at, said=f"heated {times(notes.heated.attempts)}, to wait running for a visitor")
        so_far = (
            (notes.heated.boots_at, "it runs, heated, and is not ready yet", False),
            (notes.heated.ready_at, "it waits hot for a visitor", False),
            (notes.heated.unmarked_at, "taken out, because its mark was gone", False),
        )
        yield from _known(so_far)
    if notes.opening is not None:
        yield Event(at=notes.opening.at, said=f"ready for {_session(notes.opening.session)}")
    if notes.opened is not None:
        yield Event(at=notes.opened.at, said=f"opened to {_session(notes.opened.session)} (OPEN)")
    yield from _known(((notes.presumed_at, "presumed to be in use: nothing said by whom (PRESUME)", False),))


def _out_of_the_ordinary(notes: Notes) -> Iterator[Event]:
    claimed = notes.claim
    told = (
        (notes.unknown_at, "seen marked, and Redis knew nothing of it", False),
        (claimed.since if claimed is not None else None, "claimed, so that nobody reserves it", False),
        (claimed.at if claimed is not None and claimed.at != claimed.since else None, _latest(claimed), False),
        (notes.claim_failed_at, "its claim was given up", False),
        (notes.heating_failed_at, "it did not become hot in time", False),
        (notes.replace_asked_at, "an operator asked for its replacement", False),
        (notes.held_until, "an operator's hold ends", False),
        (notes.unindexed_at, "Available, and its key was missing in the available set", False),
        (notes.unsettled_at, "neither at rest nor running since", True),
        (notes.failed.since if notes.failed is not None else None, f"Azure shows it Failed: {_class(notes)}", True),
    )
    yield from _known(told)


def _latest(claim: ClaimNote | None) -> str:
    closing = claim is not None and claim.closing
    return "its claim closes: no order is given under it any more" if closing else "its claim was renewed"


def _leaving(notes: Notes) -> Iterator[Event]:
    told = (
        (notes.rest_at, "seen at rest under its session (first witness)", True),
        (notes.unhealthy_at, "seen unhealthy under its session (first witness)", True),
    )
    yield from _known(told)
    if notes.spent is not None:
        reason = f": {notes.spent.told}" if notes.spent.told else ""
        yield Event(at=notes.spent.at, said=f"used from now on ({notes.spent.why.name}){reason}")
    if notes.delete is not None:
        yield Event(at=notes.delete.at, said=f"its deletion was ordered {times(notes.delete.attempts)}")
    yield from _known(((notes.missed_at, "not seen in Azure (first witness)", True),))


def _known(told: tuple[tuple[datetime | None, str, bool], ...]) -> Iterator[Event]:
    return (Event(at=at, said=said, by_azure=by_azure) for at, said, by_azure in told if at is not None)


def _session(session: str | None) -> str:
    return f"session {session}" if session else "a session without an id"


def _class(notes: Notes) -> str:
    return notes.failed.failure if notes.failed is not None else ""
