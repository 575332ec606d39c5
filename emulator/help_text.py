"""Texts of `python -m emulator --help` around the options, and the message after the start."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from inspect import getsource
from pathlib import Path
from re import fullmatch
from shlex import quote
from textwrap import fill

from emulator.behaviour import PLATFORM_EVENTS, Fault
from emulator.budgets import Call, limits
from emulator.switches import Switches
from emulator.wire.server import RunningServer

_WIDTH = 100

PURPOSE = """\
Azure's Virtual Machine Scale Sets without Azure. VMs take as long as real ones to come, start, stop
and go (--speed makes all of it faster), what goes wrong in Azure can go wrong here (--fault), what
nobody knows about Azure can be tried both ways (--switch), and who asks too often is throttled.

It answers like Azure Resource Manager and its managed identities, over http and https, to the real
azure-mgmt-compute, azure-identity and az, to curl, and to the scaler of this repository. Nothing is
kept: a restart is a fresh scale set. It prints its addresses, and lines to paste into a shell."""

_MORE = """\
clients (with the default addresses):
  az        the lines printed at the start: they make a cloud "Emulated" in a configuration of their
            own. az asks every 30 s how an order is doing, unless it is told: --poll-after 1
  curl      curl -H 'Authorization: Bearer any' http://127.0.0.1:18080/subscriptions
  Python    ComputeManagementClient(ManagedIdentityCredential(), "<subscription>",
                base_url="https://127.0.0.1:18443", connection_verify="<the --ca-file>",
                credential_scopes=["https://management.azure.com/.default"])
            (over http azure-core wants enforce_https=False with every call)
  scaler    AZURE_RESOURCE_MANAGER_URL=http://127.0.0.1:18080, AZURE_SUBSCRIPTION_ID,
            AZURE_RESOURCE_GROUP and AZURE_VMSS_NAME as above, and a token as on App Service;
            over https: that address, and REQUESTS_CA_BUNDLE=<the --ca-file>

tokens (ARM takes any bearer token here, but none is 401):
  App Service        IDENTITY_ENDPOINT=http://127.0.0.1:18080/msi/token IDENTITY_HEADER=local-secret
  a VM               AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:18080
  service principal  any client id with the --identity-secret, over https; the authority is
                     https://127.0.0.1:18443/{tenant}, without
                     instance discovery (az: AZURE_CORE_INSTANCE_DISCOVERY=false)

roles (--role FILE, such as docs/azure-role.json; --role-scope ID, where the role is assigned):
  the identities of the first two kinds may then do what the role allows, and nothing else: for all
  else ARM's 403 AuthorizationFailed names the action. Every other caller may do everything.

faults (--fault NAME=RATE; the rate is a probability per occasion):
{faults}

platform events (--fault NAME=RATE; the rate is per VM and hour):
{events}

switches (--switch NAME=VALUE; the defaults are the likelier or the more unpleasant answers):
{switches}

request budgets of a scale set or VM (so many at once/then a minute; beyond: 429, Retry-After):
{budgets}"""


def more(tenant: str) -> str:
    """What follows the options."""
    comments = beside(Fault)
    faults = {fault.value: comments[fault.name] for fault in Fault if fault not in PLATFORM_EVENTS}
    events = {event.value: comments[event.name] for event in PLATFORM_EVENTS}
    return _MORE.format(
        tenant=tenant,
        faults=_table(faults),
        events=_table(events),
        switches=_table(_switches()),
        budgets=_filled("  ".join(_budgets()), "  "),
    )


def _switches() -> dict[str, str]:
    comments = beside(Switches)
    return {
        f"{switch.name.replace('_', '-')}={_written(switch.default)}": comments[switch.name] or _choices(switch.default)
        for switch in fields(Switches)
    }


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(default: object) -> str:
    """An enumeration's docstring, and the members with their comments."""
    kind = type(default)
    told = ((str(getattr(kind, name)), text) for name, text in beside(kind).items())
    return f"{kind.__doc__} " + "; ".join(f"{value}: {text}" if text else value for value, text in told)


def _budgets() -> Iterable[str]:
    for call in Call:
        for limit in limits(call, Switches()):
            if limit.own:
                yield f"{call}\N{NO-BREAK SPACE}{limit.burst:g}/{limit.refill:g}"


def _table(rows: Mapping[str, str]) -> str:
    wide = 2 + max(map(len, rows)) + 2
    return "\n".join(_filled(f"  {name:{wide - 2}}{text}", " " * wide) for name, text in rows.items())


def _filled(text: str, indent: str) -> str:
    initial = "" if text.startswith(" ") else indent
    return fill(text, _WIDTH, initial_indent=initial, subsequent_indent=indent, break_on_hyphens=False)


def beside(kind: type) -> dict[str, str]:
    """Comments of members or fields in the source of a class, by name; empty for uncommented members."""
    found = (fullmatch(r"    (\w+)(?:: [^=]+)? = .*?(?:  # (.*))?", line) for line in getsource(kind).splitlines())
    return {each.group(1): each.group(2) or "" for each in found if each}


_WITH_AZ = """
The real az, in a terminal of its own (these settings leave yours alone):
  export AZURE_CONFIG_DIR="$(mktemp -d)" AZURE_CORE_COLLECT_TELEMETRY=false
  export REQUESTS_CA_BUNDLE={ca_file}
  export IDENTITY_ENDPOINT={url}/msi/token IDENTITY_HEADER={secret}
  az cloud register --name Emulated --endpoint-resource-manager {https_url}
  az cloud set --name Emulated
  az login --identity
  az vmss list-instances -g {group} -n {name} --expand instanceView"""


def startup_message(server: RunningServer, ca_file: Path) -> str:
    """Addresses of the emulator, and example requests."""
    site = server.site
    first = site.scale_sets[0]
    listing = f"{server.url}{site.set_id(first)}/virtualMachines?api-version=2025-04-01&$expand=instanceView"
    named = ", ".join(f"{scale_set.name} ({scale_set.capacity} VMs)" for scale_set in site.scale_sets)
    lines = [f"emulator: {named} in resource group {site.place.resource_group}", f"  {server.url}"]
    if server.https_url is not None:
        lines.append(f"  {server.https_url}, whose certificate {ca_file} vouches for")
    for identity in site.identities.assigned:
        if identity.resource_id is not None:
            name = identity.resource_id.rpartition("/")[2]
            lines.append(f"  identity {name}: client id {identity.client_id}, object id {identity.object_id}")
    lines.append(f"\n  curl -H 'Authorization: Bearer any' '{listing}'")
    if server.https_url is not None:
        lines.append(
            _WITH_AZ.format(
                ca_file=quote(str(ca_file)),
                url=server.url,
                secret=quote(site.identity_secret),
                https_url=server.https_url,
                group=quote(site.place.resource_group),
                name=quote(first.name),
            )
        )
    return "\n".join(lines)
