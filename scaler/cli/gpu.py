"""`scaler gpu`: how busy the GPU of each session is, as the exporters on the machines tell it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from scaler.cli.environment import AsJson, Exit, Operator
from scaler.cli.exporters import Figure, Unread, read
from scaler.cli.overview import instance_id_of, look_at_redis, scale_set_of, session_of
from scaler.cli.screen import Screen
from scaler.cli.streams import allocated, tier_in_words
from scaler.model.instance import VmId
from scaler.model.machine import Machine
from scaler.model.row import Status
from scaler.registry.rights import READER

_AT_ONCE = 32  # exporters that are asked at the same time: fifty that hang are a matter of ten seconds
_COLUMNS = ("id", "vm", "tier", "session", "gpu", "encoder", "memory", "exporter")

type Answer = Mapping[Figure, float] | Unread

_Port = Annotated[
    int,
    typer.Option(
        "--port",
        min=1,
        max=65535,
        help="Where the exporters listen: 9400 (DCGM), 9835 (nvidia_gpu_exporter), 9182 (windows_exporter).",
    ),
]
_From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="VM=PLACE", help="A machine's exporter as an http address, or its text in a file."),
]
_Targets = Annotated[
    Path | None,
    typer.Option(
        "--targets",
        metavar="FILE",
        help="Ask nobody: write the addresses with their vm ids for the file_sd_configs of Prometheus.",
        dir_okay=False,
    ),
]


def gpu(
    context: typer.Context,
    port: _Port = 9400,
    places: _From = None,
    targets: _Targets = None,
    as_json: AsJson = False,
) -> None:
    """Show how busy the GPU of each session is: use, video encoder, memory.

    Asks Redis which machine is whose, and then the exporter on each machine that a visitor is on.
    """
    operator: Operator = context.obj
    registry, screen = operator.doors.registry, Screen()
    registry.check(READER)
    machines = look_at_redis(registry, operator.settings.policy).machines
    exporters = _addresses(machines, port) | _named(places or (), machines)
    if targets is not None:
        _write(screen, exporters, targets)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(exporters, pool.map(_asked, exporters.values()), strict=True))
    shown = [machine for machine in machines if machine.vm_id in answers]
    if as_json:
        screen.json([_document(machine, exporters[machine.vm_id], answers[machine.vm_id]) for machine in shown])
    else:
        screen.table(_COLUMNS, (_row(screen, each, exporters, answers) for each in shown), {"session": 12})
    silent = [f"{answer} (machine {vm_id})" for vm_id, answer in answers.items() if isinstance(answer, Unread)]
    silent += [
        f"{each.vm_id}: Redis has no address of it; name its exporter: --from {each.vm_id}=http://HOST:{port}/metrics"
        for each in machines
        if _is_open(each) and each.vm_id not in exporters
    ]
    for said in silent:
        screen.complain(said)
    if silent:
        raise typer.Exit(Exit.NOT_DONE)


def _is_open(machine: Machine) -> bool:
    record = machine.stored.readable
    return bool(allocated(machine)) and record is not None and record.status is Status.UNAVAILABLE


def _addresses(machines: Iterable[Machine], port: int) -> dict[VmId, str]:
    """The exporters of the open machines, by the addresses in their records."""
    hosts = {machine.vm_id: _host(machine) for machine in machines if _is_open(machine)}
    return {vm_id: f"http://{host}:{port}/metrics" for vm_id, host in hosts.items() if host}


def _host(machine: Machine) -> str:
    """The private address, else the public one. Others may write the record: anything but an address is passed over."""
    record = machine.stored.readable
    for text in (record.private_ip, record.public_ip) if record is not None else ():
        try:
            address = ip_address(text or "")
        except ValueError:
            continue
        if not address.is_unspecified and not address.is_link_local:  # the metadata service of Azure is link-local
            return f"[{address.compressed}]" if isinstance(address, IPv6Address) else str(address)
    return ""


def _named(places: Iterable[str], machines: Sequence[Machine]) -> dict[VmId, str]:
    """The exporters that the operator names, by the beginning of a vm id that is only one machine's."""
    found: dict[VmId, str] = {}
    for each in places:
        name, _, place = each.partition("=")
        meant = [machine.vm_id for machine in machines if name and machine.vm_id.startswith(name.lower())]
        if len(meant) != 1 or not place:
            raise typer.BadParameter(
                f"{each[:200]!r} names no machine, or several; write VM=PLACE, with a vm id of `scaler status`",
                param_hint="--from",
            )
        found[meant[0]] = place
    return found


def _asked(place: str) -> Answer:
    try:
        return read(place)
    except Unread as unread:
        return unread


def _row(
    screen: Screen, machine: Machine, exporters: Mapping[VmId, str], answers: Mapping[VmId, Answer]
) -> tuple[str, ...]:
    answer = answers[machine.vm_id]
    told = {} if isinstance(answer, Unread) else answer
    shares = (f"{told[each]:.0%}" if each in told else "–" for each in (Figure.USE, Figure.ENCODER))
    memory = f"{told[Figure.MEMORY] / 2**30:.1f} GiB" if Figure.MEMORY in told else "–"
    vm, session = screen.vm(machine.vm_id), session_of(machine) or "–"
    return (
        instance_id_of(machine) or "–",
        vm,
        tier_in_words(machine) or "–",
        session,
        *shares,
        memory,
        exporters[machine.vm_id],
    )


def _document(machine: Machine, place: str, answer: Answer) -> Mapping[str, object]:
    told = {} if isinstance(answer, Unread) else answer
    return {
        "vm": machine.vm_id,
        "scale_set": scale_set_of(machine),
        "tier": tier_in_words(machine),
        "session": session_of(machine),
        "gpu_ratio": told.get(Figure.USE),
        "encoder_ratio": told.get(Figure.ENCODER),
        "memory_bytes": told.get(Figure.MEMORY),
        "exporter": place,
        "error": str(answer) if isinstance(answer, Unread) else None,
    }


def _write(screen: Screen, exporters: Mapping[VmId, str], file: Path) -> None:
    """Write the targets under another name and rename the file: Prometheus never reads half of it."""
    addresses = {vm_id: urlsplit(place).netloc for vm_id, place in exporters.items()}
    targets = [{"targets": [address], "labels": {"vm": vm_id}} for vm_id, address in addresses.items() if address]
    half = file.with_name(f".{file.name}.new")
    try:
        half.write_text(json.dumps(targets, indent=2) + "\n", encoding="utf-8")
        half.replace(file)
    except OSError as error:
        screen.complain(f"{file}: cannot be written ({error.strerror}); name a file in a folder that you may write to")
        raise typer.Exit(Exit.NOT_DONE) from None
