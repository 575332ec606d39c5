"""From a request to its answer: faults, ARM's own request budgets, sign-in, roles, routes, and the log of calls."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

from emulator.budgets import BURSTS, WINDOW, Bucket
from emulator.refusals import ArmError, NoAnswer, turned_away
from emulator.switches import FrontDoorCode
from emulator.wire import roles
from emulator.wire.answer_faults import AnswerInjector, Reply
from emulator.wire.exchange import Answer, Asked, Call, CallLog
from emulator.wire.routes import Route, route
from emulator.wire.site import Site


class App:
    """Answers for a site. `pause` lets time pass between question and answer, or returns early when all ends."""

    def __init__(self, site: Site, pause: Callable[[float], object]) -> None:
        self.site = site
        self.calls = CallLog()
        self.injector = AnswerInjector()
        self._pause = pause
        behaviour = site.scale_sets[0].behaviour
        self._switches = behaviour.switches
        code = self._switches.front_door_code
        self._door = FrontDoor(enforced=behaviour.metered, speed=behaviour.speed, code=code)

    def answer(self, asked: Asked) -> Reply | None:
        """The reply; None: there is none, and the connection is to be closed."""
        started = time.monotonic()
        kind, answer = self._answered(asked)
        reply = None if answer is None else self.injector.spoiled(self._reply(asked, answer), kind)
        if reply is not None and reply.dropped:
            reply = None
        if reply is None:
            self._pause(self.site.stall)
        self._write(asked, kind, reply, time.monotonic() - started)
        return reply

    def _answered(self, asked: Asked) -> tuple[str, Answer | None]:
        kind, left = "unknown", dict[str, str]()
        try:
            found, routed = route(asked)
            kind = _kind(found, routed)
            _check_token(found, asked)
            if not found.open:
                left = self._door.admit(asked, self.site.now)
                self._check_role(found, routed)
                self._pause(self.site.scale_sets[0].answer_time().total_seconds())
            return kind, found.handle(self.site, routed).having(**left)
        except ArmError as error:
            return kind, _refusal(error, self.site).having(**left)
        except NoAnswer:
            return kind, None

    def _check_role(self, found: Route, asked: Asked) -> None:
        """Raise the 403 of a caller whose role does not have the action."""
        told = found.path.endswith("/permissions") and not self._switches.permissions_want_a_right
        if not (found.free or told):
            roles.check(self.site.grants, asked, found.action(asked))

    def _reply(self, asked: Asked, answer: Answer) -> Reply:
        headers = {
            "date": format_datetime(self.site.now.replace(microsecond=0), usegmt=True),
            "cache-control": "no-cache",
            "pragma": "no-cache",
            "expires": "-1",
            "x-content-type-options": "nosniff",
            "x-ms-request-id": str(uuid4()),
            **answer.headers,
        }
        if answer.body is not None:
            headers["content-type"] = "application/json; charset=utf-8"
        if asked.base.startswith("https"):
            headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
        if "x-ms-client-request-id" in asked.headers:
            headers["x-ms-client-request-id"] = asked.headers["x-ms-client-request-id"]
        return Reply(status=answer.status, headers=headers, content=answer.content())

    def _write(self, asked: Asked, kind: str, reply: Reply | None, seconds: float) -> None:
        self.calls.write(
            Call(
                at=self.site.now,
                method=asked.method,
                kind=kind,
                path=asked.path,
                status=reply.status if reply else 0,
                caller=asked.caller,
                request_id=asked.headers.get("x-ms-client-request-id", ""),
                seconds=seconds,
                left=reply.headers.get("x-ms-ratelimit-remaining-resource", "") if reply else "",
            )
        )


def _kind(found: Route, asked: Asked) -> str:
    action = asked.params.get("action")
    return found.kind if action is None else f"{found.kind}-{action}"


def _check_token(found: Route, asked: Asked) -> None:
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    if not found.open and (scheme.lower() != "bearer" or not token.strip()):
        raise ArmError(401, "AuthenticationFailed", "The 'Authorization' header holds no bearer token.")


def _refusal(error: ArmError, site: Site) -> Answer:
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.target and not error.detail:
        body["target"] = error.target
    if error.detail:
        body["details"] = [{"code": error.detail, "target": error.target, "message": _measured(error, site)}]
    answer = Answer(status=error.status, body={"error": body})
    if error.status == 401:
        return answer.having(www_authenticate='Bearer error="invalid_token"')
    if error.target in BURSTS:
        answer = answer.having(x_ms_ratelimit_remaining_resource=f"Microsoft.Compute/{error.target};0")
    return answer.having(**error.headers)


def _measured(error: ArmError, site: Site) -> str:
    """The text of a 429's detail is itself JSON."""
    until = site.now
    group = {"operationGroup": error.target, "startTime": (until - WINDOW).isoformat(), "endTime": until.isoformat()}
    return json.dumps({**group, "allowedRequestCount": error.allowed, "measuredRequestCount": error.measured})


_ALL = 15  # the bucket of all principals is so many times larger


class _Lane(NamedTuple):
    name: str
    burst: int
    per_second: int


_READS, _WRITES, _DELETES = _Lane("reads", 250, 25), _Lane("writes", 200, 10), _Lane("deletes", 200, 10)
_LANES = {"GET": _READS, "HEAD": _READS, "DELETE": _DELETES}  # a POST is a write, whatever it does


class FrontDoor:
    """Counts every request to one subscription; turns away where budgets are enforced."""

    def __init__(self, *, enforced: bool, speed: float, code: FrontDoorCode) -> None:
        self._enforced = enforced
        self._speed = speed
        self._code = code
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._lock = Lock()

    def admit(self, asked: Asked, now: datetime) -> dict[str, str]:
        """The headers with the remaining budgets; raises the 429."""
        lane = _LANES.get(asked.method, _WRITES)
        with self._lock:
            own = self._bucket(lane, roles.claims(asked)["oid"], 1, now)
            shared = self._bucket(lane, "", _ALL, now)
            wait = max(own.want(1, now), shared.want(1, now))
            if wait and self._enforced:
                raise turned_away(self._code, wait)
            for each in (own, shared):
                each.take(1)
            prefix = "x-ms-ratelimit-remaining-subscription"
            return {
                f"{prefix}-{lane.name}": str(int(own.level)),
                f"{prefix}-global-{lane.name}": str(int(shared.level)),
            }

    def _bucket(self, lane: _Lane, whose: str, times: int, now: datetime) -> Bucket:
        key = (lane.name, whose)
        if key not in self._buckets:
            self._buckets[key] = Bucket.full(lane.burst * times, lane.per_second * times, now, self._speed)
        return self._buckets[key]
