"""The process: the doors that its settings name, with gates of their own, and what it says of itself."""

import logging
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import ClassVar

import pytest
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from tick_house import NAME, House
from unit.test_settings import LEAST
from wire.scripted_arm import Asked, Said, ScriptedArm, StaticToken, json_said, set_body

from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from scaler import runtime
from scaler.errors import ScalerError, Throttled, Unreachable
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import InstanceRef, ScaleSetName
from scaler.model.plan import Deallocate
from scaler.model.sighting import Answer
from scaler.runtime import open_doors
from scaler.settings import InvalidSettings, load
from scaler.telemetry import read
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


class Meeting(InProcessScaleSet):
    """Answers no GET before another is under way."""

    under_way: ClassVar[Barrier] = Barrier(2, timeout=10)

    def get(self, ref: InstanceRef) -> Answer:
        self.under_way.wait()
        return super().get(ref)


def test_a_controller_asks_for_several_machines_at_the_same_time() -> None:
    house = House()
    house.doors(Meeting)
    house.azure.scale(Scale(capacity=2), by="operator")
    house.later(minutes=5)
    with closing(open_doors(load(LEAST | {"AZURE_VMSS_NAME": NAME}))) as doors:
        # a tick uses no more of a door than the port has
        report = replace(doors, scale_sets=house.faces).tick(Actor.PROVISIONER).run()  # type: ignore[arg-type]
    assert [type(step.order) for step in report.plan.steps if step.vm_id is not None] == [Deallocate] * 2


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


ROOT = Path(__file__).parents[2]


def test_settings_that_cannot_be_used_are_one_line_for_each_mistake(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in (LEAST | {"SCALER_POOL_CAPACITY": "many", "REDIS_HOST": "a b"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings):
        runtime.run("starter")
    said = {facts["setting"]: (sentence, facts["event"]) for sentence, facts in map(read, caplog.messages)}
    assert set(said) == {"SCALER_POOL_CAPACITY", "REDIS_HOST"}
    sentence = "the settings cannot be used: SCALER_POOL_CAPACITY: 'many' cannot be used; expected a whole number"
    assert said["SCALER_POOL_CAPACITY"][0].startswith(sentence)
    assert {event for _, event in said.values()} == {"settings"}


def test_what_the_thread_that_renews_tokens_met_is_said_by_the_next_tick(caplog: pytest.LogCaptureFixture) -> None:
    entra = LEAST | {"REDIS_HOST": "localhost", "REDIS_AUTH": "entra", "SCALER_PROVISIONER_WATCH": "0"}
    with closing(ScriptedArm(lambda _: json_said(set_body()))) as arm:
        settings = load(entra | {"AZURE_RESOURCE_MANAGER_URL": arm.endpoint})
        with closing(runtime.open_doors(settings, StaticToken())) as doors:
            pool = doors.registry.client.connection_pool
            report = pool.connection_kwargs["credential_provider"]._report
            thread = Thread(target=report, args=[Unreachable("the identity endpoint does not answer")])
            thread.start()
            thread.join()
            assert caplog.messages == []
            scaler = runtime.Scaler(doors)
            for _ in range(2):
                with pytest.raises(ScalerError):  # this ARM's answers are no listing
                    scaler.watch(Actor.PROVISIONER)
    renewals = [(sentence, facts) for sentence, facts in map(read, caplog.messages) if facts["event"] == "renewal"]
    assert [sentence for sentence, _ in renewals] == [
        "the Entra ID token for Redis could not be renewed: the identity endpoint does not answer"
    ]
    assert renewals[0][1]["controller"] == "provisioner"


@pytest.mark.parametrize(("logger", "level"), [("azure.core", logging.WARNING), ("azure.identity.x", logging.ERROR)])
def test_the_app_keeps_the_sdk_from_telling_of_every_request_and_from_quoting_tokens(logger: str, level: int) -> None:
    """Of itself: host.json cannot set the level of a Python logger."""
    asked = f"import function_app, logging; print(logging.getLogger({logger!r}).getEffectiveLevel())"
    answered = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(answered.stdout) == level


class _HostTime:
    """Both clocks of a host, moved by the test."""

    def __init__(self) -> None:
        self.awake, self.wall = 100.0, 1_700_000_000.0

    def monotonic(self) -> float:
        return self.awake

    def time(self) -> float:
        return self.wall

    def pass_time(self, awake: float, wall: float) -> None:
        self.awake += awake
        self.wall += wall


@pytest.mark.parametrize(
    ("awake", "wall", "passed"),
    [(5, 5, 5), (2, 42, 42), (5, -3600, 5), (5, 5.25, 5)],
    ids=["awake", "suspended for 40 s", "the wall clock was set back", "the wall clock is adjusted"],
)
def test_a_look_is_as_old_as_the_older_of_two_clocks_says(
    monkeypatch: pytest.MonkeyPatch, awake: float, wall: float, passed: float
) -> None:
    host = _HostTime()
    monkeypatch.setattr(runtime, "time", host)
    clock = runtime.SystemClock()
    host.pass_time(1, -7200)  # set back before: what comes is measured all the same
    sent = clock.monotonic()
    host.pass_time(awake, wall)
    assert clock.monotonic() - sent == pytest.approx(passed)
    assert clock.monotonic() - sent == pytest.approx(passed)
