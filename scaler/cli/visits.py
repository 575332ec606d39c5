"""`scaler reserve`, `look`, `release` and `cancel`: a session by hand, as the queue manager would."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from scaler.cli.environment import AsJson, Exit, Operator, Session, Vm
from scaler.cli.screen import Screen
from scaler.model.instance import SessionId, Tier, VmId
from scaler.model.plan import spelled
from scaler.model.row import Status
from scaler.registry.reservations import Leaving, Reservation, Reservations, check_session

_ClientIp = Annotated[str, typer.Option("--client-ip", help="The visitor's address, for the record.")]
_NOTHING_DONE = {
    Leaving.RESERVED: "reserved and never let in: `scaler cancel` ends it",
    Leaving.UNKNOWN: "no machine is known to be this session's; with --vm it may be found",
}


def reserve(context: typer.Context, session: Session, client_ip: _ClientIp = "", as_json: AsJson = False) -> None:
    """Reserve a machine for a session.

    The same machine, however often the session asks.
    """
    found = _reservations(context, session).reserve(SessionId(session), client_ip or None)
    if as_json:
        Screen().json({"reserved": asdict(found) if found is not None else None})
    elif found is not None:
        Screen().line(f"reserved  {_spelled(found)}")
    else:
        Screen().complain("no machine is free")
    if found is None:
        raise typer.Exit(Exit.NOT_DONE)


def look(context: typer.Context, session: Session, vm: Vm = None, as_json: AsJson = False) -> None:
    """Tell where a session is.

    reserved, open, refused, ended or unknown.
    """
    sight = _reservations(context, session).look(SessionId(session), _vm_id(vm))
    if as_json:
        Screen().json(asdict(sight))
        return
    machine = _spelled(sight.reservation) if sight.reservation is not None else ""
    more = {
        "phase": sight.phase,
        "expected": _time(sight.expected_ready_at),
        "ends": _time(sight.ends_at),
        "because": sight.ended_because,
    }
    Screen().line("  ".join(filter(None, (sight.stage, machine, spelled(more), sight.reason))))


def release(context: typer.Context, session: Session, vm: Vm = None, as_json: AsJson = False) -> None:
    """End a session that was let in.

    The machine is used from now on, and will be deleted.
    """
    _left(_reservations(context, session).release(SessionId(session), _vm_id(vm), by_hand=True), as_json)


def cancel(context: typer.Context, session: Session, vm: Vm = None, as_json: AsJson = False) -> None:
    """Give a session up, at any stage.

    A machine whose start was not ordered yet is free again; any other machine is used from now on.
    """
    _left(_reservations(context, session).cancel(SessionId(session), _vm_id(vm), by_hand=True), as_json)


def _reservations(context: typer.Context, session: str) -> Reservations:
    operator: Operator = context.obj
    try:
        check_session(SessionId(session))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="SESSION") from None
    registry = operator.doors.registry
    return Reservations(registry.client, registry.keys)


def _vm_id(text: str | None) -> VmId | None:
    return VmId(text.strip().lower()) if text else None


def _left(what: Leaving, as_json: bool) -> None:
    if as_json:
        Screen().json({"left": what})
    elif what in _NOTHING_DONE:
        Screen().complain(_NOTHING_DONE[what])
    else:
        Screen().line(what)
    if what in _NOTHING_DONE:
        raise typer.Exit(Exit.NOT_DONE)


def _time(moment: datetime | None) -> str:
    return f"{moment:%H:%M:%S}" if moment is not None else ""


def _spelled(machine: Reservation) -> str:
    waits = machine.status is not Status.UNAVAILABLE  # once it is open, its record tells no more that it was hot
    return f"{machine.vm_id}  " + spelled(
        {
            "instance": machine.instance_id,
            "status": machine.status,
            "tier": Tier.of(warm=machine.warm, hot=machine.hot_since is not None) if waits else "",
            "region": machine.region,
            "public_ip": machine.public_ip,
            "private_ip": machine.private_ip,
        }
    )
