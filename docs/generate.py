"""Writes the docs that are drawn from code: lifecycle, timeouts, waiting, cli, doctor, configuration, traces.

And scaler/registry/scripts/contract.lua, which the scripts share with the scaler's Python; and the tables of
identities.md, whose rows tests/wire/test_azure_role.py compares one by one.

`python docs/generate.py` writes them; tests/test_docs.py fails when they are stale. The table of the roles' actions is
written only with `--roles`: a minute, in which the scaler lives a life without each action.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # the model of the protocol is a test

from docs.cli_page import cli_page  # noqa: E402
from docs.contract_lua import CONTRACT_LUA, contract_lua  # noqa: E402
from docs.doctor_page import DOCTOR_PAGE, doctor_page  # noqa: E402
from docs.protocol_page import PROTOCOL_PAGE, protocol_page  # noqa: E402
from docs.rights_page import CONTRACT, access_string, contract_page  # noqa: E402
from docs.roles_page import IDENTITIES, identities_page  # noqa: E402
from docs.timeouts_page import timeouts_page  # noqa: E402
from docs.timeouts_table import WAITINGS  # noqa: E402
from docs.waiting_page import WAITING_PAGE, waiting_page  # noqa: E402
from monitoring.assemble import ALERTS, WORKBOOK, alerts_json, workbook_json  # noqa: E402
from scaler.model.edges import Actor, Edge  # noqa: E402
from scaler.model.lifecycle import LIFECYCLE, Rule  # noqa: E402
from scaler.model.row import Status  # noqa: E402
from scaler.model.standing import Standing  # noqa: E402
from scaler.settings import SETTINGS  # noqa: E402
from scaler.settings.table import PRESETS  # noqa: E402

LIFECYCLE_PAGE = ROOT / "docs" / "lifecycle.md"
TIMEOUTS_PAGE = ROOT / "docs" / "timeouts.md"
CLI_PAGE = ROOT / "docs" / "cli.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
_SPELLED = {Actor.VISITOR: "visitor (queue manager)", Actor.OPERATOR: "operator (by hand)"}

_PAGE = """# The lifecycle

Drawn from the table in `scaler/model/lifecycle.py` by `docs/generate.py`; do not edit by hand.

A machine's record has one of three statuses. Every step from one to another has an owner, and only the owner takes
it; each is one compare-and-set of record, notes and index (`docs/redis-contract.md`).

```mermaid
{diagram}
```

"Used" is a flag of an Unavailable record: a used machine is never offered again, and is deleted.

## The steps

| step | from | to | owner | when |
|---|---|---|---|---|
{steps}

MOVE and SWAP take a second machine in the same write: the one that the session goes on with is Available before and
Reserved after.

## What a machine is, and what ends it

All four controllers classify a machine by one function, `scaler/model/standing.py`. Every combination of record,
notes, power, mark and listing has exactly one standing, and every standing ends by a clock:
`tests/unit/test_nothing_waits_for_ever.py` goes through them all. How long each lasts: [timeouts.md](timeouts.md).

| standing | whose it is | what it waits in |
|---|---|---|
{standings}
"""


def lifecycle_page() -> str:
    """docs/lifecycle.md."""
    return _PAGE.format(
        diagram=_diagram(),
        steps="\n".join(_step(edge, rule) for edge, rule in LIFECYCLE.items()),
        standings="\n".join(_standing(word) for word in Standing),
    )


def _standing(word: Standing) -> str:
    inside = [each for each in WAITINGS if each.standing is word]
    enders = ", ".join(dict.fromkeys(each.ender for each in inside))
    return f"| {word} | {enders} | {'; '.join(each.state for each in inside)} |"


def _diagram() -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for edge, rule in LIFECYCLE.items():
        for source in rule.sources:
            arrows.setdefault((_node(source), _node(rule.target)), []).append(edge.name)
        if rule.partner is not None:
            other = LIFECYCLE[rule.partner]
            for source in other.sources:
                arrows.setdefault((_node(source), _node(other.target)), []).append(f"{edge.name} (to it)")
    lines = [f"    {source} --> {target}: {', '.join(edges)}" for (source, target), edges in arrows.items()]
    return "\n".join(["stateDiagram-v2", *lines])


def _node(status: Status | None) -> str:
    return status or "[*]"


def _step(edge: Edge, rule: Rule) -> str:
    sources = " or ".join(source or "–" for source in rule.sources)
    target = f"{rule.target or '–'}{', used' if rule.used else ''}"
    if rule.partner is not None:
        sources += f"; the other {' or '.join(source or '–' for source in LIFECYCLE[rule.partner].sources)}"
        target += f"; the other {LIFECYCLE[rule.partner].target}"
    return f"| {edge.name} | {sources} | {target} | {', '.join(map(_owner, rule.owners))} | {rule.when} |"


def _owner(owner: Actor) -> str:
    return _SPELLED.get(owner, owner)


def settings_table() -> str:
    """The table of all settings."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for each in SETTINGS:
        default = "required" if each.default is None else f"`{each.default}`" if each.default else ""
        rows.append(f"| `{each.name}` | {default} | {each.meaning} |")
    return "\n".join(rows)


def presets_table() -> str:
    """The defaults of each preset."""
    names = tuple(next(iter(PRESETS.values())))
    rows = [f"| preset | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (1 + len(names)) + "|"]
    for preset, values in PRESETS.items():
        rows.append(f"| `{preset}` | {' | '.join(f'`{values[name]}`' for name in names)} |")
    return "\n".join(rows)


def configuration() -> str:
    """docs/configuration.md with fresh tables."""
    page = CONFIGURATION.read_text(encoding="utf-8")
    for what, table in (("settings", settings_table()), ("presets", presets_table())):
        begin, end = f"<!-- {what}: written by docs/generate.py -->", f"<!-- end of {what} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    LIFECYCLE_PAGE.write_text(lifecycle_page(), encoding="utf-8")
    TIMEOUTS_PAGE.write_text(timeouts_page(), encoding="utf-8")
    CLI_PAGE.write_text(cli_page(), encoding="utf-8")
    DOCTOR_PAGE.write_text(doctor_page(), encoding="utf-8")
    CONTRACT_LUA.write_text(contract_lua(), encoding="utf-8")
    PROTOCOL_PAGE.write_text(protocol_page(), encoding="utf-8")
    ALERTS.write_text(alerts_json(), encoding="utf-8")
    WORKBOOK.write_text(workbook_json(), encoding="utf-8")
    CONFIGURATION.write_text(configuration(), encoding="utf-8")
    WAITING_PAGE.write_text(waiting_page(), encoding="utf-8")
    CONTRACT.write_text(contract_page(), encoding="utf-8")
    identities = identities_page() if "--roles" in sys.argv else IDENTITIES.read_text(encoding="utf-8")
    IDENTITIES.write_text(access_string(identities), encoding="utf-8")
