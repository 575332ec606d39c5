"""`scaler renew`, `spend`, `hold` and `unhold`: single machines, by their vm ids."""

import shlex
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from scaler.cli.by_hand import ByHand
from scaler.cli.environment import AsJson, Operator, Yes
from scaler.cli.screen import Screen
from scaler.controllers import by_name
from scaler.errors import Refused
from scaler.model.instance import VmId
from scaler.model.plan import Refusal
from scaler.settings.reader import duration_of
from scaler.tick import Decide, Tick

_WHOLE = 36  # characters of a vm id


def _duration(text: str) -> timedelta:
    """A duration as the settings take it. Raises BadParameter."""
    found = duration_of(text.strip())
    if found is None:
        raise typer.BadParameter(f"expected a duration such as 90s, 15m or 2h, not {text[:80]!r}")
    return found


_Machines = Annotated[
    list[str] | None, typer.Argument(metavar="VMID", help="The machines' vm ids.", show_default=False)
]
_Stale = Annotated[bool, typer.Option("--stale", help="Those that are not of the scale set's latest model.")]
_OlderThan = Annotated[
    timedelta | None,
    typer.Option(
        "--older-than",
        metavar="AGE",
        parser=_duration,
        help="Those that have been Available for so long: 90s, 15m, 2h.",
        show_default=False,
    ),
]


def renew(
    context: typer.Context,
    machines: _Machines = None,
    stale: _Stale = False,
    older_than: _OlderThan = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Ask for Available machines to be replaced.

    The cleaner takes back machine after machine while enough others are ready, and new machines are made. Until then a
    visitor may still get such a machine. Machines in a session are left alone.
    """
    operator: Operator = context.obj
    which = by_name.Renewed(named=_vm_ids(machines or ()), older_than=older_than, outdated=stale)
    if which == by_name.Renewed():
        raise typer.BadParameter("say which machines: their vm ids, --older-than AGE, or --stale")
    ports, policy = operator.doors.ports("renew"), operator.settings.policy
    tick = Tick(partial(by_name.renew, which=which), ports, policy)
    refusals = tick.plan().plan.refusals
    unknown = [str(refusal.vm_id) for refusal in refusals]
    if unknown:
        raise Refused(
            f"not Available, so nothing was done: {', '.join(unknown)[:200]}; {_where(refusals)}"
            " (a machine in a session is deleted after the session anyway)"
        )
    change = ByHand(
        title="renew",
        question="Shall these be replaced, one after another?",
        look=tick.plan,
        ports=ports,
        policy=policy,
        afterwards="Noted. The cleaner takes each back as long as enough others are ready: as many as are wanted, or"
        " one less where no further machine is made first; never the last. A new machine takes some five minutes, so"
        " many take hours. While the scaler is paused nothing happens. `scaler status` shows what is left.",
    )
    change.run(Screen(), yes=yes, as_json=as_json)


_Named = Annotated[list[str], typer.Argument(metavar="VMID", help="The machines' vm ids.", show_default=False)]
_For = Annotated[
    timedelta | None,
    typer.Option(
        "--for",
        metavar="TIME",
        parser=_duration,
        help="How long: 90s, 15m, 2h; a day at most. An hour, if not given.",
        show_default=False,
    ),
]


def spend(context: typer.Context, machines: _Named, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take Available machines back at once.

    Never offered again, deleted and replaced, however few others are ready (`renew` waits for others).
    """
    decide = partial(by_name.spend, named=_vm_ids(machines))
    change = _named(context, "spend", decide, "Shall these be used from now on, deleted and replaced?")
    change.run(Screen(), yes=yes, as_json=as_json)


def hold(
    context: typer.Context,
    machines: _Named,
    how_long: _For = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Keep machines from their deletion, to look at them.

    A session goes on and ends as always, and its machine stays. A machine without a session is offered to nobody any
    more. After the time the machine is deleted; until then it costs money, and takes the place of another machine.
    """
    operator: Operator = context.obj
    settings = operator.settings
    longest, lasts = settings.policy.longest_hold, (how_long or timedelta(hours=1)) / settings.speed
    if lasts > longest:
        raise typer.BadParameter("--for is a day at most; hold the machine again before the day is over")
    decide = partial(by_name.hold, named=_vm_ids(machines), lasts=lasts)
    _named(context, "hold", decide, "Shall these be kept?").run(Screen(), yes=yes, as_json=as_json)


def unhold(context: typer.Context, machines: _Named, yes: Yes = False, as_json: AsJson = False) -> None:
    """End the hold of machines: what is used is deleted."""
    decide = partial(by_name.unhold, named=_vm_ids(machines))
    change = _named(context, "unhold", decide, "Shall these be deleted once they are used?")
    change.run(Screen(), yes=yes, as_json=as_json)


def _named(context: typer.Context, title: str, decide: Decide, question: str) -> ByHand:
    """A change of named machines. Raises Refused, and changes nothing, where a machine cannot have the change."""
    operator: Operator = context.obj
    ports, policy = operator.doors.ports(title), operator.settings.policy
    tick = Tick(decide, ports, policy)
    refusals = tick.plan().plan.refusals
    if refusals:
        told = "; ".join(f"{refusal.vm_id}: {refusal.why}" for refusal in refusals)
        raise Refused(f"nothing was done: {told[:500]} ({_where(refusals)})")
    return ByHand(title=title, question=question, look=tick.plan, ports=ports, policy=policy)


def _where(refusals: Iterable[Refusal]) -> str:
    """Where to look: a terminal shows the first characters of a vm id, and instance ids are reused."""
    cut = next((vm_id for refusal in refusals if (vm_id := refusal.vm_id) and len(vm_id) < _WHOLE), None)
    if cut is not None:
        return f"`scaler explain {shlex.quote(cut)}` shows the whole vm id, which is needed here"
    return "`scaler status` shows what each machine is"


def _vm_ids(machines: Iterable[str]) -> frozenset[VmId]:
    return frozenset(VmId(vm_id.strip().lower()) for vm_id in machines)
