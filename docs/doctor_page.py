"""docs/doctor.md: drawn from the catalogue of findings of `scaler doctor`."""

from pathlib import Path

from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Area

DOCTOR_PAGE = Path(__file__).parent / "doctor.md"
_PAGE = """# What `scaler doctor` finds

Drawn from `scaler/cli/checks/catalogue.py` by `docs/generate.py`; do not edit by hand.

```console
$ scaler --settings local.settings.json doctor          # before the first deployment, and at any time
$ scaler --settings local.settings.json doctor --json   # one object for each finding: code, area, level, said, remedy
```

It ends with 0 without a fault, and with 4 where there is one, mistakes in the settings among them. Nothing is changed:
Azure is only read, and in Redis each command of the scaler's user is tried on a key of its own, which is gone
afterwards. With mistakes in the settings these alone are told; else each area is looked at, whatever is wrong in the
others.

* **As whom.** Azure tells a caller's own permissions and nobody else's. A person names the function app's identity by
  its object id (`--identity`), and doctor reads the roles that are assigned to it; deny assignments and conditions are
  not looked at. Inside Azure the identity asks for itself, if its role has `Microsoft.Authorization/permissions/read`.
* **When asked.** `--queue-manager USER` looks at that user's rights in Redis, and `--try-mark VM_ID` sets the mark of a
  machine once more that has it: Azure accepts or refuses, and the machine stays what it is.
* **From where.** Round trips and clocks are those of the host on which the command runs.
* A *fault* keeps the scaler from working, or visitors from their sessions. A *warning* is allowed, and costs money,
  waits or safety. *Unknown* could not be looked at.

In the sentences and commands `$set`, `$group` and so on stand for what was found; NAME, GROUP, APP and OBJECT_ID are
yours to fill in. None of the commands was run against Azure.

{areas}
"""


def doctor_page() -> str:
    """The page: a table for each area."""
    return _PAGE.format(areas="\n\n".join(map(_area, Area)))


def _area(area: Area) -> str:
    rows = (_row(known) for known in Known if known.value.area is area)
    title = f"## {area.capitalize()}"
    return "\n".join(
        (title, "", "| code | level | what is said | why it matters | remedy |", "|---|---|---|---|---|", *rows)
    )


def _row(known: Known) -> str:
    sort = known.value
    cells = (f"`{known.code}`", sort.level, sort.said, sort.because, f"`{sort.remedy}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
