"""The page in a real browser, in a process: Debian's chromium, driven by playwright-core."""

import json
import os
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

from missing import missing

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "look.mjs"
PLAYWRIGHT = ROOT / ".browser" / "node_modules" / "playwright-core" / "index.mjs"


def look(url: str, folder: Path) -> Any:
    """What is on the page in three views, and what must not be; pictures go into the folder."""
    chromium, node = os.environ.get("CHROMIUM") or which("chromium"), which("node")
    if chromium is None or node is None or not PLAYWRIGHT.exists():
        missing("node, chromium or playwright-core (make browser) is not installed", "nobody sees the page")
    command = [node, str(SCRIPT), str(PLAYWRIGHT), chromium, url, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
