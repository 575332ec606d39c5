"""A look at one machine stays within its scale set: the same instance id names another machine in the next one."""

from dataclasses import replace

import pytest
from builders import ref
from wire.scripted_arm import Said, wired

from scaler.errors import Refused
from scaler.model.instance import InstanceId, ScaleSetName


@pytest.mark.parametrize(
    "changed",
    [{"scale_set": ScaleSetName("others")}, {"instance_id": InstanceId("..")}, {"instance_id": InstanceId("*")}],
)
def test_what_is_none_of_its_machines_is_refused_and_not_asked_for(changed: dict[str, str]) -> None:
    with wired(lambda _: Said(status=200)) as wire:
        wrong = replace(replace(ref(1), scale_set=wire.scale_set.name), **changed)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="not an instance of"):
            wire.scale_set.get(wrong)
        assert wire.asked == []
