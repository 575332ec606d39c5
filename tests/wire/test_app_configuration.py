"""The operator's numbers in App Configuration, by the real SDK: keys, labels, pages, refusals, silence and garbage."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from ssl import SSLContext
from threading import Event
from typing import TYPE_CHECKING

import pytest
from wire.app_configuration import listing, row
from wire.entra_house import until
from wire.scripted_arm import STALL, Asked, Said, ScriptedArm, StaticToken, json_said

from emulator.wire.server import secured
from scaler.errors import Garbled, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import ScaleSetName
from scaler.model.sighting import OuterTags, Pause, Source, Tag

if TYPE_CHECKING:
    from scaler.vmss.app_configuration import AppConfiguration

FIRST = ScaleSetName("first")
SHORT = timedelta(seconds=0.3)

type Answers = Callable[[Asked], Said]
type Opens = Callable[..., tuple["AppConfiguration", ScriptedArm]]


@pytest.fixture
def opens() -> Iterator[Opens]:
    """A store that answers so, and the door to it."""
    from scaler.vmss.app_configuration import AppConfiguration  # noqa: PLC0415  (an extra)

    with ExitStack() as stack:

        def opened(answers: Answers, **options: timedelta) -> tuple[AppConfiguration, ScriptedArm]:
            server = stack.enter_context(closing(ScriptedArm(answers)))
            return stack.enter_context(closing(AppConfiguration(server.endpoint, StaticToken(), **options))), server

        yield opened


@pytest.mark.parametrize("per_page", [100, 1], ids=["on one page", "on a page each"])
def test_keys_without_label_are_for_all_and_those_with_a_label_for_the_scale_set_of_that_name(
    opens: Opens, per_page: int
) -> None:
    store, server = opens(lambda asked: listing(asked, per_page))
    assert store.read() == OuterTags(
        tags={
            "scaler:min": Tag("4", Source.STORE),
            "scaler:unknown": Tag("1", Source.STORE),  # a warning will name it
            "total_nodes": Tag("9", Source.STORE),
        },
        labelled={FIRST: OuterTags(tags={"scaler:min": Tag("6", Source.LABELLED)}, pause=Pause.ORDERS)},
    )
    assert {each.headers["authorization"] for each in server.asked} == {"Bearer a-token"}
    assert {each.method for each in server.asked} == {"GET"}
    assert len(server.asked) == (2 if per_page == 100 else 5)


class _OverTls(ScriptedArm):
    """The same server, over TLS."""

    def __init__(self, context: SSLContext) -> None:
        self._context = context
        super().__init__(listing)

    def _converse(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as inside:
            super()._converse(inside)


def test_a_store_over_tls_is_read_where_its_certificate_is_trusted_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scaler.vmss.app_configuration import AppConfiguration  # noqa: PLC0415  (an extra)

    shown, ca_file = secured(), tmp_path / "ca.pem"
    ca_file.write_bytes(shown.authority)
    with closing(_OverTls(shown.context)) as server:
        url = f"https://localhost:{server.port}"
        with closing(AppConfiguration(url, StaticToken())) as store, pytest.raises(Unreachable, match="CERTIFICATE"):
            store.read()
        assert not server.asked  # and no token was shown
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
        with closing(AppConfiguration(url, StaticToken())) as store:
            assert store.read().tags["total_nodes"] == Tag("9", Source.STORE)


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        (json_said({}, 401), Refused, "401"),
        (json_said({"title": "no"}, 403), Refused, "App Configuration Data Reader"),
        (json_said({}, 404), Refused, "404"),
        (json_said({}, 500), Unreachable, "500"),
        (json_said({}, 503, retry_after_ms="787"), Unreachable, "503"),
        (json_said({}, 302, location="https://elsewhere.example/kv"), Refused, "302"),
        (Said(body=b"<html>"), Garbled, "cannot be read"),
        (Said(body=b"[]"), Garbled, "cannot be read"),
        (json_said({"items": 7}), Garbled, "cannot be read"),
        (json_said({"items": [{"value": "4"}]}), Garbled, "cannot be read"),
        (
            json_said({"items": [row("scaler:min", None, "4")], "@nextLink": "/kv?key=x"}),
            Garbled,
            "more than 1000 keys",
        ),
        (json_said({"@nextLink": "/kv?key=x"}), Garbled, "cannot be read"),
        (Said(body=b'{"items": []}', cut=4), Garbled, "cannot be read"),
    ],
    ids=[
        "no token", "no role", "no store", "broken", "busy", "elsewhere", "a page", "a list", "no items", "no key",
        "pages without end", "empty pages without end", "cut off"
    ],
)  # fmt: skip
def test_a_failure_is_told_once_in_our_words_with_the_name_of_the_store(
    opens: Opens, said: Said, error: type[ScalerError], reason: str
) -> None:
    store, server = opens(lambda _: said, patience=timedelta(seconds=60))
    with pytest.raises(error) as raised:
        store.read()
    assert str(raised.value).startswith(f"{server.endpoint}: ")
    assert reason in str(raised.value)
    assert error is Garbled or len(server.asked) == 1  # no retries


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"retry_after_ms": "2500"}, 3), ({"retry_after": "7"}, 7), ({}, 60)], ids=str
)
def test_a_429_says_how_long_to_wait(opens: Opens, headers: Mapping[str, str], seconds: int) -> None:
    store, server = opens(lambda _: json_said({}, 429, **headers))
    with pytest.raises(Throttled) as raised:
        store.read()
    assert raised.value.retry_after == timedelta(seconds=seconds)
    assert len(server.asked) == 1


def test_a_silent_store_keeps_nobody_for_longer_than_its_patience_and_is_not_asked_twice(opens: Opens) -> None:
    store, server = opens(lambda _: STALL, patience=SHORT)
    for _ in range(3):
        with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
            store.read()
    assert len(server.asked) == 1


def test_a_store_that_answers_again_is_read_again(opens: Opens) -> None:
    release, found = Event(), list[OuterTags]()

    def late(asked: Asked) -> Said:
        release.wait()
        return listing(asked)

    def answered() -> bool:
        with suppress(Unreachable):
            found.append(store.read())
        return bool(found)

    store, _ = opens(late, patience=SHORT)
    assert not answered()
    release.set()
    until(answered)
    assert found[0].tags["total_nodes"].value == "9"
