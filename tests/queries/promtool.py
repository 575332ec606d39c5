"""Prometheus' own check of metrics and rules, in a process."""

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".promtool" / "promtool"


def promtool(*words: str, stdin: str = "") -> str:
    """What it complains of; empty where all is well."""
    tool = INSTALLED if INSTALLED.exists() else which("promtool")
    if tool is None and os.environ.get("CI"):
        pytest.fail("promtool is not installed (make promtool), and CI must test with it")
    if tool is None:
        pytest.skip("promtool is not installed (make promtool): PROMETHEUS' OWN CHECK IS NOT RUN")
    done = subprocess.run([tool, *words], input=stdin, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
