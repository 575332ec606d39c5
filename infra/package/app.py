"""Which files of this repository are deployed; everything else stays behind."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

_BESIDE_THE_CODE = ("function_app.py", "host.json", "requirements.txt")
_CODE = "scaler"
_KINDS = frozenset({".py", ".lua"})
_FOR_PEOPLE = frozenset({"__main__.py", "cli.py", "cli"})  # command lines: no function imports them


def deployed() -> tuple[Path, ...]:
    """Their paths below the repository's root, sorted."""
    code = (path.relative_to(ROOT) for path in (ROOT / _CODE).rglob("*") if path.suffix in _KINDS)
    named = (Path(each) for each in _BESIDE_THE_CODE)
    calendars = (path.relative_to(ROOT) for path in ROOT.glob("calendar*.json"))  # that SCALER_CALENDAR may name
    return tuple(sorted((*named, *calendars, *(path for path in code if path.parts[1] not in _FOR_PEOPLE))))
