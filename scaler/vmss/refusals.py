"""ARM's refusals in the scaler's words: one table, read from the top; the HTTP status decides first, then the code.

The status goes first because codes are ambiguous: OperationNotAllowed is a throttle with 429, and with 409 a quota, a
deletion or another operation under way. ARM spells one code in several letter cases: all are compared in lower case.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple

from scaler.errors import (
    Conflict,
    Garbled,
    Missing,
    OutOfCapacity,
    QuotaReached,
    Refused,
    ScalerError,
    Throttled,
    Unreachable,
)
from scaler.model.instance import FailureClass, InstanceId
from scaler.vmss.reply import Fault, Reply, fault_in, http_date

_WHERE = "check AZURE_VMSS_NAME, AZURE_RESOURCE_GROUP and AZURE_SUBSCRIPTION_ID"
SILENT_THROTTLE = timedelta(seconds=60)  # a 429 that does not say how long: ARM's windows are one minute
LONGEST_THROTTLE = timedelta(hours=1)  # a mistaken Retry-After must not silence the scaler for a day
SHORTEST_THROTTLE = timedelta(seconds=1)  # "0" would be asked again within the same tick

CAPACITY = frozenset(
    {
        "allocationfailed",
        "zonalallocationfailed",
        "overconstrainedallocationrequest",
        "overconstrainedzonalallocationrequest",
    }
)
# A stopped machine keeps its place in a cluster, and finds none in another one.
_NO_ROOM = re.compile(r"not (?:be )?available in the (?:existing allocation unit|cluster)", re.IGNORECASE)
NOT_SOLD = frozenset({"skunotavailable"})
_NOT_SOLD_HERE = re.compile(r"size [^ ]{1,80} is not available in the current region", re.IGNORECASE)
QUOTA = frozenset({"quotaexceeded"})
# From the first "exceeding" on, and only from there: a long text full of them would be searched for hours.
_QUOTA_TEXT = re.compile(r"\A(?>.*?exceeding\b).*\bquota", re.IGNORECASE | re.DOTALL)
_QUOTA_FIGURE = re.compile(r"\b(Current Limit|Current Usage|Additional Required): {0,9}(\d{1,9})\b", re.IGNORECASE)
_DEAD_ID = re.compile(r"instanceId\s+'?([\w-]{1,80})'?\s+is not an active", re.IGNORECASE)
# Images, extensions and restore points are marked for deletion too; only the VM or its scale set takes the VM away.
_DYING = re.compile(
    r"\b(?:VM(?: instance)?|Virtual Machine(?: Scale Set)?) '[^']{1,80}' since [^']{0,40}marked for deletion",
    re.IGNORECASE,
)
_DYING_VM = re.compile(r"\bVM(?: instance)? '([^']{1,80})'", re.IGNORECASE)  # its name or its id
# Whoever does something to a machine meanwhile: another order, Azure itself, or who has deallocated it already.
_OVERLAP = re.compile(
    r"another operation is in progress|ongoing operation is changing power state|platform[- ](?:initiated )?update"
    r"|either deallocated or marked to be deallocated",
    re.IGNORECASE,
)
_CONFLICT = frozenset({"conflict", "operationpreempted", "anotheroperationinprogress"})
# Passing faults of Azure's own services, which some of its answers report with 409 and not with 5xx.
_PASSING = frozenset(
    {"networkinginternaloperationerror", "internaloperationerror", "internalexecutionerror", "retryableerror"}
)
_GONE_VM = re.compile(r"\bvirtualMachines/([\w-]{1,80})'", re.IGNORECASE)
_NO_SCALE_SET = frozenset({"resourcegroupnotfound", "subscriptionnotfound", "parentresourcenotfound"})
_NO_SCALE_SET_TEXT = re.compile(r"virtualMachineScaleSets/[^/']+'", re.IGNORECASE)  # the resource itself, not its VM
# Said of scale sets that are there: one of ARM's regional stores does not know yet what another one does.
_NOT_IN_THIS_STORE = re.compile(r"not found in this Azure location", re.IGNORECASE)
_LINKED = frozenset({"linkedauthorizationfailed"})
_MISSING_RIGHT = re.compile(
    r"not have (?:permission|authorization) to perform action(?:\(s\))? '([^']{1,300})'"
    r" (?:on the linked scope(?:\(s\))?|over scope) '([^']{1,400})'",
    re.IGNORECASE,
)
OF_SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets/* on the scale set"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The subject of a request, for the explanation of a refusal."""

    ids: tuple[InstanceId, ...] = ()  # the instances that it names
    alone: bool = False  # its URL names the one instance
    permission: str = OF_SCALE_SETS  # what the identity needs for it

    def named_in(self, names: Iterable[str]) -> tuple[InstanceId, ...]:
        """The ids that occur in a text. A Uniform VM, whose id is a number, is also called `{scale set}_{id}`."""
        found = {name.lower() for name in names}
        found |= {number for name in found if (number := name.rpartition("_")[2]).isdecimal()}
        return tuple(instance_id for instance_id in self.ids if instance_id.lower() in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedReply:
    """A reply with an error, beside the subject of the request."""

    reply: Reply
    fault: Fault
    about: About

    @property
    def text(self) -> str:
        """For a person. ARM's messages can be long."""
        return f"{self.reply.status} {(self.fault.code or '(no code)')[:100]}: {(self.fault.message or '')[:300]}"


class ErrorRule(NamedTuple):
    """One row of the table: it is about certain codes, about messages that match, or without both about any error."""

    statuses: Container[int]
    makes: Callable[[RefusedReply], ScalerError]
    codes: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None

    def matches(self, refusal: RefusedReply) -> bool:
        """Whether this row is about a refusal."""
        said = self.text is not None and self.text.search(refusal.fault.message or "") is not None
        known = said or not self.codes.isdisjoint(refusal.fault.codes)
        return refusal.reply.status in self.statuses and (known or not (self.codes or self.text))


def _not_found(refusal: RefusedReply) -> ScalerError:
    """Missing, if ARM says so: a 404 without an ARM error comes from a proxy or another host."""
    if not refusal.fault.code:
        return Garbled("a 404 that is not ARM's")
    if not refusal.fault.codes.isdisjoint(_NO_SCALE_SET) or _NO_SCALE_SET_TEXT.search(refusal.text):
        return Missing(f"{refusal.text} -> {_WHERE}")
    return _gone(refusal, _GONE_VM)


def _gone(refusal: RefusedReply, naming: re.Pattern[str]) -> ScalerError:
    """The instance in the URL; of several instances the ids in ARM's message."""
    about = refusal.about
    named = about.ids if about.alone else about.named_in(naming.findall(refusal.fault.message or ""))
    return Missing(refusal.text, named)


def _quota(refusal: RefusedReply) -> ScalerError:
    """QuotaReached, with the figures of ARM's message where all three are there."""
    figures = {name.lower(): int(number) for name, number in _QUOTA_FIGURE.findall(refusal.fault.message or "")}
    if len(figures) < 3 or not figures["additional required"]:
        return QuotaReached(refusal.text)
    left = max(0, figures["current limit"] - figures["current usage"])
    return QuotaReached(refusal.text, Fraction(left, figures["additional required"]))


def _forbidden(refusal: RefusedReply) -> ScalerError:
    """Refused, with the missing action: for a linked resource (subnet, disk, identity) ARM names the action late.

    Where the request knows the action too, its own words tell more than the action.
    """
    missing, permission = _MISSING_RIGHT.search(refusal.fault.message or ""), refusal.about.permission
    if missing is not None and missing[1].lower() not in permission.lower():
        permission = f"{missing[1]} on {missing[2]}"
    remedy = f"give the managed identity (AZURE_CLIENT_ID, or the system-assigned one) a role with {permission}"
    return _refused(refusal, f" -> {remedy}")


def _refused(refusal: RefusedReply, remedy: str = "") -> ScalerError:
    return Refused(f"{refusal.text}{remedy}", refusal.fault.code or "", refusal.reply.status)


_SAID_NO = frozenset({400, 403, 409})
TABLE: tuple[ErrorRule, ...] = (
    ErrorRule(range(300), lambda it: Garbled(f"an answer without an answer in it ({it.reply.status})")),
    ErrorRule({429}, lambda it: Throttled(it.text, retry_after(it.reply.headers))),
    ErrorRule({408, *range(500, 600)}, lambda it: Unreachable(it.text)),
    ErrorRule({412}, lambda it: Conflict(it.text)),
    ErrorRule({404}, lambda it: Unreachable(it.text), text=_NOT_IN_THIS_STORE),
    ErrorRule({404}, _not_found),
    ErrorRule({401}, _forbidden),
    ErrorRule({400}, lambda it: _gone(it, _DEAD_ID), text=_DEAD_ID),
    ErrorRule(_SAID_NO, lambda it: _gone(it, _DYING_VM), text=_DYING),
    ErrorRule(_SAID_NO, _quota, QUOTA, _QUOTA_TEXT),
    ErrorRule(_SAID_NO, lambda it: OutOfCapacity(it.text), CAPACITY, _NO_ROOM),
    ErrorRule(_SAID_NO, lambda it: OutOfCapacity(it.text, FailureClass.SKU), NOT_SOLD, _NOT_SOLD_HERE),
    ErrorRule({409}, lambda it: Conflict(it.text), _CONFLICT, _OVERLAP),
    ErrorRule(_SAID_NO, lambda it: Unreachable(it.text), _PASSING),
    ErrorRule(_SAID_NO, _forbidden, _LINKED),
    ErrorRule({403}, _forbidden),
    ErrorRule(range(1000), _refused),
)


def refusal(reply: Reply, about: About | None = None) -> ScalerError:
    """What a reply with an unwanted status means."""
    return _meaning(RefusedReply(reply=reply, fault=fault_in(reply.body), about=about or About()))


def _meaning(told: RefusedReply) -> ScalerError:
    return next(rule for rule in TABLE if rule.matches(told)).makes(told)


def stale_token(reply: Reply) -> bool:
    """Whether ARM refuses a nextLink's $skiptoken: it went stale while the pages were walked."""
    return reply.status == 400 and (fault_in(reply.body).target or "").lower() == "$skiptoken"


def failure_class(code: str, message: str = "") -> FailureClass:
    """The class of an error after the acceptance of an order: the same as for a refusal at once."""
    late = Reply(status=409, headers={}, body=b"", sent=0)
    return _meaning(RefusedReply(reply=late, fault=Fault(code=code, message=message), about=About())).failure


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """How long a 429 wants us to wait: seconds, or a date by the answer's own clock."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        wait = timedelta(seconds=int(text))
    else:
        until, now = http_date(text), http_date(headers.get("date", ""))
        wait = until - now if until is not None and now is not None else SILENT_THROTTLE
    return min(max(wait, SHORTEST_THROTTLE), LONGEST_THROTTLE)
