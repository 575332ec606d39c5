"""Prometheus' own check of metrics and rules, in a process."""

import subprocess
from pathlib import Path
from shutil import which

from missing import missing

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".promtool" / "promtool"


def promtool(*words: str, stdin: str = "") -> str:
    """What it complains of; empty where all is well."""
    tool = INSTALLED if INSTALLED.exists() else which("promtool")
    if tool is None:
        missing("promtool is not installed (make promtool)", "Prometheus' own check is not run")
    done = subprocess.run([tool, *words], input=stdin, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
