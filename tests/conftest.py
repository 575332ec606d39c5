"""The same examples on every machine, so that what lands today lands tomorrow; HUNT=1 looks for new ones.

Tests marked `long`, and all tests of the folders below, are for `make test-all`.
"""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("hunt", deadline=None)
settings.load_profile("hunt" if os.environ.get("HUNT") else "steady")

# A job in the background ignores SIGINT, and the commands that are tried would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONG_FOLDERS = {Path(__file__).parent / name for name in ("chaos", "cli", "disasters", "hostile", "model", "prior_art")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lives in a long folder, before pytest selects by marks."""
    for item in items:
        if item.path.parent in LONG_FOLDERS:
            item.add_marker(pytest.mark.long)
