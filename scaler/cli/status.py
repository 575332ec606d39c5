"""`scaler status`: each scale set, and each machine in a row; at one moment, from Redis and Azure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Annotated, NoReturn

import typer

from scaler.cli import alive
from scaler.cli.environment import AsJson, Exit, Operator
from scaler.cli.overview import (
    Overview,
    age_of,
    instance_id_of,
    left_of,
    look,
    noted,
    scale_set_of,
    session_of,
    tier_of,
)
from scaler.cli.pausing import halts
from scaler.cli.screen import Screen, age
from scaler.model.capacity import Demand, Wanted
from scaler.model.edges import Actor
from scaler.model.instance import ProvisioningState, ScaleSetName
from scaler.model.machine import Machine
from scaler.model.plan import counted
from scaler.model.policy import Mode, Policy
from scaler.model.price import affordable, cost_facts, cost_of
from scaler.model.row import Status
from scaler.model.scarcity import Ceiling, creating_stops_until
from scaler.model.sighting import Pause, ScaleSetView
from scaler.model.signs import Sign
from scaler.model.standing import Standing
from scaler.model.tags import as_documented
from scaler.registry.rights import READER
from scaler.settings import Settings

_EVERY = timedelta(seconds=30)  # Azure grants ten listings a minute, and the scaler itself may take six of them
_COLUMNS = ("id", "vm", "status", "power", "mark", "tier", "session", "ends in", "address", "age", "notes")
_FOLD = {"status": len(Status.UNAVAILABLE), "session": 12, "notes": 10}

_Watch = Annotated[bool, typer.Option("--watch", help="Look again every 30 seconds, until Ctrl-C.")]
_Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help=f"A probe: nothing but whether the controllers tick and what is wrong; ends with {Exit.ALARM} on an alarm,"
        f" {Exit.LATE} where a controller is late. Asks Redis alone, so call it as often as you like.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The machines that an operator wants to see; the empty filter: all."""

    only: str | None = None  # a scale set, or a standing
    session: str | None = None

    def shows(self, machine: Machine) -> bool:
        """Whether the machine passes the filter."""
        notes = machine.stored.notes
        ended = notes.ended if notes is not None else {}
        return self.only in {None, scale_set_of(machine), machine.standing} and (
            self.session is None or self.session == session_of(machine) or self.session in ended
        )


_Only = Annotated[
    str | None,
    typer.Option(
        "--only", metavar="WHICH", help="Only machines of this scale set, or with this standing: `in session`."
    ),
]
_Session = Annotated[str | None, typer.Option("--session", metavar="ID", help="Only the machine of this session.")]


def status(
    context: typer.Context,
    as_json: AsJson = False,
    watch: _Watch = False,
    check: _Check = False,
    only: _Only = None,
    session: _Session = None,
) -> None:
    """Show when each controller ticked, each scale set, and each machine.

    From Redis, Azure and the notes: status, power, mark, tier (hot, warm or cold), session with the time left to its
    limit, address, age of this state, and the scaler's decisions.
    """
    operator: Operator = context.obj
    settings, registry, screen = operator.settings, operator.doors.registry, Screen()
    if only is not None and only.lower() not in {*settings.scale_sets, *Standing}:
        raise typer.BadParameter(f"--only: no scale set and no standing ({', '.join(Standing)}): {only[:80]!r}")
    wanted = Filter(only=only and only.lower(), session=session)
    registry.check(READER)
    if check:
        _probe(screen, registry.signs(), as_json=as_json)
    ports = operator.doors.ports("status")
    while True:
        overview = look(ports, registry, settings.policy, operator.doors.listings.store)
        overview = replace(overview, machines=tuple(filter(wanted.shows, overview.machines)))
        if as_json:
            screen.json(document(overview, settings))
        else:
            _show(screen, overview, settings)
        if not watch:
            break
        ports.clock.sleep(_EVERY)
        screen.clear()
    if session is not None and not overview.machines:
        screen.complain(f"no machine of session {session[:80]!r} is shown; `scaler status` shows all machines")
    if overview.errors or (session is not None and not overview.machines):
        raise typer.Exit(Exit.NOT_DONE)


def _probe(screen: Screen, signs: Mapping[Actor, Sign], *, as_json: bool) -> NoReturn:
    """Tell the verdict about the controllers, and end with its exit status."""
    ends, sentences = alive.verdict(signs)
    if as_json:
        screen.json({"verdict": ends.name.lower(), "said": sentences, "controllers": alive.document(signs)})
    else:
        for sentence in sentences:
            screen.line(sentence)
    raise typer.Exit(ends)


