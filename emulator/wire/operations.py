"""Long-running operations on the wire: announcing headers, status, and monitor."""

from hashlib import sha256

from emulator.budgets import Call
from emulator.orders import Operation, Status
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import FailedOperation
from emulator.wire.bodies import Json
from emulator.wire.exchange import Answer, Asked
from emulator.wire.site import Site


def accepted(site: Site, asked: Asked, operation: Operation) -> Answer:
    """202 without a body, as POSTs and DELETEs are answered."""
    answer = asynchronous(Answer(status=202), site, asked, operation)
    return answer.having(location=_url(site, asked, operation, "&monitor=true"))


def asynchronous(answer: Answer, site: Site, asked: Asked, operation: Operation) -> Answer:
    """The answer with the URL of its operation."""
    url = _url(site, asked, operation)
    return _paced(answer.having(azure_asyncoperation=url, azure_asyncnotification="Enabled"), site)


def status(site: Site, asked: Asked) -> Answer:
    """GET of the operation's status; with monitor=true, of the result."""
    operation, emulated = _find(site, asked)
    left, how = emulated.budget_left(Call.GET_OPERATION, operation.id), emulated.behaviour.switches.failed_operation
    if "monitor" in asked.query:
        return _monitor(site, asked, operation).having(x_ms_ratelimit_remaining_resource=left)
    body = {
        "startTime": operation.started.isoformat(timespec="microseconds"),
        "status": operation.status,
        "name": operation.id,
    }
    if operation.ended is not None:
        body["endTime"] = operation.ended.isoformat(timespec="microseconds")
    error = {"error": _shown(operation, how)} if operation.failure and how is not FailedOperation.SILENT else {}
    return _paced(Answer(body=body | error), site).having(x_ms_ratelimit_remaining_resource=left)


def _monitor(site: Site, asked: Asked, operation: Operation) -> Answer:
    if operation.status is Status.IN_PROGRESS:
        return _paced(Answer(status=202).having(location=asked.base + asked.target), site)
    if operation.failure is not None:
        return Answer(status=409, body={"error": _error(operation)})
    return Answer(status=200)


def _find(site: Site, asked: Asked) -> tuple[Operation, EmulatedScaleSet]:
    site.check_subscription(asked)
    missing: ArmError | None = None
    for scale_set in site.scale_sets:
        try:
            return scale_set.read_operation(asked.params["operation"]), scale_set
        except ArmError as error:
            missing = error
    raise missing or ArmError(404, "NotFound", "There is no such operation.")


def _error(operation: Operation) -> Json:
    failure = operation.failure
    if failure is None:
        return {}
    target = {"target": failure.target} if failure.target else {}
    return {"code": failure.code, "message": failure.message} | target


def _shown(operation: Operation, how: FailedOperation) -> Json:
    error = _error(operation)
    if how is FailedOperation.CODE:
        return error
    return {"code": "OperationFailed", "message": "The operation failed; the details say why.", "details": [error]}


def _url(site: Site, asked: Asked, operation: Operation, more: str = "") -> str:
    """The operation's URL, signed, so that clients learn to use URLs unchanged."""
    base = f"{asked.base}/subscriptions/{site.place.subscription}/providers/Microsoft.Compute"
    version = asked.query.get("api-version", "2026-04-01")
    signature = sha256(operation.id.encode()).hexdigest()
    query = f"p={asked.caller}&api-version={version}{more}&t={operation.started.timestamp():.0f}&s={signature}"
    return f"{base}/locations/{site.place.location}/operations/{operation.id}?{query}"


def _paced(answer: Answer, site: Site) -> Answer:
    return answer if site.poll_after is None else answer.having(retry_after=str(site.poll_after))
