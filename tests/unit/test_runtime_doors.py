"""The doors that the settings name: one for each scale set, of its own kind, with gates of its own."""

from contextlib import closing
from dataclasses import replace
from typing import ClassVar

import pytest
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from unit.test_settings import LEAST
from wire.scripted_arm import Asked, Said, ScriptedArm, StaticToken, json_said, set_body

from scaler.errors import Throttled
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import ScaleSetName
from scaler.runtime import open_doors
from scaler.settings import load
from scaler.vmss.flexible import FlexibleScaleSet
from scaler.vmss.scale_set import ArmScaleSet

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
TWO = LEAST | {"AZURE_VMSS_NAME": "First,Second"}


@pytest.mark.parametrize(
    ("orchestration", "kinds"),
    [
        ("Uniform", {FIRST: ArmScaleSet, SECOND: ArmScaleSet}),
        ("first=flexible,second=uniform", {FIRST: FlexibleScaleSet, SECOND: ArmScaleSet}),
        ("first=flexible,Uniform", {FIRST: FlexibleScaleSet, SECOND: ArmScaleSet}),
    ],
)
def test_each_scale_set_has_the_door_of_its_kind(orchestration: str, kinds: dict[ScaleSetName, type]) -> None:
    with closing(open_doors(load(TWO | {"AZURE_VMSS_ORCHESTRATION": orchestration}))) as doors:
        assert {name: type(each) for name, each in doors.scale_sets.items()} == kinds
        assert {each.name for each in doors.scale_sets.values()} == {FIRST, SECOND}
        assert doors.ports(Actor.PROVISIONER).registry is None


def throttled(asked: Asked) -> Said:
    first = "/virtualMachineScaleSets/first" in asked.path
    return Said(status=429, headers={"Retry-After": "60"}) if first else json_said(set_body())


def test_a_throttle_closes_the_gate_for_every_controller_of_its_scale_set_and_for_no_other() -> None:
    with closing(ScriptedArm(throttled)) as arm:
        settings = load(TWO | {"AZURE_RESOURCE_MANAGER_URL": arm.endpoint})
        with closing(open_doors(settings, StaticToken())) as doors:
            for name in CONTROLLERS:
                with pytest.raises(Throttled):
                    doors.ports(name).scale_sets[FIRST].view()
                assert doors.ports(name).scale_sets[SECOND].view().name == SECOND
        assert [each.path.partition("?")[0].rpartition("/")[2] for each in arm.asked] == ["first"] + ["second"] * 4


class Listening(StaticToken):
    """Hears whom each token is to be for."""

    heard: ClassVar[list[str]] = []

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        self.heard.extend(scopes)
        return super().get_token_info(*scopes, options=options)


def test_a_token_is_for_the_cloud_that_the_settings_name() -> None:
    with closing(ScriptedArm(lambda _: json_said(set_body()))) as arm:
        settings = load(TWO | {"AZURE_RESOURCE_MANAGER_URL": arm.endpoint})
        elsewhere = replace(settings, arm_audience="https://management.chinacloudapi.cn")
        with closing(open_doors(elsewhere, Listening())) as doors:
            doors.scale_sets[FIRST].view()
    assert set(Listening.heard) == {"https://management.chinacloudapi.cn/.default"}
