"""CPU time of one listing through the scaler's door, through the SDK's own list(), and over bare HTTP, side by side.

python -m benchmarks.listing [machines] [repetitions]: prints the medians, and the medians of the ratios of one run.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from email.utils import formatdate
from functools import partial
from gc import collect
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from time import monotonic, process_time, sleep
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken

from benchmarks.rows import Row as Figure
from benchmarks.rows import in_turn
from scaler.vmss.client import ArmClient, connect
from scaler.vmss.gates import Budget, Gates
from scaler.vmss.scale_set import ArmScaleSet
from scaler.vmss.translate import VMS

MACHINES, ROUNDS = 1000, 15
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/pixels"
TIME = "2026-01-01T10:00:00.1234567+00:00"

ADDRESS = {"name": "ip", "properties": {"primary": True, "subnet": {"id": f"{SET}/subnets/default"}}}
NETWORK = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [ADDRESS] * 2}}


def view(disk: str) -> dict[str, object]:
    """The instance view of a deallocated machine: states, agent, disks and extensions."""
    status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready", "time": TIME}
    power = {"code": "PowerState/deallocated", "level": "Info", "displayStatus": "VM deallocated"}
    handler = {"type": "driver", "typeHandlerVersion": "1.9", "status": status}
    return {
        "statuses": [status, power],
        "vmAgent": {"vmAgentVersion": "2.7", "statuses": [status], "extensionHandlers": [handler] * 3},
        "disks": [{"name": disk, "statuses": [status]}] * 2,
        "extensions": [{"name": "driver", "type": "driver", "statuses": [status]}] * 3,
    }


def vm(number: int) -> dict[str, object]:
    """A GPU machine as ARM writes it, with what the scaler skips: about 9 KB."""
    name = f"{SET}/virtualMachines/{number}"
    disk = {
        "osType": "Windows",
        "name": f"pixels_{number}_OsDisk",
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "managedDisk": {"storageAccountType": "Premium_LRS", "id": f"{name}/disks/os"},
        "diskSizeGB": 256,
    }
    extension = {
        "name": "driver",
        "id": f"{name}/extensions/driver",
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "location": "westeurope",
        "properties": {"autoUpgradeMinorVersion": True, "provisioningState": "Succeeded", "publisher": "Microsoft.Hpc"},
    }
    return {
        "name": f"pixels_{number}",
        "id": name,
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "location": "westeurope",
        "instanceId": str(number),
        "sku": {"name": "Standard_NV12ads_A10_v5", "tier": "Standard"},
        "properties": {
            "vmId": f"00000000-0000-0000-0000-{number:012d}",
            "provisioningState": "Succeeded",
            "timeCreated": TIME,
            "latestModelApplied": True,
            "hardwareProfile": {"vmSize": "Standard_NV12ads_A10_v5"},
            "storageProfile": {"imageReference": {"id": f"{SET}/images/pixels"}, "osDisk": disk, "dataDisks": [disk]},
            "osProfile": {"computerName": f"pixels{number:06d}", "adminUsername": "pixels", "secrets": []},
            "networkProfile": {"networkInterfaces": [{"id": f"{name}/networkInterfaces/nic"}]},
            "networkProfileConfiguration": {"networkInterfaceConfigurations": [NETWORK]},
            "protectionPolicy": {"protectFromScaleIn": True},
            "instanceView": view(f"pixels_{number}_OsDisk"),
        },
        "resources": [extension] * 3,
    }


def page(machines: int) -> bytes:
    """One page with all of them, indented as ARM does it."""
    return json.dumps({"value": [vm(number) for number in range(machines)]}, indent=2).encode()


def serve(machines: int, told: Connection) -> None:
    """A process of its own: its work is not counted."""
    body = page(machines)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response_only(200)
            for header, value in (("Date", formatdate(usegmt=True)), ("Content-Type", "application/json")):
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.send((server.server_address[1], len(body)))
        server.serve_forever()


class Token:
    """A credential that costs nothing."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken("a-token", 4_000_000_000)


