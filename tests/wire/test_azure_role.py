"""docs/azure-role*.json allow every call that the scaler makes, and nothing more."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from clock import ManualClock
from contract.scale_sets import FLEXIBLE, UNIFORM, Orchestrated

from emulator.wire.exchange import Call
from scaler.ports import ScaleSet, one_by_one
from scaler.vmss.gates import BATCH_FROM

DOCS = Path(__file__).parents[2] / "docs"
VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
SOON, LATER = timedelta(seconds=30), timedelta(minutes=10)


def allowed(name: str) -> set[str]:
    """The actions of a role, in the lower case that Azure compares them in."""
    role = json.loads((DOCS / name).read_text(encoding="utf-8"))
    assert len(role["Actions"]) == len(set(role["Actions"]))
    assert (role["IsCustom"], role["NotActions"], role["DataActions"]) == (True, [], [])
    return {each.lower() for each in role["Actions"]}


def action(call: Call) -> str:
    """What Azure asks of the caller's roles: the types in the path, and what is done to the last one."""
    namespace, *rest = call.path.rpartition("/providers/")[2].split("/")
    types = rest[::2]  # each is followed by a name
    if call.method != "POST":
        return "/".join([namespace, *types, VERBS[call.method]])
    return "/".join([namespace, *types, "action"])  # POST …/name/verb: the verb stands where a type would


@pytest.mark.parametrize(("kind", "role"), [(UNIFORM, "azure-role.json"), (FLEXIBLE, "azure-role-flexible.json")])
def test_the_role_is_what_the_scaler_does(kind: Orchestrated, role: str) -> None:
    with kind.over_the_wire() as house:
        house.with_machines(BATCH_FROM + 4)
        noting = Noting(house.scale_set)
        do_everything(cast("ScaleSet", noting), house.clock)
        assert house.server is not None
        called = {action(each) for each in house.server.calls if each.arm}
    assert noting.used == {name for name in vars(ScaleSet) if not name.startswith("_")} - {"name"}
    assert called == allowed(role)


class Noting:
    """A scale set that notes what of it is used."""

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
