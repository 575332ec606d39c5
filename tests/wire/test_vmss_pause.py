"""The operator's pause, as it is written into Azure."""

from datetime import timedelta

import pytest
from contract.scale_sets import UNIFORM
from wire.scripted_arm import PATH, json_said, refusal_said, set_body, wired

from scaler.errors import Refused
from scaler.model.sighting import Pause
from scaler.vmss.scale_set import ArmScaleSet


@pytest.mark.parametrize(("how", "word"), [(Pause.NONE, b'"false"'), (Pause.ORDERS, b'"true"'), (Pause.ALL, b'"all"')])
def test_a_pause_is_one_patch_of_one_tag(how: Pause, word: bytes) -> None:
    with wired(lambda asked: json_said(set_body() if asked.method == "GET" else {})) as wire:
        before = wire.scale_set.view()
        wire.scale_set.set_pause(how)
        asked = wire.asked[-1]
        path = f"{PATH}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01"
        assert (asked.method, asked.path) == ("PATCH", path)
        assert b'"Merge"' in asked.body
        assert b'"scaler:paused": ' + word in asked.body
        assert wire.scale_set.view(no_older_than=timedelta(minutes=1)) is not before  # it may say otherwise by now


def test_a_pause_that_is_refused_names_the_permission() -> None:
    with wired(lambda _: refusal_said(403, "AuthorizationFailed")) as wire:
        with pytest.raises(Refused, match=r"Microsoft\.Resources/tags/write"):
            wire.scale_set.set_pause(Pause.ALL)
        assert len(wire.asked) == 1


def test_the_other_tags_stay_as_they_are_and_an_operators_spelling_too() -> None:
    with UNIFORM.over_the_wire() as house:
        assert isinstance(house.scale_set, ArmScaleSet)
        house.emulated.tag(**{"scaler:managed": "true", "owner": "us", "Scaler:Paused": "perhaps"})
        for how in (Pause.ALL, Pause.ORDERS, Pause.NONE):
            house.scale_set.set_pause(how)
            assert house.scale_set.view().pause is how
            tags = dict(house.emulated.set_state.tags)
            assert tags.keys() == {"scaler:managed", "owner", "Scaler:Paused"}
            assert (tags["scaler:managed"], tags["owner"]) == ("true", "us")
