"""What the fuzzers prove, in a second or two; and everything that they ever found. `make fuzz` goes on for longer."""

from random import Random

import hypothesis.strategies as st
import pytest
from fuzz.reading import TARGETS
from fuzz.seeds import FINDINGS, mutated, seeds_of
from hypothesis import given


@pytest.mark.parametrize("target", TARGETS)
def test_a_property_holds_for_whatever_is_nearly_right(target: str) -> None:
    prove, seeds = TARGETS[target], list(seeds_of(target))

    @given(st.sampled_from(seeds), st.randoms(use_true_random=False), st.integers(0, 3))
    def nearly(raw: bytes, choice: Random, times: int) -> None:
        for _ in range(times):
            raw = mutated(raw, choice)
        prove(raw)

    nearly()


@pytest.mark.parametrize("target", TARGETS)
def test_a_property_holds_for_bytes(target: str) -> None:
    given(st.binary())(TARGETS[target])()


@pytest.mark.parametrize(("target", "raw"), [(target, raw) for target, those in FINDINGS.items() for raw in those])
def test_what_was_found_stays_found(target: str, raw: bytes) -> None:
    TARGETS[target](raw)
