"""`python -m scaler` checks the settings in the environment: exit status 2 and every mistake if they cannot be used."""

import os
import sys

from scaler.settings import SETTINGS, InvalidSettings, load

_SECRET = {"REDIS_PASSWORD", "REDIS_URL"}


def main() -> int:
    """Print each setting as it takes effect, or all mistakes."""
    try:
        load(os.environ)
    except InvalidSettings as invalid:
        print(invalid, file=sys.stderr)  # noqa: T201
        return 2
    for each in SETTINGS:
        value = os.environ.get(each.name, "").strip()
        shown = "(set)" if value and each.name in _SECRET else value or f"{each.default} (default)"
        print(f"{each.name:28} {shown}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
