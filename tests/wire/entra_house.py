"""An identity endpoint, a Redis that takes its tokens, and a load of controllers and queue managers between the two."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
import redis
from azure.identity import ManagedIdentityCredential
from contract.registries import EPOCH, admission, notes
from wire.entra_redis import EntraRedis, entra_redis

from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import RunningServer, secured, serve
from emulator.wire.site import SYSTEM_ASSIGNED, Identities, Identity, Place, Site, user_assigned
from scaler.errors import ScalerError
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Row
from scaler.registry.auth import connect
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.registry.rights import SCALER
from scaler.vmss.credential import Guarded, managed_identity

ROOT = Path(__file__).parents[2]
USER_ASSIGNED = user_assigned(Place().identity_id("id-scaler"))
PATIENCE = 60.0  # seconds until a test gives up waiting for what takes a few


class House:
    """An identity endpoint, a Redis that believes it, and clients between the two."""

    def __init__(self, stack: ExitStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack = stack
        self._folder = folder
        self._monkeypatch = monkeypatch
        self.ca_file: Path | None = None

    def endpoint(self, **life: timedelta) -> RunningServer:
        """The endpoint, which this process finds as on App Service."""
        identities = Identities((SYSTEM_ASSIGNED, USER_ASSIGNED), **life)
        emulated = EmulatedScaleSet(lambda: datetime.now(UTC))
        server = self._stack.enter_context(serve(emulated, site=Site(identities=identities, stall=0.1)))
        self._monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        self._monkeypatch.setenv("IDENTITY_HEADER", "local-secret")
        return server

    def redis_with(self, *users: Identity, tls: bool = False) -> EntraRedis:
        """A Redis with these users."""
        shown = secured() if tls else None
        if shown is not None:
            self.ca_file = self._folder / "ca.pem"
            self.ca_file.write_bytes(shown.authority)
        context = shown.context if shown is not None else None
        object_ids = [each.object_id for each in users]
        return self._stack.enter_context(entra_redis(self._folder, object_ids, SCALER.access_string().split(), context))

    def client(
        self,
        server: EntraRedis,
        client_id: str | None = None,
        report: Callable[[Exception], None] = lambda _: None,
    ) -> redis.Redis:
        """A client as the scaler makes it."""
        credential = managed_identity(client_id)
        assert isinstance(credential, ManagedIdentityCredential)
        self._stack.enter_context(closing(credential))
        ca_file = str(self.ca_file) if self.ca_file is not None else None
        url = f"redis{'s' if self.ca_file is not None else ''}://localhost:{server.port}"
        client = connect(url=url, ca_file=ca_file, identity=Guarded(credential), report=report)
        return self._stack.enter_context(closing(client))


class Load:
    """Threads that do what controllers and queue managers do, until told to stop. What fails is kept."""

    def __init__(self, client: redis.Redis) -> None:
        self._registry = RedisRegistry(client, Keys())
        self._registry.apply([admission(Row(vm_id=VmId("visited")))])
        self._reservations = Reservations(client, Keys())
        self._apart = RedisRegistry(client, Keys(prefix="vmss:apart"))  # where no visitor comes
        self._stop = Event()
        self._numbers = count()
        self._written: Row | None = None
        self.done = 0
        self.failures: list[object] = []
        works = {self._read: 0.005, self._write: 0.01, self._visit: 0.01, self._probe: 0.003, self._seldom: 1.5}
        self._threads = [Thread(target=self._repeat, args=each) for each in works.items()]
        for each in self._threads:
            each.start()

    def _repeat(self, work: Callable[[], object], every: float) -> None:
        while not self._stop.wait(every):
            try:
                work()
            except ScalerError as error:
                self.failures.append(error)
            self.done += 1

    def _read(self) -> None:
        self._registry.read()

    def _write(self) -> None:
        """Each write rests on the one before: had that been carried out but not answered, this is refused."""
        stands = self._written or Row(vm_id=VmId("written"))
        seen = EPOCH + timedelta(seconds=next(self._numbers))
        change = Change(row=stands, edge=None, notes=notes(missed_at=seen)) if self._written else admission(stands)
        (self._written,) = self._apart.apply([change])
        if self._written is None:
            self.failures.append("a write was refused")
            self._written = self._apart.read().rows[stands.vm_id]

    def _visit(self) -> None:
        session = SessionId(f"s{next(self._numbers)}")
        if self._reservations.reserve(session) is None:
            self.failures.append("there was no machine")
        self._reservations.look(session)
        self._reservations.cancel(session)

    def _probe(self) -> None:
        self._registry.reserved()

    def _seldom(self) -> None:
        """Its connection is idle most of the time."""
        self._registry.confirm()

    def run(self, seconds: float) -> None:
        """Let it go on."""
        self._stop.wait(seconds)

    def close(self) -> None:
        """End it."""
        self._stop.set()
        for each in self._threads:
            each.join()


def until(what: Callable[[], bool], pause: float = 0.05) -> None:
    """Wait for it."""
    started, waiting = monotonic(), Event()
    while not what():
        assert monotonic() - started < PATIENCE, "it did not come to pass"
        waiting.wait(pause)


def tokens_asked(endpoint: RunningServer) -> int:
    """How often the endpoint was asked for one."""
    return sum(each.kind == "token" for each in endpoint.calls)


def outcome(registry: RedisRegistry) -> Any:
    """The error of one read, None for a read that succeeds."""
    try:
        registry.read()
    except ScalerError as error:
        return error
    return None
