"""Redis: rights of the scaler's user, safety of the data, clocks, and signs of life of the controllers."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from scaler.cli.alive import troubles
from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Facts, Finding
from scaler.cli.environment import Exit
from scaler.cli.screen import age
from scaler.errors import Garbled, Refused, ScalerError, Unreachable
from scaler.model.edges import Actor
from scaler.model.signs import Sign
from scaler.ports import Confirmation
from scaler.registry.redis import CONFIRM_WITHIN_MS, RedisRegistry
from scaler.registry.rights import NAIVE, SCALER, SCRIPTS
from scaler.registry.server import ServerFacts, lacking, look
from scaler.settings import Settings

_OLDEST = 6  # of Redis: docs/redis-contract.md
_SLOW = 0.05  # seconds: five round trips of a start are then a quarter of a second
_FULL = 0.8
_CONFIRMATIONS = 5  # in vain, until a replica is called late: a busy one may miss a single one
_APART = timedelta(seconds=5)  # of two clocks: Azure tells whole seconds, and a request may take some

_BY_CODE: Mapping[str, Known] = {"NOPERM": Known.RIGHTS, "CROSSSLOT": Known.CROSSSLOT}


def of_server(settings: Settings, registry: RedisRegistry, *, hot: bool) -> Iterator[Finding]:
    """The server, the safety of the data, and the rights of the scaler's user. `hot`: hot machines are wanted."""
    facts = names(settings)
    try:
        complaints = registry.check()
        server = look(registry)
    except Unreachable as away:
        yield Known.AWAY.found(error=away, **facts)
        return
    except Refused as refused:
        yield _BY_CODE.get(refused.code, Known.REFUSED).found(error=refused, **facts)
        return
    except Garbled as garbled:
        yield Known.REFUSED.found(error=garbled)
        return
    known = facts | {"user": server.user}
    yield from of_facts(settings, server, known)
    for complaint in complaints:
        if "ACL SETUSER" in complaint.why:
            yield Known.RIGHTS_OPTIONAL.found(error=complaint.why, **known)
    yield from _of_replica(server, registry, known, hot=hot)
    for complaint in registry.read().complaints:
        if server.eviction is None or "maxmemory-policy" not in complaint.why:
            yield Known.ODD.found(error=f"{complaint.key}: {complaint.why}")


def _of_replica(server: ServerFacts, registry: RedisRegistry, known: Facts, *, hot: bool) -> Iterator[Finding]:
    """A replica without an answer; hot machines are of no use without a replica."""
    if not (server.replicas or hot):
        return
    answers = {registry.confirm() for _ in range(_CONFIRMATIONS)}
    if hot and Confirmation.REPLICATED not in answers:
        yield Known.HOT_ALONE.found(value=CONFIRM_WITHIN_MS, **known)
    elif server.replicas and answers == {Confirmation.UNCONFIRMED}:
        yield Known.BEHIND.found(value=CONFIRM_WITHIN_MS, **known)


def of_queue_manager(settings: Settings, registry: RedisRegistry, user: str) -> Iterator[Finding]:
    """The rights of the queue manager's user: with the scripts, or as a naive one."""
    facts = names(settings) | {"queue": user}
    try:
        lacks = {rights.name: lacking(registry, user, rights) for rights in (SCRIPTS, NAIVE)}
    except ScalerError as error:
        yield Known.QUEUE_UNSEEN.found(**facts, error=error)
        return
    nearest = min((SCRIPTS, NAIVE), key=lambda rights: len(lacks[rights.name]))
    if lacks[nearest.name]:
        words = ", ".join(lacks[nearest.name]).upper()
        kit = tuple(nearest.acl(settings.prefix).split())
        yield Known.QUEUE.found(**facts, lacks=words, who=nearest.who, kit=kit)


def names(settings: Settings) -> dict[str, object]:
    """The names for the remedies."""
    prefix, place = settings.prefix, settings.redis
    braced = prefix if "{" in prefix else f"{{{prefix}}}"
    return {
        "host": place.host,
        "port": place.port,
        "prefix": braced,
        "user": place.username or "default",
        "rights": tuple(SCALER.acl(prefix).split()),
    }


def of_facts(settings: Settings, server: ServerFacts, known: Facts) -> Iterator[Finding]:
    """The facts of a server, weighed. `known`: host, port, user and rights, for the remedies."""
    if server.occupant not in {None, settings.place}:
        yield Known.OCCUPIED.found(prefix=settings.prefix, others=server.occupant)
    if server.trip > _SLOW:
        yield Known.SLOW.found(value=round(server.trip * 1000), **known)
    if not server.told:
        yield Known.UNINFORMED.found(**known)
        return
    major = (server.version or "").partition(".")[0]
    if major.isdecimal() and int(major) < _OLDEST:
        yield Known.OLD.found(value=server.version)
    if server.eviction not in {None, "noeviction"}:
        yield Known.EVICTS.found(value=server.eviction, **known)
    if server.full is not None and server.full > _FULL:
        yield Known.FULL.found(value=round(server.full * 100), **known)
    if not server.persistent:
        yield (Known.SAVES_UNSEEN if server.persistent is None else Known.UNSAVED).found(**known)
    if server.replicas == 0:
        yield Known.SINGLE.found()


def of_clock(registry: RedisRegistry) -> Iterator[Finding]:
    """Redis' clock beside the host's."""
    yield from apart("Redis", registry.read().now)


def apart(clock: str, now: datetime) -> Iterator[Finding]:
    """A finding where a clock differs from the host's."""
    ahead = now - datetime.now(UTC)
    if abs(ahead) > _APART:
        yield Known.SKEW.found(clock=clock, value=_signed(ahead))


def _signed(ahead: timedelta) -> str:
    return f"{age(ahead)} ahead of" if ahead > timedelta(0) else f"{age(-ahead)} behind"


def of_controllers(registry: RedisRegistry) -> Iterator[Finding]:
    """The signs of life."""
    signs = registry.signs()
    yield from of_signs(signs, registry.read().now)


def of_signs(signs: Mapping[Actor, Sign], now: datetime) -> Iterator[Finding]:
    """Late, failing and alarmed controllers, clocks of the hosts, and versions. `now`: Redis' clock."""
    for trouble in troubles(signs):
        if not signs:
            yield Known.NEVER.found(said=trouble.said)
        elif trouble.exit is Exit.ALARM:
            yield Known.ALARM.found(said=trouble.said, controller=trouble.controller)
        else:
            yield (Known.LATE if trouble.exit is Exit.LATE else Known.TROUBLE).found(said=trouble.said)
    for name, sign in signs.items():
        ahead = sign.at - (now - sign.ago)
        if abs(ahead) > _APART:
            yield Known.HOST.found(controller=name, value=_signed(ahead))
    versions = sorted({sign.version for sign in signs.values()})
    if len(versions) > 1:
        yield Known.VERSIONS.found(versions=" and ".join(versions))
