"""Processor time of a listing through the scaler's door, beside the same pages over a bare connection."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from email.utils import formatdate
from functools import partial
from gc import collect
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from time import monotonic, process_time, sleep

from benchmarks.calls import Token
from benchmarks.rows import Row, in_turn
from benchmarks.slow import Slow, in_a_process
from scaler.vmss import translate
from scaler.vmss.calls import API_VERSION
from scaler.vmss.client import connect
from scaler.vmss.gates import Budget, Gates
from scaler.vmss.scale_set import ArmScaleSet

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/pixels"
LIST = f"{SET}/virtualMachines?$expand=instanceView&api-version={API_VERSION}"
ROUNDS = 15
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


def pages(machines: int, size: int) -> list[bytes]:
    """All of them, so many to a page, indented as ARM does it. A page's `nextLink` ends with the number of the next."""
    numbers = [range(first, min(first + size, machines)) for first in range(0, machines, size)]
    bodies = [{"value": [vm(number) for number in each]} for each in numbers]
    links = [{"nextLink": f"{{base}}{LIST}&$skiptoken={number}"} for number in range(1, len(bodies))] + [{}]
    return [json.dumps(body | link, indent=2).encode() for body, link in zip(bodies, links, strict=True)]


def serve(told: Connection, machines: int, size: int) -> None:
    """Serve the pages. In a process of its own, since this work is not counted."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that ends its connection is no error."""

    with Server(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        bodies = [each.replace(b"{base}", base.encode()) for each in pages(machines, size)]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                _, _, number = self.path.partition("&$skiptoken=")
                body = bodies[int(number or 0)]
                self.send_response_only(200)
                for header, value in (("Date", formatdate(usegmt=True)), ("Content-Type", "application/json")):
                    self.send_header(header, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server.RequestHandlerClass = Handler
        told.send(server.server_address[1])
        server.serve_forever()


class RealClock:
    """The process's."""

    def monotonic(self) -> float:
        return monotonic()

    def sleep(self, duration: timedelta) -> None:
        sleep(duration.total_seconds())


def bare(connection: HTTPConnection) -> int:
    """The same pages over one connection, decoded as narrowly as the scaler does it; how many machines."""
    number, found = 0, 0
    while True:
        connection.request("GET", f"{LIST}&$skiptoken={number}", headers={"Authorization": "Bearer a-token"})
        page = translate.VMS.decode(connection.getresponse().read())
        found += len(page.value)
        if not page.next_link:
            return found
        number += 1


def milliseconds(work: Callable[[], object]) -> float:
    """Of this process. The garbage of what took its turn before is not counted."""
    collect()
    before = process_time()
    work()
    return (process_time() - before) * 1e3


def figures(slow: Slow) -> Iterator[Row]:
    """A listing through the scaler's door, and over a bare connection."""
    machines, size = (slow.machines, slow.page) if slow.page else (slow.machines, slow.machines)
    with in_a_process(serve, machines, size) as port, closing(HTTPConnection("127.0.0.1", port)) as connection:
        client, clock = connect(SUBSCRIPTION, Token(), endpoint=f"http://127.0.0.1:{port}"), RealClock()
        with closing(client):
            door = ArmScaleSet(client, "rg", "pixels", clock=clock, gates=Gates(clock, Budget(pages_a_minute=1e6)))
            assert len(door.list_instances().instances) == bare(connection) == machines
            ways = (door.list_instances, partial(bare, connection))
            ours, floor = in_turn(ROUNDS, *(partial(milliseconds, way) for way in ways))
    pages = "one page" if size == machines else f"pages of {size:,}"
    yield Row(name=f"a listing of {machines:,} machines, {pages}", unit="ms", ours=ours, floor=floor, goal=2)
