"""The table is the only place where the lifecycle is written; illegal steps cannot be expressed."""

from itertools import product

import pytest
from builders import NOW, notes, record, row

from scaler.model.edges import ENDINGS, SPENDINGS, Actor, Edge
from scaler.model.lifecycle import KEEP, LIFECYCLE, IllegalStep, step
from scaler.model.row import Record, Row, Status, Unreadable

STATUSES: tuple[Status | None, ...] = (None, *Status)


def at(status: Status | None) -> Row:
    return row(1, record(1, status) if status is not None else None, notes())


@pytest.mark.parametrize(("edge", "owner", "status"), list(product(LIFECYCLE, Actor, STATUSES)))
def test_only_the_owner_takes_a_step_and_only_from_where_it_begins(
    edge: Edge, owner: Actor, status: Status | None
) -> None:
    rule = LIFECYCLE[edge]
    if owner in rule.owners and status in rule.sources:
        assert step(edge, owner, at(status), record(), notes(), NOW).edge is edge
    else:
        with pytest.raises(IllegalStep):
            step(edge, owner, at(status), record(), notes(), NOW)


@pytest.mark.parametrize("edge", LIFECYCLE)
def test_status_used_and_index_follow_from_the_table_whatever_the_record_says(edge: Edge) -> None:
    rule = LIFECYCLE[edge]
    change = step(
        edge, rule.owners[0], at(rule.sources[0]), record(1, Status.RESERVED, used=not rule.used), notes(), NOW
    )
    assert change.index == rule.target
    if rule.target is None:
        assert change.record is None
    else:
        assert isinstance(change.record, Record)
        assert (change.record.status, change.record.used) == (rule.target, rule.used)


def test_notes_name_exactly_the_steps_after_which_a_machine_is_used() -> None:
    assert {edge for edge, rule in LIFECYCLE.items() if rule.used} == {*SPENDINGS}
    assert {*SPENDINGS} - {Edge.CONDEMN, Edge.SPEND} == {*ENDINGS}


def test_nobody_but_the_visitor_and_the_starter_touches_what_is_reserved() -> None:
    touching = {owner for rule in LIFECYCLE.values() if Status.RESERVED in rule.sources for owner in rule.owners}
    assert touching == {Actor.VISITOR, Actor.STARTER}


def test_nothing_that_is_used_becomes_available_again() -> None:
    assert all(rule.target is not Status.AVAILABLE for rule in LIFECYCLE.values() if Status.UNAVAILABLE in rule.sources)


def test_an_unreadable_record_is_kept_to_the_byte() -> None:
    change = step(Edge.CONDEMN, Actor.RECONCILER, row(1, Unreadable(why="not JSON")), record(), notes(), NOW)
    assert (change.record, change.index) == (KEEP, Status.UNAVAILABLE)
