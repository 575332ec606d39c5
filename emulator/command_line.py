"""The emulator's command line: the options, and the emulated scale sets that they describe."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf, isfinite
from pathlib import Path

from emulator.behaviour import Behaviour, Fault, Faults
from emulator.help_text import PURPOSE, more
from emulator.orders import Scale
from emulator.region import WITH_TIME_FOR_A_FIRST_RUN, Orchestration, Profile, Region
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches, values_of
from emulator.wire.roles import Grant, Role
from emulator.wire.scale_sets import MOST
from emulator.wire.site import SUBSCRIPTION, SYSTEM_ASSIGNED, TENANT, Identities, Place, Site, user_assigned


def parse(arguments: list[str] | None = None) -> Namespace:
    """What was asked for; exits on --help and on mistakes."""
    parser = ArgumentParser(
        prog="python -m emulator",
        usage="%(prog)s [options]",
        description=PURPOSE,
        epilog=more(TENANT),
        formatter_class=RawDescriptionHelpFormatter,
    )
    _add_doors(parser.add_argument_group("where it listens").add_argument)
    _add_place(parser.add_argument_group("what is there").add_argument)
    _add_behaviour(parser.add_argument_group("how it behaves").add_argument)
    return parser.parse_args(arguments)


def _add_doors(add: Callable[..., object]) -> None:
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=_port, default=18080, help="of http; 0 takes a free one (%(default)s)")
    add("--https-port", type=_port, metavar="PORT", default=18443, help="of https; 0 takes a free one (%(default)s)")
    add("--no-https", action="store_true", help="http only")
    add("--ca-file", type=Path, metavar="PATH", help="where clients find whom to trust (a new file at every start)")
    add(
        "--identity-secret",
        metavar="TEXT",
        default="local-secret",
        help="X-IDENTITY-HEADER, client secret (%(default)s)",
    )
    add("--user-identity", action="append", default=[], metavar="NAME", help="a user-assigned one; may be repeated")
    add("--role", type=_role, metavar="FILE", help="all that the identities may do, as in docs/azure-role.json (all)")
    add("--role-scope", metavar="ID", default="", help="where the --role is assigned: a resource id (everywhere)")
    add("--token-life", type=_positive, metavar="SECONDS", default=86_400, help="of every token (%(default)s)")
    add("--poll-after", type=_positive, metavar="SECONDS", help="send Retry-After on operations; Azure does not")
    add("--page-size", type=_positive, metavar="VMS", default=100, help="per page of a listing (%(default)s)")


def _add_place(add: Callable[..., object]) -> None:
    add("--subscription", metavar="ID", default=SUBSCRIPTION, help="(%(default)s)")
    add("--resource-group", metavar="NAME", default="rg-pixels", help="(%(default)s)")
    add("--scale-set", action="append", metavar="NAME", help="may be repeated (vmss-pixels)")
    add(
        "--capacity",
        type=_capacity,
        metavar="VMS",
        default=0,
        help="to create at once, in each scale set (%(default)s)",
    )
    add("--flexible", action="store_true", help="orchestration Flexible; experimental (Uniform)")
    add("--no-public-ips", action="store_true", help="private addresses only")
    add("--responder", metavar="URL", help="that tells the health of running VMs, {vm_id} in it; real time (simulated)")
    add("--no-health", action="store_true", help="the model is without the Application Health extension")
    add("--cores", type=_positive, metavar="N", help="the subscription's quota; a VM has 36 (no limit)")
    add("--allocatable", type=_positive, metavar="VMS", help="that the region has for each scale set (no limit)")
    add("--managed", default="true", metavar="VALUE", help="of the tag scaler:managed; empty: no tag (%(default)s)")


def _add_behaviour(add: Callable[..., object]) -> None:
    add("--speed", type=_speed, default=1.0, help="divides latencies, multiplies budgets and events (%(default)s)")
    add("--seed", type=int, default=0, help="of all chance and all GUIDs (%(default)s)")
    add("--no-budgets", action="store_true", help="never answer 429 of its own accord")
    add("--fault", action="append", default=[], type=_fault, metavar="NAME=RATE", help="may be repeated")
    add("--switch", action="append", default=[], type=_switch, metavar="NAME=VALUE", help="may be repeated")


def emulated(asked: Namespace) -> list[EmulatedScaleSet]:
    """The scale sets that were asked for, on the wall clock."""
    behaviour = Behaviour(switches=Switches(**dict(asked.switch)), metered=not asked.no_budgets).at_speed(asked.speed)
    tags = {"scaler:managed": asked.managed} if asked.managed else {}
    profile, found = _profile(asked), []
    for offset, name in enumerate(asked.scale_set or ["vmss-pixels"]):
        each = EmulatedScaleSet(
            _now, name=name, seed=asked.seed + offset, behaviour=behaviour, tags=tags, profile=profile
        )
        each.limit(allocatable=asked.allocatable, cores=asked.cores)
        each.scale(Scale(capacity=asked.capacity), by="command-line")
        each.faults = Faults(rates=dict(asked.fault)).at_speed(asked.speed)  # from here on
        found.append(each)
    return found


def _profile(asked: Namespace) -> Profile:
    orchestration = Orchestration.FLEXIBLE if asked.flexible else Orchestration.UNIFORM
    return Profile(
        orchestration=orchestration,
        public_ips=not asked.no_public_ips,
        region=Region(cores=asked.cores),
        health=None if asked.no_health else WITH_TIME_FOR_A_FIRST_RUN,
    )


def site(asked: Namespace) -> Site:
    """Where they are."""
    place = Place(subscription=asked.subscription, resource_group=asked.resource_group)
    assigned = (SYSTEM_ASSIGNED, *(user_assigned(place.identity_id(name)) for name in asked.user_identity))
    grant = Grant(role=asked.role, scope=asked.role_scope) if asked.role is not None else None
    return Site(
        place=place,
        identities=Identities(assigned, token_life=timedelta(seconds=asked.token_life)),
        grants={identity.object_id: grant for identity in assigned} if grant is not None else {},
        page_size=asked.page_size,
        identity_secret=asked.identity_secret,
        poll_after=asked.poll_after,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _whole(what: str, *, least: int = 0, most: float = inf) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"{text} is not a {what}")
        return int(text)

    return read


_port = _whole("port: 0 to 65535", most=65_535)
_positive = _whole("number above 0", least=1)
_capacity = _whole(f"number of VMs: 0 to {MOST}", most=MOST)


def _role(text: str) -> Role:
    try:
        return Role.read(Path(text))
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"{text} is not a role definition as docs/azure-role.json is one: {error}") from None


def _speed(text: str) -> float:
    speed = _number(text)
    if speed is None or speed <= 0:
        raise ArgumentTypeError(f"{text} is not a number above 0")
    return speed


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) else None


def _fault(text: str) -> tuple[Fault, float]:
    name, _, rate = text.partition("=")
    number = _number(rate)
    if name not in set(Fault) or number is None or number < 0:
        raise ArgumentTypeError(f"{text} is not one of the faults that --help lists, with =RATE")
    return Fault(name), number


def _switch(text: str) -> tuple[str, object]:
    name, _, value = text.lower().partition("=")
    field = name.replace("-", "_")
    try:
        values = values_of(field)
    except KeyError:
        raise ArgumentTypeError(f"{text} is not one of the switches that --help lists, with =VALUE") from None
    if value not in values:
        raise ArgumentTypeError(f"{text} is none of that switch's values: {', '.join(values)}")
    return field, values[value]
