"""The same examples on every machine, so that what lands today lands tomorrow; HUNT=1 looks for new ones."""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("hunt", deadline=None)
settings.load_profile("hunt" if os.environ.get("HUNT") else "steady")
