"""Names of the lifecycle's steps, and of the actors. The rules of the steps stand in `lifecycle`."""

from enum import StrEnum
from typing import Literal, get_args


class Actor(StrEnum):
    """An actor: the four controllers, visitors, the operator."""

    PROVISIONER = "provisioner"
    RECONCILER = "reconciler"
    STARTER = "starter"
    CLEANER = "cleaner"
    VISITOR = "visitor"  # the queue manager on a visitor's behalf, through reserve / release / cancel
    OPERATOR = "operator"  # by hand: the adoption of a running installation


Controller = Literal[Actor.PROVISIONER, Actor.RECONCILER, Actor.STARTER, Actor.CLEANER]
"""An actor with a timer of its own."""

CONTROLLERS: tuple[Actor, ...] = get_args(Controller)
"""The four controllers, in the order in which a new machine meets the controllers."""


class Edge(StrEnum):
    """A step of the lifecycle. Notes hold the value; logs and docs show the name, in capitals."""

    ADMIT = "admit"
    CONDEMN = "condemn"
    PRESUME = "presume"
    RESERVE = "reserve"
    CANCEL = "cancel"
    ABANDON = "abandon"  # the visitor gave up before the machine was opened
    OPEN = "open"
    MOVE = "move"  # the session got another machine
    SWAP = "swap"  # the same before any start was noted: the machine is offered again
    REFUSE = "refuse"  # the session's machine could not be had
    RELEASE = "release"  # the visitor left
    EXPIRE = "expire"  # its limit was over, or its machine came to rest, or said that nobody is in
    SPEND = "spend"  # surplus or stale
    FORGET = "forget"
    RETIRE = "retire"


ENDINGS = (Edge.RELEASE, Edge.ABANDON, Edge.EXPIRE, Edge.REFUSE, Edge.MOVE)
"""Steps that end a session: the values in `Notes.ended`."""

SPENDINGS = (*ENDINGS, Edge.CONDEMN, Edge.SPEND)
"""Steps after which a machine is used: the values of `SpentNote.why`."""
