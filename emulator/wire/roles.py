"""Roles: the action that a request needs, who has which actions where, and ARM's 403 for everybody else."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from emulator.refusals import ArmError
from emulator.wire.exchange import Asked

_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}
_LISTS = ("actions", "notActions", "dataActions", "notDataActions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The lists of a role definition. `*` stands for any text, slashes included; letter case does not count."""

    actions: tuple[str, ...] = ("*",)
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "Role":
        """The role in a file for `az role definition create`. Raises OSError, and ValueError for another content."""
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object")
        by_name = {name.lower(): value for name, value in found.items()}
        lists = [by_name.get(name.lower(), []) for name in _LISTS]
        if "actions" not in by_name or not all(_are_texts(each) for each in lists):
            raise ValueError("it holds no Actions, or one of its lists is not a list of texts")
        actions, not_actions, data_actions, not_data_actions = map(tuple, lists)
        return cls(
            actions=actions, not_actions=not_actions, data_actions=data_actions, not_data_actions=not_data_actions
        )

    def allows(self, action: str) -> bool:
        """Whether an action is among `actions`, and not among `not_actions`."""
        return _matches(self.actions, action) and not _matches(self.not_actions, action)

    def body(self) -> Mapping[str, Sequence[str]]:
        """The role as the permissions of a caller show it."""
        lists = (self.actions, self.not_actions, self.data_actions, self.not_data_actions)
        return {name: list(each) for name, each in zip(_LISTS, lists, strict=True)}


def _are_texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)


def _matches(patterns: Sequence[str], action: str) -> bool:
    whole = (".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return any(re.fullmatch(pattern, action, re.IGNORECASE) for pattern in whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role assignment: the role holds at the scope and below; an empty scope is everything."""

    role: Role
    scope: str = ""

    def covers(self, scope: str) -> bool:
        """Whether the assignment reaches a scope."""
        return f"{scope.rstrip('/')}/".lower().startswith(f"{self.scope.rstrip('/')}/".lower())


EVERYTHING = Grant(role=Role())


def needed(method: str, pattern: str, params: Mapping[str, str]) -> str:
    """The action behind a route: the types in its path, and what is done to the last one."""
    namespace, rest = _parts(pattern)
    types = [_spelled(each, params) for each in rest[::2]]  # each is followed by a name; a POST's verb is the last
    return "/".join((namespace, *types, _VERBS[method]))


def _parts(path: str) -> tuple[str, list[str]]:
    """The namespace of a path's last resource, and the types and names behind it."""
    head, _, tail = path.rpartition("/providers/")
    if not tail or not head:
        return "Microsoft.Resources", path.strip("/").split("/")
    namespace, *rest = tail.split("/")
    return namespace, rest


def _spelled(part: str, params: Mapping[str, str]) -> str:
    """A part of a route in ARM's spelling; of several possible words the one in the request."""
    if not part.startswith("<any("):
        return part
    words = [word.strip() for word in part.removeprefix("<any(").partition(")")[0].split(",")]
    return next(word for word in words if word.lower() in params.values())


def scope_of(asked: Asked) -> str:
    """The resource that a request is about; of a list and of a verb the resource above."""
    path = unquote(urlsplit(asked.target).path)
    _, rest = _parts(path)
    return path if len(rest) % 2 == 0 else path.rpartition("/")[0]


def claims(asked: Asked) -> Mapping[str, Any]:
    """The claims of the caller's token; an unreadable token is a principal by itself."""
    token = asked.headers.get("authorization", "").partition(" ")[2].strip()
    try:
        payload = token.split(".")[1]
        found = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {**found, "oid": str(found["oid"])}
    except (IndexError, KeyError, TypeError, ValueError):
        return {"oid": token}


def check(grants: Mapping[str, Grant], asked: Asked, action: str) -> None:
    """Raise ARM's 403 if the caller has another role than one with this action. Callers without any may do all."""
    caller, scope = claims(asked), scope_of(asked)
    grant = grants.get(caller["oid"], EVERYTHING)
    if not (grant.covers(scope) and grant.role.allows(action)):
        raise ArmError(
            403,
            "AuthorizationFailed",
            f"The client '{caller.get('appid', caller['oid'])}' with object id '{caller['oid']}' does not have"
            f" authorization to perform action '{action}' over scope '{scope}' or the scope is invalid."
            " If access was recently granted, please refresh your credentials.",
        )