class RealClock:
    """The process's."""

    def monotonic(self) -> float:
        return monotonic()

    def sleep(self, duration: timedelta) -> None:
        sleep(duration.total_seconds())


@contextmanager
def served(machines: int) -> Iterator[tuple[ArmClient, int]]:
    """A client of such a server, and the size of its page."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(machines, theirs), daemon=True)
    process.start()
    try:
        port, size = ours.recv()
        client = connect(SUBSCRIPTION, Token(), endpoint=f"http://127.0.0.1:{port}")
        with closing(client.sdk):
            yield client, size
            process.terminate()  # before the client hangs up: it resets its connections
    finally:
        process.terminate()
        process.join()


def by_the_sdk(client: ArmClient) -> int:
    """What the scaler would do without a door of its own: the same facts from the SDK's models."""
    rows = client.sdk.virtual_machine_scale_set_vms.list("rg", "pixels", expand="instanceView", enforce_https=False)
    facts = [
        (each.instance_id, each.vm_id, each.provisioning_state, [status.code for status in each.instance_view.statuses])
        for each in rows
    ]
    return len(facts)


def by_bare_http(connection: HTTPConnection) -> int:
    """The floor: the same bytes and the same decoding, and nothing else."""
    connection.request("GET", "/", headers={"Authorization": "Bearer a-token"})
    return len(VMS.decode(connection.getresponse().read()).value)


def cpu_of(work: Callable[[], object]) -> float:
    """Milliseconds of this process. The garbage of whatever took its turn before is not counted."""
    collect()
    before = process_time()
    work()
    return (process_time() - before) * 1000


@contextmanager
def ways(machines: int) -> Iterator[tuple[Mapping[str, Callable[[], int]], int]]:
    """The door's listing, the SDK's and the floor, each of which finds all machines; and the size of the page."""
    with served(machines) as (client, size), closing(HTTPConnection(urlsplit(client.endpoint).netloc)) as connection:
        clock = RealClock()
        door = ArmScaleSet(client, "rg", "pixels", clock=clock, gates=Gates(clock, Budget(pages_a_minute=1e6)))
        found: dict[str, Callable[[], int]] = {
            "door": lambda: len(door.list_instances().instances),
            "sdk": lambda: by_the_sdk(client),
            "bare": lambda: by_bare_http(connection),
        }
        assert {way() for way in found.values()} == {machines}
        yield found, size


def figures() -> Iterator[Figure]:
    """The door's listing of 1,000 machines beside the floor."""
    with ways(MACHINES) as (found, _):
        door, bare = in_turn(ROUNDS, partial(cpu_of, found["door"]), partial(cpu_of, found["bare"]))
    yield Figure(name=f"listing {MACHINES:,} machines, CPU", unit="ms", ours=door, floor=bare, goal=2)


def main(machines: int, repetitions: int) -> None:
    """All ways in turn, so that a busy machine is busy for all of them."""
    with ways(machines) as (found, size):
        rounds = [{name: cpu_of(way) for name, way in found.items()} for _ in range(repetitions)]
    door = median(each["door"] for each in rounds)
    print(f"{machines} machines, {size / machines / 1000:.1f} KB each, median of {repetitions}, CPU of this process:")
    print(f"door {door:.1f} ms ({door / machines * 1000:.0f} us a machine)")
    print(f"{median(each['door'] / each['bare'] for each in rounds):.2f} x bare HTTP and the same decoding")
    print(f"SDK list(): {median(each['sdk'] / each['door'] for each in rounds):.0f} x the door")


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m benchmarks.listing", description=__doc__)
    parser.add_argument("machines", type=int, nargs="?", default=MACHINES, help="(%(default)s)")
    parser.add_argument("repetitions", type=int, nargs="?", default=7, help="(%(default)s)")
    main(**vars(parser.parse_args()))
