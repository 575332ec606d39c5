"""The tables in docs/identities.md: every action of the two roles, and what a scale set's life lacks without it."""

from pathlib import Path

from wire.role_life import ROLES, actions, lived, row

IDENTITIES = Path(__file__).parent / "identities.md"
_BEGIN, _END = "<!-- actions: written by docs/generate.py -->", "<!-- end of actions -->"


def identities_page() -> str:
    """The page with fresh tables. Takes a minute: a life for each action."""
    before, _, rest = IDENTITIES.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{'\n\n'.join(map(_table, ROLES))}\n{_END}{after}"


def _table(role: str) -> str:
    rows = (row(action, lived(role, without=action)) for action in actions(role))
    return "\n".join((f"| [{role}]({role}) | | without it |", "|---|---|---|", *rows))
