"""The emulator's wire without any socket: requests go straight into the app that answers them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import Scale
from emulator.region import Orchestration, Profile
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from emulator.wire.app import App
from emulator.wire.exchange import Asked
from emulator.wire.site import Site

HOST = "http://azure.local"
GROUP = Site().group_id
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
SET = f"{COMPUTE}/virtualMachineScaleSets/vmss-pixels"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
FLEXIBLE = Profile(orchestration=Orchestration.FLEXIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """Of a refusal."""
        code: str = self.body["error"]["code"]
        return code

    @property
    def rows(self) -> list[Any]:
        """Of one page."""
        value: list[Any] = self.body["value"]
        return value

    @property
    def left(self) -> dict[str, int]:
        """What the header says is left of each budget."""
        pairs = (each.split(";") for each in self.headers["x-ms-ratelimit-remaining-resource"].split(","))
        return {name.removeprefix("Microsoft.Compute/"): int(left) for name, left in pairs}


class Desk:
    """Emulated scale sets on one manual clock behind one front door."""

    def __init__(self, *scale_sets: EmulatedScaleSet, clock: ManualClock, page_size: int = 100) -> None:
        self.clock = clock
        self.emulated = scale_sets[0]
        self.site = Site(scale_sets=list(scale_sets), page_size=page_size)
        self._app = App(self.site, lambda _seconds: None)

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Got:
        """One request. `target` may be a link that was answered; header names are given with underscores."""
        sent = {"authorization": "Bearer any", **{name.replace("_", "-"): value for name, value in headers.items()}}
        content = b"" if body is None else json.dumps(body).encode()
        asked = Asked(method=method, target=target.removeprefix(HOST), base=HOST, headers=sent, body=content)
        reply = self._app.answer(asked)
        assert reply is not None
        return Got(
            status=reply.status, headers=reply.headers, body=json.loads(reply.content) if reply.content else None
        )

    def get(self, target: str) -> Any:
        """The JSON of a GET."""
        return self.ask("GET", target).body

    def order(self, action: str, *ids: str, target: str = SET) -> Got:
        """A batch."""
        return self.ask("POST", f"{target}/{action}", {"instanceIds": list(ids)})

    def every(self, target: str) -> list[Any]:
        """All rows of all pages of a listing."""
        rows, page = [], self.get(target)
        while True:
            rows += page["value"]
            if "nextLink" not in page:
                return rows
            page = self.get(page["nextLink"])

    def wait(self, seconds: float = 600) -> None:
        """Let time pass; by default longer than anything takes."""
        self.clock.advance(timedelta(seconds=seconds))


def desk(
    switches: Switches | None = None,
    *,
    capacity: int = 1,
    metered: bool = False,
    profile: Profile | None = None,
    page_size: int = 100,
) -> Desk:
    """One scale set whose VMs run, with latencies that are always the same, and buckets that are full."""
    clock = ManualClock()
    behaviour = Behaviour(latencies=Latencies().exact(), switches=switches or Switches(), metered=metered)
    emulated = EmulatedScaleSet(clock.now, behaviour=behaviour, profile=profile)
    made = Desk(emulated, clock=clock, page_size=page_size)
    emulated.scale(Scale(capacity=capacity))
    made.wait(6000)
    return made


def ids(rows: Sequence[Any]) -> list[str]:
    """Their instance ids."""
    return [each["instanceId"] for each in rows]
