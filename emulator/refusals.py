"""What Azure refuses, in ARM's words; and in the scaler's, read by the scaler's own table."""

import json
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from scaler.errors import ScalerError, Unreachable
from scaler.vmss.refusals import About, refusal
from scaler.vmss.reply import Reply


class NoAnswer(Exception):
    """Nothing came back. Whether the request arrived, its sender cannot know."""


class ArmError(Exception):
    """An answer of 400 and above."""

    retry_after: timedelta | None = None
    allowed = 0  # requests a minute, and how many there were: a 429 says so
    measured = 0

    def __init__(self, status: int, code: str, message: str, *, target: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.detail = detail  # the code of the one entry in `details`, where there is one

    @property
    def headers(self) -> dict[str, str]:
        """What a 429 says about its end, in whole seconds."""
        if self.retry_after is None:
            return {}
        return {"retry-after": str(max(1, ceil(self.retry_after.total_seconds())))}


@dataclass(frozen=True, slots=True)
class Failure:
    """How an operation that was accepted ended badly."""

    code: str
    message: str
    status: str = "Failed"
    target: str = ""  # the instance id


def throttled(policy: str, retry_after: timedelta, *, allowed: int = 12, measured: int = 13) -> ArmError:
    """429: the bucket `policy` is empty."""
    error = ArmError(
        429,
        "OperationNotAllowed",
        "Too many requests of this kind; come back later.",
        target=policy,
        detail="TooManyRequests",
    )
    error.retry_after, error.allowed, error.measured = retry_after, allowed, measured
    return error


def turned_away(code: str, retry_after: timedelta) -> ArmError:
    """429 of ARM itself, before it has asked any resource provider."""
    error = ArmError(429, code, "The caller's requests to this subscription are over ARM's limit; come back later.")
    error.retry_after = retry_after
    return error


def unavailable() -> ArmError:
    """503."""
    return ArmError(503, "ServiceUnavailable", "The service cannot answer now.")


def conflict(code: str = "Conflict") -> ArmError:
    """409: another request is under way, perhaps for another VM of the scale set."""
    return ArmError(409, code, "There is a conflict with a concurrent request.")


def busy(operation: str, vm: str) -> ArmError:
    """409: this VM is being worked on."""
    return not_allowed(f"Operation '{operation}' is not allowed on VM '{vm}' since another operation is in progress.")


def changing_power(operation: str, vm: str, target: str) -> ArmError:
    """409: this VM is being started or stopped."""
    return not_allowed(
        f"An ongoing operation is changing power state of Virtual Machine {vm} to {target}."
        f" Please perform operation {operation} after some time."
    )


def deallocated(operation: str, vm: str) -> ArmError:
    """409: this VM has no machine that could be stopped."""
    why = "since the VM is either deallocated or marked to be deallocated"
    return not_allowed(f"Operation '{operation}' is not allowed on VM '{vm}' {why}.")


def not_active(instance_id: str) -> ArmError:
    """400: a batch named a VM that is not there; all of it is rejected."""
    message = f"The provided instanceId {instance_id} is not an active Virtual Machine Scale Set VM instanceId."
    return ArmError(400, "InvalidParameter", message, target="instanceIds")


def not_a_number() -> ArmError:
    """400: Uniform instance ids are numbers."""
    message = "The instanceId must be a number."
    return ArmError(400, "InvalidParameter", message, target="instanceId")


def not_found(what: str, group: str = "") -> ArmError:
    """404."""
    where = f" in resource group '{group}'" if group else ""
    return ArmError(404, "ResourceNotFound", f"There is no resource 'Microsoft.Compute/{what}'{where}.")


def marked_for_deletion(instance_id: str) -> ArmError:
    """409: the VM is on its way out."""
    return not_allowed(f"The operation is not allowed on VM instance '{instance_id}' since it is marked for deletion.")


def set_marked_for_deletion(operation: str, scale_set: str) -> ArmError:
    """409: the scale set is on its way out."""
    where = f"on Virtual Machine Scale Set '{scale_set}'"
    return not_allowed(f"Operation '{operation}' is not allowed {where} since it is marked for deletion.")


def not_allowed(message: str) -> ArmError:
    """409: not in this state."""
    return ArmError(409, "OperationNotAllowed", message)


def no_ids() -> ArmError:
    """400: a batch about nobody."""
    return ArmError(400, "InvalidParameter", "The list of instance ids is empty.", target="instanceIds")


def stale_token() -> ArmError:
    """400: a nextLink that was changed on its way, or waited too long."""
    return ArmError(400, "InvalidParameter", "The skip token is not valid.", target="$skiptoken")


def not_for_flexible(what: str, scale_set: str) -> ArmError:
    """409: Uniform scale sets can do it."""
    return not_allowed(f"Operation '{what}' is not allowed on Virtual Machine Scale Set '{scale_set}'.")


def over_quota(code: str = "OperationNotAllowed", details: str = "") -> ArmError:
    """409: the subscription's cores are used up."""
    message = (
        "Operation could not be completed as it results in exceeding approved standardNVADSA10v5Family Cores quota."
    )
    return ArmError(409, code, f"{message} {details}".rstrip())


def sold_out() -> ArmError:
    """409: the region does not sell this size to us now."""
    message = "The requested VM size is not available in this location now."
    return ArmError(409, "SkuNotAvailable", message, target="sku.name")


def etag_mismatch(asked: str, actual: str) -> ArmError:
    """412."""
    message = f"The etag {asked} of the if-match header is not the resource's etag {actual}."
    return ArmError(412, "PreconditionFailed", message)


def check_etag(if_match: str | None, etag: int) -> None:
    """Raises the 412 of an If-Match that names another etag."""
    if if_match not in {None, "*", str(etag), quoted(etag)}:
        raise etag_mismatch(str(if_match), quoted(etag))


def quoted(etag: int) -> str:
    """An etag as headers and bodies carry it."""
    return f'"{etag}"'


def mark_refused(instance_id: str) -> ArmError:
    """400: too many differing models among the instances."""
    message = f"The protection of instance {instance_id} cannot be changed: too many models reached its limit."
    return ArmError(400, "InvalidParameter", message, target="protectionPolicy")


def preempted() -> Failure:
    """A later operation took over."""
    message = "A later operation took the place of this one."
    return Failure("OperationPreempted", message, status="Canceled")


def translated(error: ArmError | NoAnswer, about: About | None = None) -> ScalerError:
    """Azure's refusal as the scaler's error. `about`: the machines that the call names."""
    return Unreachable("no answer") if isinstance(error, NoAnswer) else refusal(_as_it_comes(error), about)


def _as_it_comes(error: ArmError) -> Reply:
    fault = {"code": error.code, "message": error.message, "details": [{"code": error.detail}]}
    body = json.dumps({"error": fault}).encode()
    return Reply(status=error.status, headers=error.headers, body=body, sent=0)
