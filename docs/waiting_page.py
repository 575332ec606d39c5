"""docs/waiting.md: what a visitor is told at each second of a wait, as the simulator lets it happen."""

from pathlib import Path

from simulator.waiting import tables

WAITING_PAGE = Path(__file__).parent / "waiting.md"

_PAGE = """# What a waiting visitor can be told

Written by `docs/generate.py` with `python -m simulator waiting`; do not edit by hand.

The real controllers and scripts before an emulated Azure, in virtual time. The page asks once a second, and knows
nothing but the answers of `look`, and of `GET vmss:waits` where `reserve` answers nil
([redis-contract.md](redis-contract.md#while-a-visitor-waits)). No wait was measured before: until ten of a tier are, a
visitor is told 1 s for a hot machine, 10 s for a warm one and 110 s for a cold one.

{tables}

Where the time passes and the machine is not open, `look` moves the time on by 10 s, then by 20, by 40, and so on:
whoever is late is told of twice as much each time. A session that is moved begins its expected time anew.
"""


def waiting_page() -> str:
    """The page."""
    return _PAGE.format(tables=tables())
