"""What a test does without a tool that is not installed."""

import os
from typing import NoReturn

import pytest


def missing(what: str, untested: str) -> NoReturn:
    """Skip the test, and say what is not tested; in CI, where nothing is skipped, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI must test with it")
    pytest.skip(f"{what}: {untested.upper()}")
