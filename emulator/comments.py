"""What stands beside the members of a class in its source, so that --help says it in the same words."""

from inspect import getsource
from re import fullmatch


def beside(kind: type) -> dict[str, str]:
    """Each member's or field's comment, by its name as it stands there; empty where it has none."""
    found = (fullmatch(r"    (\w+)(?:: [^=]+)? = .*?(?:  # (.*))?", line) for line in getsource(kind).splitlines())
    return {each.group(1): each.group(2) or "" for each in found if each}
