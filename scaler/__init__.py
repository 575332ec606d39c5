"""The scaler: all deployed code, in the order in which a tick flows through the packages.

cli          for operators: looks, plans, adopts, pauses; an extra, imported by no package below
runtime      the composition root: settings -> doors -> tick
signs        signs of life in Redis: what the latest tick of each controller came to
watch        ticks of a timer until the next timer; the starter's ticks, side by side
tick         read Redis -> observe Azure -> join -> decide -> actuate, at a single `now`
controllers  the verbs: provisioner, reconciler, starter, cleaner; pure functions from a fleet to a plan
actuate      the changes of a plan to the registry, then the orders to Azure; a failure is an outcome, not an end
registry     the door to Redis;  vmss  the door to Azure;  ports  the interfaces of both doors
model        the nouns: instance, record, notes, the lifecycle table, sighting, fleet, plan, policy
settings     the environment -> Settings;  telemetry  a plan and its outcomes -> log lines
clouds       addresses of Azure's clouds
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

VERSION = "0.2.0"
"""Of this scaler, in semantic versioning."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Hold the collector during the imports of the app: no import becomes garbage, and the search costs a tenth.

    All objects alive at the end are exempt for good. A full collection over the SDKs would stop all four controllers
    for some 35 ms, and find no garbage.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()
