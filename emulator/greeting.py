"""What `python -m emulator` says once it listens: addresses, and lines that can be pasted into a shell."""

from pathlib import Path
from shlex import quote

from emulator.wire.server import RunningServer

_WITH_AZ = """
The real az, in a terminal of its own (these settings leave yours alone):
  export AZURE_CONFIG_DIR="$(mktemp -d)" AZURE_CORE_COLLECT_TELEMETRY=false
  export REQUESTS_CA_BUNDLE={ca_file}
  export IDENTITY_ENDPOINT={url}/msi/token IDENTITY_HEADER={secret}
  az cloud register --name Emulated --endpoint-resource-manager {https_url}
  az cloud set --name Emulated
  az login --identity
  az vmss list-instances -g {group} -n {name} --expand instanceView"""


def greeting(server: RunningServer, ca_file: Path) -> str:
    """Where it is, and how to ask it."""
    site = server.site
    first = site.scale_sets[0]
    listing = f"{server.url}{site.set_id(first)}/virtualMachines?api-version=2025-04-01&$expand=instanceView"
    named = ", ".join(f"{each.name} ({each.capacity} VMs)" for each in site.scale_sets)
    lines = [f"emulator: {named} in resource group {site.place.resource_group}", f"  {server.url}"]
    if server.https_url is not None:
        lines.append(f"  {server.https_url}, whose certificate {ca_file} vouches for")
    for each in site.identities.assigned:
        if each.resource_id is not None:
            name = each.resource_id.rpartition("/")[2]
            lines.append(f"  identity {name}: client id {each.client_id}, object id {each.object_id}")
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
