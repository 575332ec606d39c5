"""Requests and answers between the socket and the resources; and the log of them: callers, kinds, times, statuses."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from re import IGNORECASE, search
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from emulator.refusals import ArmError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. Header and query names are lower case; `params` come from the path."""

    method: str
    target: str  # as on the request line
    base: str  # scheme and host, as the caller addressed us: answers carry absolute URLs
    headers: Mapping[str, str]
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Without the query, decoded, in lower case: ARM's paths know no case."""
        return unquote(urlsplit(self.target).path).lower()

    @property
    def query(self) -> dict[str, str]:
        """The query's values by lower-case name."""
        pairs = parse_qsl(urlsplit(self.target).query, keep_blank_values=True)
        return {name.lower(): value for name, value in pairs}

    @property
    def caller(self) -> str:
        """The caller's name: the scaler puts `scaler-<controller>` into the User-Agent."""
        found = search(r"scaler-([a-z]+)", self.headers.get("user-agent", ""), IGNORECASE)
        return found.group(1).lower() if found else "arm"

    @property
    def expands_view(self) -> bool:
        """Whether `$expand=instanceView`."""
        return "instanceview" in self.query.get("$expand", "").lower()

    def json(self) -> dict[str, Any]:
        """The body; nothing is an empty object."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content is not a JSON object.")
        return found

    def part(self, name: str) -> dict[str, Any]:
        """An object in the body; empty if missing."""
        found = self.json().get(name)
        if found is not None and not isinstance(found, dict):
            raise ArmError(
                400, "InvalidRequestContent", f"The request content's '{name}' is not an object.", target=name
            )
        return found or {}

    @property
    def form(self) -> dict[str, str]:
        """The body, as browsers and OAuth clients send it."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    def with_params(self, params: Mapping[str, str]) -> "Asked":
        """The same, routed."""
        return replace(self, params=params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer. A body of None has no content at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def having(self, **headers: str) -> "Answer":
        """The same with more headers; underscores stand for hyphens."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def content(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `status` 0: it was never answered."""

    at: datetime  # Azure's clock
    method: str
    kind: str
    path: str
    status: int
    caller: str  # the `<name>` of `scaler-<name>` in the User-Agent; arm for anybody else
    request_id: str  # x-ms-client-request-id
    seconds: float
    left: str = ""  # x-ms-ratelimit-remaining-resource, as it was answered

    @property
    def arm(self) -> bool:
        """Whether it counts as a call to ARM; tokens and directories do not."""
        return self.kind not in {"token", "directory", "unknown"}


class CallLog:
    """Append-only, safe for threads."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = Lock()

    def write(self, call: Call) -> None:
        """Append it."""
        with self._lock:
            self._calls.append(call)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(tuple(self._calls))

    def __len__(self) -> int:
        with self._lock:
            return len(self._calls)

    def after(self, first: int) -> tuple[Call, ...]:
        """All but the first so many."""
        with self._lock:
            return tuple(self._calls[first:])

    def by_caller(self) -> Counter[str]:
        """How many ARM calls each caller made."""
        return Counter(each.caller for each in self if each.arm)
