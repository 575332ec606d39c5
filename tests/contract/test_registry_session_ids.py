"""What is a session id: one rule, and one sentence, for the client, the scripts and the record."""

import pytest
from contract.registries import House

from scaler.errors import ScalerError
from scaler.model.instance import SessionId
from scaler.registry.keys import ScriptName, script_text
from scaler.registry.record_json import MAX_SESSION_BYTES
from scaler.registry.reservations import Leaving, Stage

LONGEST = ["s" * MAX_SESSION_BYTES, "é" * (MAX_SESSION_BYTES // 2), "s" * 129]
NONE = ["", "s" * (MAX_SESSION_BYTES + 1), "é" * (MAX_SESSION_BYTES // 2) + "s", "a\nb", "a\0b", "\x7f", "\x1b[2J"]
SENTENCE = f"a session id is 1 to {MAX_SESSION_BYTES} bytes of UTF-8 without control characters"


@pytest.mark.parametrize("text", LONGEST, ids=len)
def test_what_can_be_reserved_can_be_looked_at_cancelled_and_read(house: House, text: str) -> None:
    session = SessionId(text)
    house.admit("a")
    assert house.reservations.reserve(session) is not None
    found = house.row("a").readable
    assert found is not None
    assert found.session_id == session
    assert house.reservations.look(session).stage is Stage.RESERVED
    assert house.reservations.release(session) is Leaving.RESERVED
    assert house.reservations.cancel(session) is Leaving.CANCELLED


@pytest.mark.parametrize("text", [*NONE, "\ud800"], ids=lambda text: str(len(text)))
@pytest.mark.parametrize("call", ["reserve", "look", "release", "cancel"])
def test_what_is_none_is_refused_by_the_client_with_the_sentence(house: House, call: str, text: str) -> None:
    house.admit("a")
    with pytest.raises(ValueError, match=SENTENCE):
        getattr(house.reservations, call)(SessionId(text))


@pytest.mark.parametrize("text", NONE, ids=lambda text: str(len(text)))
@pytest.mark.parametrize("name", [name for name in ScriptName if name.of_a_session])
def test_the_scripts_refuse_it_with_the_same_sentence(wired_house: House, name: ScriptName, text: str) -> None:
    wired_house.admit("a")
    keys = [f"vmss:session:{text}", "vmss:status:available", "vmss:status:reserved", "vmss:status:unavailable"]
    with pytest.raises(Exception, match=SENTENCE) as refused:
        wired_house.redis.eval(script_text(name), len(keys), *keys, text, "")
    assert not isinstance(refused.value, ScalerError)
    assert wired_house.members(wired_house.row("a").readable.status) == {"a"}  # type: ignore[union-attr]
