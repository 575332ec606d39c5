"""What the process itself says: settings, renewals of tokens; and what it keeps others from saying."""

import logging
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from unit.test_settings import LEAST
from wire.scripted_arm import ScriptedArm, StaticToken, json_said, set_body

from scaler import runtime
from scaler.errors import ScalerError, Unreachable
from scaler.model.edges import Actor
from scaler.settings import InvalidSettings, load
from scaler.telemetry import read

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
            report = pool.connection_kwargs["credential_provider"]._source.report
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


def test_the_app_keeps_the_sdk_from_telling_of_every_request() -> None:
    """Of itself: host.json cannot set the level of a Python logger."""
    asked = "import function_app, logging; print(logging.getLogger('azure.core').getEffectiveLevel())"
    answered = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(answered.stdout) == logging.WARNING
