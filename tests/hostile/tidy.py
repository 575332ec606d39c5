"""What must be true whatever was said to the scaler: nothing hostile is in a request, a key or a log line of it."""

import json
import re

import pytest
from hostile.world import World

PATHS = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w-]+/providers/Microsoft\.Compute/virtualMachineScaleSets/[\w-]+"
    r"(/virtualMachines(/[0-9]+(/deallocate|/powerOff)?)?|/networkInterfaces|/publicIPAddresses|/start|/delete|/deallocate|/poweroff)?",
    re.IGNORECASE,
)
"""What the scaler may ask for: by names from the settings and numbers from Azure."""


def assert_tidy(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """No request, no key and no log line has anything hostile in it."""
    for call in world.server.calls:
        assert PATHS.fullmatch(call.path.partition("?")[0]), call.path
    if hasattr(world.house.redis, "keys"):
        assert all(key.startswith(b"vmss:") for key in world.house.redis.keys("*"))
    for line in caplog.records:
        said = [line.getMessage(), *(value for value in vars(line).values() if isinstance(value, str | dict))]
        for each in said:
            text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
            assert text.isprintable() or (line.name != "scaler" and "\x1b" not in text), (line.name, text[:300])
            assert len(text) < 3_000, (line.name, text[:300])
