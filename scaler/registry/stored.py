"""What stands for a value that was not read whole: a write compares it by its kind."""

from typing import Any, ClassVar


class Odd(bytes):
    """In a row's `before`, in the place of the bytes."""

    why: ClassVar[str]


class TooLong(Odd):
    """Longer than any value of ours. Its first bytes."""

    why = "longer than any value of ours"


class NoString(Odd):
    """The key holds a list, a hash, a set, …; nothing of it is read."""

    why = "a value of another type than a string"


class NotRead(Odd):
    """So many large values were asked for that this one was left out: nothing is known of it."""

    why = "not read: there are too many large values; look who writes them (redis-cli --bigkeys)"


def value_of(answer: Any) -> bytes | None:
    """An answer of scripts/values.lua."""
    if isinstance(answer, list):
        return TooLong(answer[0])
    if isinstance(answer, int):
        return NotRead() if answer else NoString()
    value: bytes | None = answer
    return value


def wire_form(value: bytes | None) -> bytes:
    """How scripts/apply.lua is told what must still be there."""
    if value is None:
        return b"-"
    if isinstance(value, TooLong):
        return b"<" + value
    return b"!" if isinstance(value, NoString) else b"=" + value