def _show(screen: Screen, overview: Overview, settings: Settings) -> None:
    screen.line(_counted(overview), style="bold")
    screen.line(alive.in_one_line(overview.signs))
    for trouble in alive.troubles(overview.signs):
        screen.line(trouble.said, style="bold red" if trouble.exit is not None else "yellow")
    halted = {"the registry": overview.snapshot.pause, "SCALER_PAUSED": settings.policy.pause}
    for where, how in halted.items():
        if how is not Pause.NONE:
            screen.line(f"paused by {where}: {halts(how)}", style="yellow")
    for unread in overview.unread:
        screen.line(unread, style="yellow")
    for name in (*settings.scale_sets, *_elsewhere(overview, settings)):
        machines = [machine for machine in overview.machines if scale_set_of(machine) == name]
        screen.line("")
        _head(screen, name, overview, settings.policy)
        if machines:
            screen.table(_COLUMNS, (_row(screen, machine, settings.policy) for machine in machines), _FOLD)
    for complaint in overview.snapshot.complaints:
        screen.complain(f"{complaint.key}: {complaint.why}")
    for error in overview.errors:
        screen.complain(f"not looked at: {error}")


def _counted(overview: Overview) -> str:
    """The number of machines, in all and by standing."""
    counts = Counter(str(machine.standing) for machine in overview.machines)
    total = len(overview.machines)
    kinds = ", ".join(f"{number} {standing}" for standing, number in sorted(counts.items()))
    return f"{counted(total, 'machine')}{': ' if kinds else ''}{kinds}"


def _elsewhere(overview: Overview, settings: Settings) -> list[ScaleSetName]:
    """Scale sets that only Redis knows; the empty name stands for records without notes."""
    return sorted(set(map(scale_set_of, overview.machines)) - set(settings.scale_sets))


def _head(screen: Screen, name: ScaleSetName, overview: Overview, policy: Policy) -> None:
    wants, view = overview.wants.get(name), overview.views.get(name)
    if wants is None:
        screen.line(f"{name or 'of no known scale set'}  not in AZURE_VMSS_NAME", style="yellow")
        return
    if view is None:
        screen.line(f"{name}  not looked at", style="yellow")
        return
    capacity = overview.demand[name].capacity
    running = overview.running.get(name)
    number, warm = (running.machines, running.facts.get("warm")) if running else (wants.machines, overview.warm[name])
    hot = f", {overview.hot[name]} hot" if overview.hot.get(name) else ""
    wanted = f"wanted {number} ({warm} warm{hot})"
    screen.line(f"{name}  capacity {view.capacity}, {wanted}, etag {view.etag or '–'}", style="bold")
    if capacity.mode is not Mode.FIXED or capacity.because or name in policy.weights:
        screen.line(f"wanted: {running.why}" if running else f"wanted by this look alone: {wants.why}")
    for unused in _unused_tags(view, overview.demand[name]):
        screen.line(unused, style="yellow")
    cost = cost_of(overview.demand[name])
    if cost is not None:
        screen.line(f"costs {cost.in_words(policy.currency)}")
    for line in _limited(overview.demand[name], wants, policy):
        screen.line(line, style="bold red")
    for line in _failed(name, overview):
        screen.line(line, style="red")
    if view.managed_by != policy.managed_by:
        said = f"is {view.managed_by!r}" if view.managed_by is not None else "is not there"
        screen.line(f"no consent: the tag scaler:managed {said}, SCALER_NAME is {policy.managed_by!r}", style="yellow")
    if view.pause is not Pause.NONE:
        screen.line(
            f"paused by a tag of it, of its resource group, or of App Configuration: {halts(view.pause)}",
            style="yellow",
        )


def _unused_tags(view: ScaleSetView, demand: Demand) -> Iterator[str]:
    """Tags without an effect, and why."""
    for bad in demand.tags.bad:
        said = f"{as_documented(bad.name)}={bad.value!r}"
        yield f"the {bad.source.of(view.name)} {said} cannot be used; expected {bad.expected}"


def _limited(demand: Demand, wants: Wanted, policy: Policy) -> Iterator[str]:
    """The limits by failed creations and by the monthly budget, as far as these hold anything back."""
    until = creating_stops_until(demand, policy)
    if until is not None:
        yield (
            f"{counted(len(demand.failures), 'creation')} failed lately: nothing is created before"
            f" {until:%H:%M:%S} UTC; mend the cause, and delete the Failed machines to go on at once"
        )
    holds, budget = affordable(demand), demand.capacity.budget
    if demand.warm_held:
        yield f"the monthly budget of {budget:.12g} keeps {counted(demand.warm_held, 'wanted machine')} from being warm"
    if holds is not None and holds < wants.machines:
        yield f"the monthly budget of {budget:.12g} holds {holds} of the {counted(wants.machines, 'wanted machine')}"


