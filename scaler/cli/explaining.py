"""`scaler explain`: a machine's story, its wait, and the decisions of the controllers; or the wanted numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from scaler.cli.environment import AsJson, Exit, Operator
from scaler.cli.explaining_capacity import explain_capacity
from scaler.cli.finding import Finder
from scaler.cli.forecast import Expected, decisions, expected, withheld
from scaler.cli.overview import awaits_health, decision_in_words, instance_id_of, scale_set_of, session_of
from scaler.cli.screen import Screen, age
from scaler.cli.story import Event, azure_ahead, endings, story
from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import Addresses, VmId
from scaler.model.machine import Machine
from scaler.model.plan import Refusal, Step
from scaler.model.plan import withheld as without_permission
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.standing import Standing

MEANS: Mapping[Standing, str] = {
    Standing.UNSEEN: "this look at Azure did not show it, and does not prove that it is gone",
    Standing.GONE: "Azure does not have it any more",
    Standing.NEW: "not marked yet, so never offered",
    Standing.ADMITTING: "marked, and not offered yet",
    Standing.STRANGER: "marked, and Redis does not say why: perhaps used, so never offered",
    Standing.READY: "Available, a visitor may have it",
    Standing.HEATED: "Available, a visitor may have it; it runs and waits (hot), or was started for that",
    Standing.CLAIMED: "Available, but an operation is under way, and nobody can reserve it meanwhile",
    Standing.UNMARKED: "offered before, and its mark is gone",
    Standing.TAINTED: "Available in Redis, and not fit to be offered",
    Standing.RESERVED: "a session waits for it",
    Standing.IN_SESSION: "a visitor is on it, or presumed to be",
    Standing.USED: "never offered again, and to be deleted",
}
_WAITS: Mapping[Standing, str] = {
    Standing.READY: "for a visitor, for as long as it takes",
    Standing.HEATED: "for a visitor, or to be ready for one",
    Standing.IN_SESSION: "for the end of the session: no limit is set",
}
_FOR_A_VISITOR = {Standing.READY, Standing.HEATED}

_What = Annotated[
    str | None,
    typer.Argument(metavar="VMID|INSTANCE|SESSION", help="The machine, or its session.", show_default=False),
]
_Capacity = Annotated[bool, typer.Option("--capacity", help="Instead: how many machines are wanted, and why.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The explanation of a machine."""

    machine: Machine
    addresses: Addresses | None
    events: tuple[Event, ...]
    now: Mapping[Actor, tuple[Step | Refusal, ...]]
    would: Mapping[Actor, tuple[Step, ...]]  # with permission; empty where nothing is withheld
    withheld: Refusal | None  # of all orders to the scale set: a pause, or no consent
    expected: Expected | None
    policy: Policy

    @property
    def in_words(self) -> Mapping[Actor, tuple[str, ...]]:
        """The decisions of each controller now, and those with permission."""
        return {
            name: (
                *map(decision_in_words, decided),
                *(f"with permission: {step.in_words}" for step in self.would.get(name, ())),
            )
            for name, decided in self.now.items()
        }


def explain(context: typer.Context, what: _What = None, capacity: _Capacity = False, as_json: AsJson = False) -> None:
    """Tell a machine's story, its wait with the end of the wait, and the decisions of the controllers now.

    Name the machine by vm id (the beginning is enough), by instance id, or by a present or past session.
    With --capacity: the wanted number of machines, the settings, windows and tags behind the number, and all that is
    held back.
    """
    operator: Operator = context.obj
    if (what is None) is not capacity or (what is not None and not what.strip()):
        raise typer.BadParameter("name a machine or a session, or say --capacity")
    if what is None:
        raise typer.Exit(explain_capacity(operator, as_json=as_json))
    look, policy = Finder(operator), operator.settings.policy
    found = [explained(look.seen_closely(machine), machine.vm_id, policy) for machine in look.named(what.strip())]
    if as_json:
        Screen().json([document(each) for each in found])
    else:
        for each in found:
            _show(Screen(), each)
    for error in look.errors:
        Screen().complain(f"not looked at: {error}")
    if look.errors:
        raise typer.Exit(Exit.NOT_DONE)


def explained(fleet: Fleet, vm_id: VmId, policy: Policy) -> Explained:
    """Explain a machine."""
    machine = fleet.by_id[vm_id]
    place, held = scale_set_of(machine), fleet.cloud.withheld
    return Explained(
        machine=machine,
        addresses=fleet.cloud.addresses.get(vm_id),
        events=story(machine),
        now=decisions(fleet, policy, vm_id),
        would=withheld(fleet, policy, vm_id),
        withheld=next((without_permission(look) for name, look in held.items() if name == place), None),
        expected=expected(fleet, policy, vm_id),
        policy=policy,
    )


