"""A server that answers each request with what the test says, byte for byte, and remembers who asked for what."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import BinaryIO

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions
from clock import ManualClock
from loopback import Loopback

from scaler.model.instance import InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.ports import Clock
from scaler.vmss.client import Bounds, connect
from scaler.vmss.gates import Gates
from scaler.vmss.scale_set import ArmScaleSet

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/Pixels"
DATE = formatdate(1_767_225_600, usegmt=True)  # 2026-01-01 00:00:00


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer. `cut`: so many last bytes are kept back, and the connection ends. `halfway`: done in between."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)  # an empty value leaves a default header out
    cut: int = 0
    halfway: Callable[[], object] = lambda: None

    def having(self, **headers: str) -> "Said":
        """With other headers, their names given with underscores."""
        return replace(self, headers=self.headers | _named(headers))

    @property
    def head(self) -> bytes:
        """Status line and headers."""
        defaults = {"date": DATE, "content-type": "application/json", "content-length": str(len(self.body))}
        headers = defaults | {name.lower(): value for name, value in self.headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        return f"HTTP/1.1 {self.status} -\r\n{lines}\r\n".encode("latin-1", "replace")

    def halves(self) -> tuple[bytes, bytes]:
        """Head and half of the body, and the rest."""
        body = self.body[: len(self.body) - self.cut]
        return self.head + body[: len(body) // 2], body[len(body) // 2 :]


STALL = Said(status=0)  # no answer until the server is closed

type Script = Callable[[Asked], Said | Iterable[bytes]]
"""Makes the answer to each request; bytes are all that is said over this connection."""


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def json_said(body: object, status: int = 200, **headers: str) -> Said:
    """A JSON answer. Header names are given with underscores."""
    return Said(status=status, body=json.dumps(body).encode(), headers=_named(headers))


class ScriptedArm(Loopback):
    """Listens on a loopback port."""

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        self._script = script
        super().__init__(self._converse)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as incoming:
            while (asked := _read(incoming)) is not None:
                self.asked.append(asked)
                said = self._script(asked)
                if said is STALL:
                    self.closing.wait()
                    return
                if not isinstance(said, Said):
                    for piece in said:
                        connection.sendall(piece)
                    return
                first, second = said.halves()
                connection.sendall(first)
                said.halfway()
                connection.sendall(second)
                if said.cut:
                    return


def _read(incoming: BinaryIO) -> Asked | None:
    try:
        first = incoming.readline().decode("latin-1").split()
    except OSError:
        return None
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := incoming.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", "0")))
    return Asked(method=first[0], path=first[1], headers=headers, body=body)


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A credential that always has a token."""

    token: str = "a-token"

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken(self.token, 4_000_000_000)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        return AccessTokenInfo(self.token, 4_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A scale set behind the real SDK, and the server it talks to."""

    scale_set: ArmScaleSet
    server: ScriptedArm
    clock: ManualClock

    @property
    def asked(self) -> list[Asked]:
        return self.server.asked


type Door = type[ArmScaleSet]


@contextmanager
def wired(
    script: Script, bounds: Bounds | None = None, *, door: Door = ArmScaleSet, token: TokenCredential | None = None
) -> Iterator[Wire]:
    """Both, for the length of a test."""
    server, clock = ScriptedArm(script), ManualClock()
    with closing(server), opened(server.endpoint, clock, bounds, door=door, token=token) as scale_set:
        yield Wire(scale_set=scale_set, server=server, clock=clock)


@contextmanager
def opened(
    endpoint: str,
    clock: Clock,
    bounds: Bounds | None = None,
    *,
    door: Door = ArmScaleSet,
    token: TokenCredential | None = None,
) -> Iterator[ArmScaleSet]:
    """The scale set "Pixels" at that endpoint, of which nothing has been asked yet."""
    with closing(connect(SUBSCRIPTION, token or StaticToken(), endpoint=endpoint, bounds=bounds)) as client:
        yield door(client, "rg", "Pixels", clock=clock, gates=Gates(clock))


def vm_id(number: int) -> VmId:
    """The identity of the machine that these tests put behind an instance id."""
    return VmId(f"00000000-0000-0000-0000-{number:012d}")


def ref(number: int) -> InstanceRef:
    """An order's address."""
    return InstanceRef(scale_set=ScaleSetName("pixels"), instance_id=InstanceId(str(number)), vm_id=vm_id(number))


def vm_row(number: int, power: str = "running", state: str = "Succeeded") -> dict[str, object]:
    """A VM as ARM writes it."""
    statuses = [{"code": f"ProvisioningState/{state.lower()}"}, {"code": f"PowerState/{power}"}]
    properties = {"vmId": vm_id(number), "provisioningState": state, "instanceView": {"statuses": statuses}}
    return {"id": f"{PATH}/virtualMachines/{number}", "instanceId": str(number), "properties": properties}


def set_body(capacity: int = 3) -> dict[str, object]:
    """A scale set as ARM writes it."""
    sku = {"name": "Standard_NV12ads_A10_v5", "tier": "Standard", "capacity": capacity}
    return {"sku": sku, "etag": '"7"', "tags": {"Scaler:Managed": "true"}, "properties": {"uniqueId": "u-1"}}


def refusal_said(status: int, code: str, message: str = "", **headers: str) -> Said:
    """An ARM error."""
    return json_said({"error": {"code": code, "message": message}}, status, **headers)
