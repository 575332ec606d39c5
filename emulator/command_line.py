"""The emulator's command line: what can be said, and the emulator it describes."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from textwrap import fill

from emulator.behaviour import Behaviour
from emulator.faults import Fault, Faults
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Eviction, Overlap, Switches
from emulator.wire.site import SUBSCRIPTION, Place, Site

_WHAT = """\
A Virtual Machine Scale Set (Uniform) that behaves like Azure's, without Azure: Azure Resource Manager and a managed
identity over plain HTTP, for the real azure-mgmt-compute and azure-identity packages. VMs take as long as real ones
to come, start, stop and go (--speed makes all of it faster), and what goes wrong in Azure can go wrong here (--fault).

A client gets its token as on App Service (IDENTITY_ENDPOINT=<url>/msi/token, IDENTITY_HEADER=<the secret>) or as on a
VM (AZURE_POD_IDENTITY_AUTHORITY_HOST=<url>), and takes <url> for its ARM endpoint:
  ComputeManagementClient(ManagedIdentityCredential(), <subscription>, base_url="<url>",
                          credential_scopes=["https://management.azure.com/.default"])
Over plain HTTP azure-core wants enforce_https=False on every call. Any bearer token will do. Nothing is kept: a
restart is an empty scale set."""

_MORE = """\
faults (a probability per occasion, for the last six per VM and hour):
  {faults}

switches (what is not documented about Azure; name=value):
  {switches}"""


def parse(arguments: list[str] | None = None) -> Namespace:
    """What was asked for; exits on --help and on mistakes."""
    parser = ArgumentParser(
        prog="python -m emulator",
        description=_WHAT,
        epilog=_MORE.format(faults=_wrapped(Fault), switches=_wrapped(_switches_shown())),
        formatter_class=RawDescriptionHelpFormatter,
    )
    _add_address(parser)
    _add_behaviour(parser)
    return parser.parse_args(arguments)


def _add_address(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=int, default=18080, help="0 takes a free one (%(default)s)")
    add("--subscription", default=SUBSCRIPTION, help="its id (%(default)s)")
    add("--resource-group", default="rg-pixels", help="(%(default)s)")
    add("--scale-set", action="append", metavar="NAME", help="may be repeated (vmss-pixels)")
    add("--identity-secret", default="local-secret", help="the X-IDENTITY-HEADER to expect (%(default)s)")
    add("--page-size", type=_positive, default=100, help="VMs per page of a listing (%(default)s)")
    add("--poll-after", type=_positive, metavar="SECONDS", help="send Retry-After on operations; Azure does not")


def _add_behaviour(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--speed", type=float, default=1.0, help="divides every latency, multiplies budgets and events (%(default)s)")
    add("--capacity", type=int, default=0, help="VMs to create at once (%(default)s)")
    add("--seed", type=int, default=0, help="of all chance and all GUIDs (%(default)s)")
    add("--managed", default="true", help="value of the tag scaler:managed; empty: no tag (%(default)s)")
    add("--no-budgets", action="store_true", help="do not enforce ARM's request budgets (429)")
    add("--fault", action="append", default=[], type=_fault, metavar="NAME=RATE", help="may be repeated")
    add("--switch", action="append", default=[], type=_switch, metavar="NAME=VALUE", help="may be repeated")


def emulated(asked: Namespace) -> list[EmulatedScaleSet]:
    """The scale sets that were asked for, on the wall clock."""
    behaviour = Behaviour(switches=Switches(**dict(asked.switch)), metered=not asked.no_budgets).at_speed(asked.speed)
    tags = {"scaler:managed": asked.managed} if asked.managed else {}
    found = []
    for offset, name in enumerate(asked.scale_set or ["vmss-pixels"]):
        each = EmulatedScaleSet(_now, name=name, seed=asked.seed + offset, behaviour=behaviour, tags=tags)
        each.scale(Scale(capacity=asked.capacity), by="command-line")
        each.faults = Faults(rates=dict(asked.fault)).at_speed(asked.speed)  # from here on
        found.append(each)
    return found


def site(asked: Namespace) -> Site:
    """Where they are."""
    return Site(
        place=Place(subscription=asked.subscription, resource_group=asked.resource_group),
        page_size=asked.page_size,
        identity_secret=asked.identity_secret,
        poll_after=asked.poll_after,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)


def _fault(text: str) -> tuple[Fault, float]:
    name, _, rate = text.partition("=")
    try:
        return Fault(name), float(rate)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not one of the faults below, with =RATE") from None


_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_CHOICES: dict[str, Mapping[str, object]] = {
    "overlap": {each.lower(): each for each in Overlap},
    "eviction": {each.lower(): each for each in Eviction},
}


def _switch(text: str) -> tuple[str, object]:
    name, _, value = text.lower().partition("=")
    field = name.replace("-", "_")
    values = _CHOICES.get(field, _TRUTHS)
    if field not in {each.name for each in fields(Switches)} or value not in values:
        raise ArgumentTypeError(f"{text} is not one of the switches below, with =VALUE")
    return field, values[value]


def _switches_shown() -> list[str]:
    return [f"{each.name.replace('_', '-')}={str(each.default).lower()}" for each in fields(Switches)]


def _wrapped(words: Iterable[str]) -> str:
    return fill("  ".join(words), width=112, subsequent_indent="  ", break_on_hyphens=False)
