"""Campaigns in every weather, a few seeds each. SEEDS=500 makes it a night's work; `make chaos` tells more of it."""

import os

import pytest

from simulator.chaos.campaign import Campaign
from simulator.chaos.weather import WEATHERS

SEEDS = int(os.environ.get("SEEDS") or "1")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("weather", WEATHERS)
def test_no_wrong_is_done_and_the_weather_clears(weather: str, seed: int) -> None:
    campaign = Campaign(WEATHERS[weather], seed)
    campaign.go()
    assert not campaign.world.wrongs
    settled = campaign.settle()
    assert not campaign.world.wrongs
    assert not settled.amiss
