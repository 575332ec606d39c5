"""What each Redis user needs: keys and commands. Documents, tests and the remedies of refusals are made of this."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMMAND = re.compile(r"permissions to run the '([^']{1,60})' command")
_KEY = re.compile(r"access (?:one of|at least one of|the '[^']{0,300}' key)|No permissions to access a key")
PREFIX = "vmss"
KEY = "{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The rights of one kind of user. Keys are patterns behind the prefix; commands are written as an ACL has them."""

    name: str  # an example of a user's name
    who: str
    keys: tuple[str, ...] = ("*",)
    reads: tuple[str, ...] = ()  # patterns of keys that are read and never written; Redis 7 and later
    commands: tuple[str, ...]
    beside: tuple[str, ...] = ()  # commands that are convenient, or that some client libraries send by themselves

    def patterns(self, prefix: str = PREFIX) -> list[str]:
        """The keys, as ACL SETUSER takes them."""
        return [f"~{prefix}:{key}" for key in self.keys] + [f"%R~{prefix}:{key}" for key in self.reads]

    def acl(self, prefix: str = PREFIX) -> str:
        """All of it, as ACL SETUSER and an ACL file take it."""
        return " ".join((*self.patterns(prefix), "-@all", *self._granted()))

    def access_string(self, prefix: str = PREFIX) -> str:
        """The same as Azure takes it, where a user begins without any command."""
        return " ".join((*self.patterns(prefix), *self._granted()))

    def _granted(self) -> list[str]:
        return [f"+{command}" for command in (*self.commands, *self.beside)]


_SCRIPTS = ("evalsha", "script|load")  # redis-py loads a script that the server does not have yet
_READING = ("time", "type", "getrange", "srandmember", "mget", "get", "strlen", "exists", "info", "pttl")
_WRITING = ("set", "del", "mset", "sadd", "srem", "sismember", "zadd", "zrem", "expire", "persist", "wait")
_LIBRARIES = ("ping", "hello", "auth", "select", "client|setname")
_WAITING_PAGE = ("scard", "info")  # how many are free; some libraries ask INFO, too, when they connect

SCALER = Rights(name="scaler", who="the four functions", commands=("ping", *_SCRIPTS, *_READING, *_WRITING))
OPERATOR = Rights(name="operator", who="every command of `scaler`", commands=(*SCALER.commands, "zrange"))
READER = Rights(
    name="reader",
    who="`scaler status`, `plan`, `explain`, `metrics`, `gpu` and `web`",
    commands=("ping", *_SCRIPTS, *_READING),
)
SCRIPTS = Rights(
    name="scripts",
    who="a queue manager with the scripts",
    keys=("instance:*", "status:*", "notes:*", "session:*"),
    reads=("waits",),
    commands=(
        *("evalsha", "eval", "script|load", "get", "mget", "set", "del", "sadd", "srem", "sismember", "srandmember"),
        *("zadd", "zrange", "zrem", "time"),
    ),
    beside=(*_WAITING_PAGE, *_LIBRARIES),
)
NAIVE = Rights(
    name="naive",
    who="a naive queue manager",
    keys=("instance:*", "status:available", "status:reserved"),
    reads=("notes:*", "waits"),
    commands=("spop", "get", "set", "sadd"),
    beside=(*_WAITING_PAGE, *_LIBRARIES),
)
EVERYBODY = (SCALER, OPERATOR, READER, SCRIPTS, NAIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A user of Redis by its name, the rights that the user should have, and the prefix of the keys."""

    rights: Rights
    prefix: str
    user: str

    def lacks(self, *commands: str) -> str:
        """A sentence for people about missing commands, with the remedy."""
        names, words = ", ".join(commands).upper(), " ".join(map("+{}".format, commands))
        return f"this user may not run {names}: {self._give(words)}"

    def remedy(self, said: str) -> str:
        """The same by the words of a refusal of Redis."""
        command = _COMMAND.search(said)
        if command is not None:
            return self.lacks(command[1].lower())
        if _KEY.search(said):
            words = " ".join(self.rights.patterns(self.prefix))
            return f"this user may not touch a key that it needs: {self._give(words)}"
        words = " ".join(map("+{}".format, self.rights.commands))
        return f"this user may not run a command of a script: {self._give(words)}"

    def _give(self, words: str) -> str:
        return f"ACL SETUSER {self.user} {words} (in Azure, add that to its access string)"


def names_a_command(said: str) -> bool:
    """Whether a refusal of Redis is about a command, and not about a key."""
    return _COMMAND.search(said) is not None


TRIALS: Mapping[str, tuple[str | int, ...]] = {
    "ping": (),
    "evalsha": ("0" * 40, 0),
    "script|load": ("return 1",),
    "time": (),
    "wait": (0, 1),
    "info": ("server",),
    "mset": (KEY, ""),  # from here on a short string, so that no other command writes into it
    "get": (KEY,),
    "mget": (KEY,),
    "getrange": (KEY, 0, 0),
    "strlen": (KEY,),
    "exists": (KEY,),
    "type": (KEY,),
    "pttl": (KEY,),
    "persist": (KEY,),
    "expire": (KEY, 60),
    "set": (KEY, "", "EX", 60),
    "sadd": (KEY, ""),
    "srem": (KEY, ""),
    "sismember": (KEY, ""),
    "srandmember": (KEY,),
    "zadd": (KEY, 0, ""),
    "zrem": (KEY, ""),
    "zrange": (KEY, 0, 0),
    "del": (KEY,),
}
"""Arguments with which each command of the scaler's can be tried without harm, in this order, on a key of its own."""
