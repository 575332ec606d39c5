"""The README's picture: a frame as an SVG that loads nothing, and tells nothing of the machine it was made on."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from live_builders import frame, machine

from scaler.model.row import Status
from simulator.figures import Tier
from simulator.live.screen import svg, variety

RUN = Path(__file__).parents[2] / "docs" / "run.svg"


def pictures() -> dict[str, str]:
    """A fresh one, and the README's."""
    return {"fresh": svg(frame(machine(0))), "the README's": RUN.read_text(encoding="utf-8")}


@pytest.mark.parametrize("which", ["fresh", "the README's"])
def test_a_picture_loads_nothing_from_elsewhere(which: str) -> None:
    text = pictures()[which]
    assert set(re.findall(r"https?://[^\"' )]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@font-face|@import|url\((?!#)|<script|href=", text)


@pytest.mark.parametrize("which", ["fresh", "the README's"])
def test_a_picture_is_a_well_formed_svg_that_shows_a_run(which: str) -> None:
    root = ElementTree.fromstring(pictures()[which])
    words = " ".join("".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ").split())
    for word in ("make run", "Ctrl-C ends it", "provisioner", "Available"):
        assert word in words


def test_the_readmes_picture_names_no_path_and_no_address() -> None:
    assert not re.search(r"/(home|work|tmp|root|Users)/|127\.0\.0\.1", pictures()["the README's"])


def test_more_variety_makes_a_better_picture() -> None:
    dull = frame(machine(0), machine(1))
    lively = frame(machine(0), machine(1, Status.RESERVED, power="starting", tier=Tier.COLD))
    assert variety(lively) > variety(dull) > variety(frame())