def _show(screen: Screen, told: Explained) -> None:
    machine = told.machine
    where = " instance ".join(filter(None, (scale_set_of(machine), instance_id_of(machine))))
    screen.line(f"{where or 'of no known scale set'}, vm {machine.vm_id}", style="bold")
    screen.line(f"  {machine.standing}: {means(told)}")
    screen.line(f"  Azure: {_in_azure(told)}; Redis: {_in_redis(machine.stored)}")
    screen.line("story (UTC, by Redis' clock)")
    for event in told.events:
        screen.line(f"  {event.at:%Y-%m-%d %H:%M:%S}  {event.said}")
    if _is_forgotten(machine):
        screen.line("  nothing is left of it: record and notes go with a machine that is deleted")
    for line in endings(machine.stored.notes) if machine.stored.notes is not None else ():
        screen.line(f"  {'':19}  {line}")
    screen.line(f"waits {waits(told)}")
    screen.line("now")
    for name, decided in told.in_words.items():
        for said in decided or ("nothing",):
            screen.line(f"  {name:11}  {said}")


def _in_azure(told: Explained) -> str:
    instance = told.machine.instance
    if instance is None:
        return "not there" if told.machine.absence is not None else "not seen"
    said = [str(instance.power), *([str(instance.provisioning)] if not instance.settled else [])]
    said.append("marked" if instance.marked else "not marked")
    if told.addresses is not None:
        said += [
            f"{kind} {ip}"
            for kind, ip in (("public", told.addresses.public), ("private", told.addresses.private))
            if ip
        ]
    return ", ".join(said)


def _in_redis(row: Row) -> str:
    if row.is_unreadable:
        return "a record that cannot be read"
    record = row.readable
    if record is None:
        return "no record"
    return ", ".join(
        filter(
            None,
            (
                str(record.status),
                "used" if record.used else "",
                f"session {record.session_id}" if record.session_id else "",
            ),
        )
    )


def means(told: Explained) -> str:
    """The meaning of the machine's standing, and what a session waits for there."""
    more = awaits_health(told.machine, told.policy)
    return MEANS[told.machine.standing] + (f"; it {more}" if more is not None else "")


def _is_forgotten(machine: Machine) -> bool:
    """Whether Redis has nothing of the machine, and Azure did not show it: only its session still has its name."""
    return machine.instance is None and machine.stored.notes is None and machine.stored.record is None


def waits(told: Explained) -> str:
    """The machine's wait, and the end of the wait."""
    next_one = told.expected
    if _is_forgotten(told.machine):
        return "for nothing: Redis has nothing of it, and Azure did not show it"
    if next_one is None and told.withheld is not None and told.machine.standing not in _FOR_A_VISITOR:
        return f"until the scaler may act: {told.withheld.in_words}"
    if next_one is None:
        return _WAITS.get(told.machine.standing, "for something to happen: no controller does anything by itself")
    step, after = next_one.step, next_one.after
    then = f"{step.verb}: {step.why}"
    if not after:
        return f"for the next tick of the {next_one.controller}: {then}"
    until = f"{told.machine.now + after:%Y-%m-%d %H:%M:%S}"
    return f"at most {age(after)}, until {until}; then the {next_one.controller}: {then}"


def document(told: Explained) -> Mapping[str, object]:
    """For machines; times in ISO 8601."""
    machine, next_one = told.machine, told.expected
    return {
        "vm_id": machine.vm_id,
        "scale_set": scale_set_of(machine) or None,
        "instance_id": instance_id_of(machine) or None,
        "standing": machine.standing,
        "means": means(told),
        "session": session_of(machine),
        "public_ip": told.addresses.public if told.addresses is not None else None,
        "private_ip": told.addresses.private if told.addresses is not None else None,
        "azure_clock_ahead_s": round(azure_ahead(machine).total_seconds(), 1),
        "story": [{"at": each.at.isoformat(), "said": each.said} for each in told.events],
        "ended": {session: edge.name for session, edge in machine.stored.notes.ended.items()}
        if machine.stored.notes is not None
        else {},
        "waits": waits(told),
        "next": {
            "after_s": next_one.after.total_seconds(),
            "at": (machine.now + next_one.after).isoformat(),
            "controller": next_one.controller,
            "step": next_one.step.verb,
            "why": next_one.step.why,
        }
        if next_one is not None
        else None,
        "now": told.in_words,
    }