def _failed(name: ScaleSetName, overview: Overview) -> Iterator[str]:
    """What Azure lately refused, and the latest failure of each kind of order."""
    refused = _refused(name, overview)
    if refused is not None:
        yield (
            f"Azure has no room for {counted(refused.refused, 'machine')} ({refused.failure}); all that are wanted are"
            f" asked for again at {refused.until:%H:%M:%S} UTC: {refused.said}"
        )
    yield from alive.failed_orders(overview.signs, name)


def _refused(name: ScaleSetName, overview: Overview) -> Ceiling | None:
    """Why a scale set is below the wanted number; past reasons are left out."""
    view, ceiling = overview.views.get(name), overview.ceilings.get(name)
    return ceiling if view is not None and view.capacity < overview.wants[name].machines else None


def _row(screen: Screen, machine: Machine, policy: Policy) -> tuple[str, ...]:
    row, record, instance, since = machine.stored, machine.stored.readable, machine.instance, age_of(machine)
    left = left_of(machine, policy)
    status = "unreadable" if row.is_unreadable else str(row.status or "–")
    power = str(instance.power) if instance is not None else "–"
    unusual = instance is not None and instance.provisioning is not ProvisioningState.SUCCEEDED
    return (
        instance_id_of(machine) or "–",
        screen.vm(machine.vm_id),
        f"{status} used" if record is not None and record.used else status,
        f"{power} ({instance.provisioning})" if unusual and instance is not None else power,
        "–" if instance is None else "yes" if instance.marked else "no",
        str(tier_of(machine) or ""),
        session_of(machine) or "",
        age(left) if left is not None else "",
        (record.public_ip or record.private_ip or "") if record is not None else "",
        age(since) if since is not None else "",
        "; ".join(noted(machine, policy)),
    )


def document(overview: Overview, settings: Settings) -> Mapping[str, object]:
    """The status as JSON: names as in the code, times in ISO 8601."""
    return {
        "now": overview.snapshot.now.isoformat(),
        "controllers": alive.document(overview.signs),
        "paused": {"registry": overview.snapshot.pause, "settings": settings.policy.pause},
        "scale_sets": [_scale_set(name, overview, settings.policy) for name in settings.scale_sets],
        "machines": [_machine(machine, settings.policy) for machine in overview.machines],
        "complaints": [asdict(complaint) for complaint in overview.snapshot.complaints],
        "errors": [str(error) for error in overview.errors],
    }


def _scale_set(name: ScaleSetName, overview: Overview, policy: Policy) -> Mapping[str, object]:
    view, wants, refused = overview.views.get(name), overview.wants[name], _refused(name, overview)
    return {
        "name": name,
        "wanted": wants.machines,
        "because": wants.why,
        "demand": wants.facts,
        "wanted_warm": overview.warm[name],
        "wanted_hot": overview.hot.get(name, 0),
        "running": asdict(overview.running[name]) if name in overview.running else None,
        "tags": {as_documented(tag): said.value for tag, said in overview.demand[name].tags.good.items()},
        "bad_tags": [asdict(bad) for bad in overview.demand[name].tags.bad],
        "failed_creations": len(overview.demand[name].failures),
        "cost": cost_facts(overview.demand[name], policy.currency) or None,
        "capacity": view.capacity if view is not None else None,
        "etag": view.etag if view is not None else None,
        "managed_by": view.managed_by if view is not None else None,
        "consent": view.managed_by == policy.managed_by if view is not None else None,
        "paused": view.pause if view is not None else None,
        "refused": _refusal(refused) if refused is not None else None,
    }


def _refusal(ceiling: Ceiling) -> Mapping[str, object]:
    return {
        "machines": ceiling.refused,
        "failure": ceiling.failure,
        "until": ceiling.until.isoformat(),
        "azure": ceiling.said,
    }


def _machine(machine: Machine, policy: Policy) -> Mapping[str, object]:
    row, record, instance, since = machine.stored, machine.stored.readable, machine.instance, age_of(machine)
    left = left_of(machine, policy)
    return {
        "vm_id": machine.vm_id,
        "instance_id": instance_id_of(machine) or None,
        "scale_set": scale_set_of(machine) or None,
        "standing": machine.standing,
        "status": row.status,
        "used": record.used if record is not None else None,
        "index": sorted(row.index),
        "power": instance.power if instance is not None else None,
        "provisioning": instance.provisioning if instance is not None else None,
        "marked": instance.marked if instance is not None else None,
        "tier": tier_of(machine),
        "session": session_of(machine),
        "ends_in_s": round(left.total_seconds(), 1) if left is not None else None,
        "public_ip": record.public_ip if record is not None else None,
        "private_ip": record.private_ip if record is not None else None,
        "age_s": round(since.total_seconds(), 1) if since is not None else None,
        "notes": list(noted(machine, policy)),
    }
