"""`scaler distrust`: after an old snapshot of Redis was restored, what it calls fresh is used from now on."""

import typer

from scaler.cli.environment import AsJson, Operator, Yes
from scaler.cli.rounds import ByHand
from scaler.cli.screen import Screen
from scaler.controllers import distrust as distrusted
from scaler.tick import Tick


def distrust(context: typer.Context, yes: Yes = False, as_json: AsJson = False) -> None:
    """Spend every Available machine, after an old snapshot of Redis was restored.

    They are deleted and replaced; nobody can reserve them any more, paused or not. What is Reserved is named, and left
    alone.
    """
    operator: Operator = context.obj
    ports, policy = operator.ports("distrust"), operator.settings.policy
    change = ByHand(
        title="distrust",
        question="Shall these be used from now on, deleted and replaced?",
        look=Tick(distrusted.decide, ports, policy).plan,
        ports=ports,
        policy=policy,
    )
    change.run(Screen(), yes=yes, as_json=as_json)
