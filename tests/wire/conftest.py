"""What the tests of the wire begin with."""

from collections.abc import Iterator

import pytest
from wire.connection import Wire, wired


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A connection to a scale set with three VMs that have been running for a while."""
    with wired() as made:
        yield made
