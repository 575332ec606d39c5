"""docs/azure-role*.json are enough for a scale set's whole life, and no action of theirs can be taken away."""

import json
import re
from datetime import timedelta
from typing import Any, cast

import pytest
from clock import ManualClock
from wire.role_life import DOCS, ROLES, actions, hold_to, lived, row

from docs.roles_page import IDENTITIES
from scaler.ports import ScaleSet, one_by_one
from scaler.vmss.gates import BATCH_FROM

SOON, LATER = timedelta(seconds=30), timedelta(minutes=10)
EACH = [(role, action) for role in ROLES for action in actions(role)]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_names_each_action_once_and_takes_nothing_back(name: str) -> None:
    role = json.loads((DOCS / name).read_text(encoding="utf-8"))
    assert len(role["Actions"]) == len(set(role["Actions"]))
    assert (role["IsCustom"], role["NotActions"], role["DataActions"]) == (True, [], [])
    assert not [action for action in role["Actions"] if "*" in action]


@pytest.mark.parametrize("role", ROLES)
def test_with_exactly_the_role_a_scale_set_lives_its_whole_life(role: str) -> None:
    life = lived(role)
    assert ([step.otherwise for step in life.failed], life.forbidden) == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize(("role", "action"), EACH)
def test_without_any_of_its_actions_something_fails_and_the_log_names_the_action(role: str, action: str) -> None:
    life = lived(role, without=action)
    print(row(action, life))
    assert life.failed, "it can be removed"
    assert re.search(rf"a role with [^>]*{re.escape(action)}", life.log, re.IGNORECASE)
    assert row(action, life) in IDENTITIES.read_text(encoding="utf-8"), "stale: run `python docs/generate.py --roles`"


def test_the_page_has_no_row_of_another_action() -> None:
    page = IDENTITIES.read_text(encoding="utf-8")
    assert sum(line.startswith("| `Microsoft.") for line in page.splitlines()) == len(EACH)


@pytest.mark.parametrize("role", ROLES)
def test_no_method_of_the_door_needs_more(role: str) -> None:
    with ROLES[role].over_the_wire() as house:
        house.with_machines(BATCH_FROM + 4)
        hold_to(house, actions(role))
        noting = Noting(house.scale_set)
        do_everything(cast("ScaleSet", noting), house.clock)
    assert noting.used == {name for name in vars(ScaleSet) if not name.startswith("_")} - {"name"}


class Noting:
    """A scale set that notes which members are used."""

    def __init__(self, scale_set: ScaleSet) -> None:
        self._scale_set = scale_set
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(self._scale_set, name)


def do_everything(scale_set: ScaleSet, clock: ManualClock) -> None:
    """Every method of the port that gives an order or looks, in small numbers and in large ones."""
    refs = [each.ref for each in scale_set.list_instances().instances]
    few, many = refs[:1], refs[1 : 1 + BATCH_FROM]
    scale_set.addresses(few, one_by_one)
    scale_set.addresses(many, one_by_one)
    scale_set.get(refs[0])
    scale_set.group_tags()
    for stop in (scale_set.deallocate, scale_set.power_off):
        for some in (few, many):
            stop(some, within=SOON)
            clock.advance(LATER)
            scale_set.start(some, within=SOON)
            clock.advance(LATER)
    scale_set.mark(refs[0], None, within=SOON)
    clock.advance(LATER)
    scale_set.delete(few, within=SOON)
    clock.advance(LATER)
    view = scale_set.view()
    scale_set.set_capacity(view.capacity + 1, view.etag, within=SOON)
