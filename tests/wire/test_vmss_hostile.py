"""Answers that ARM would not give, or only on a very bad day: nothing is concluded from them, and nothing hangs."""

from datetime import timedelta
from threading import Event

import pytest
from wire.scripted_arm import STALL, Asked, Said, json_said, ref, refusal_said, vm_row, wired

from scaler.errors import Garbled, Missing, Refused, Unreachable
from scaler.vmss.client import Bounds

IMPATIENT = Bounds(read=timedelta(seconds=0.2), listing=timedelta(seconds=0.3))
MINUTE = timedelta(minutes=1)
PAGE = json_said({"value": [vm_row(1), vm_row(2)]})
BODIES = {
    "truncated": Said(body=PAGE.body, cut=20),
    "not JSON, says so": Said(body=b"<html>", headers={"Content-Type": "text/html"}),
    "JSON, says otherwise": Said(body=PAGE.body, headers={"Content-Type": "text/html"}),
    "not JSON, says otherwise": Said(body=b"<html>"),
    "half a document": Said(body=PAGE.body[:-30]),
    "nothing": Said(body=b""),
    "an object without value": json_said({}),
    "value is null": json_said({"value": None}),
    "rows of another type": json_said({"value": [1]}),
    "no Date": json_said({"value": []}, date=""),
    "a Date that is none": json_said({"value": []}, date="yesterday"),
    "not UTF-8": Said(body=b'{"value": [], "x": "\xff", "nextLink": "\xff"}'),
    "no content for a page": Said(status=204),
}


@pytest.mark.parametrize("said", BODIES.values(), ids=BODIES.keys())
def test_a_listing_that_cannot_be_one_teaches_nothing(said: Said) -> None:
    with wired(lambda _: said) as wire, pytest.raises(Garbled):
        wire.scale_set.list_instances()


def test_a_listing_whose_second_page_is_broken_is_no_listing() -> None:
    def script(asked: Asked) -> Said:
        first = "page=2" not in asked.path
        link = f"http://{asked.headers['host']}{asked.path}&page=2"
        return json_said({"value": [vm_row(1)], "nextLink": link}) if first else Said(body=PAGE.body, cut=5)

    with wired(script) as wire, pytest.raises(Garbled):
        wire.scale_set.list_instances()


LINKS = (
    "http://127.0.0.1:1/elsewhere",
    "https://{host}/another-scheme",
    "http://{host}@evil.example/",
    "http://user@{host}/",
    "http://{host}\\@evil.example/",
    "http://evil.example\\@{host}/",
    "//{host}/no-scheme",
    "/only/a/path",
    "http://{host}/{{endpoint}}",
    "http://{host}:x/",
    "http://[/",
    "ftp://{host}/",
    "http://{host}/ü",
)


@pytest.mark.parametrize("link", LINKS)
def test_a_next_link_to_anywhere_else_is_not_followed(link: str) -> None:
    def script(asked: Asked) -> Said:
        return json_said({"value": [], "nextLink": link.format(host=asked.headers["host"])})

    with wired(script) as wire:
        with pytest.raises(Garbled):
            wire.scale_set.list_instances()
        assert len(wire.asked) == 1


def test_a_next_link_in_a_circle_is_not_followed_twice() -> None:
    def script(asked: Asked) -> Said:
        return json_said({"value": [], "nextLink": f"http://{asked.headers['host']}/again"})

    with wired(script) as wire:
        with pytest.raises(Garbled):
            wire.scale_set.list_instances()
        assert len(wire.asked) == 2


def test_a_listing_without_end_ends() -> None:
    def script(asked: Asked) -> Said:
        link = f"http://{asked.headers['host']}/page?n={len(asked.path)}&{asked.path.partition('&')[2]}x"
        return json_said({"value": [], "nextLink": link})

    with wired(script, Bounds(pages=20)) as wire:
        with pytest.raises(Garbled):
            wire.scale_set.list_instances()
        assert len(wire.asked) == 20


def test_a_huge_page_is_given_up_before_it_fills_the_memory() -> None:
    bound = Bounds().page_bytes
    with wired(lambda _: Said(body=b'{"value": [' + b" " * bound + b"]}")) as wire, pytest.raises(Garbled):
        wire.scale_set.list_instances()


def test_a_page_of_just_that_size_is_read() -> None:
    body = b'{"value": ['.ljust(Bounds().page_bytes - 2) + b"]}"
    with wired(lambda _: Said(body=body)) as wire:
        assert wire.scale_set.list_instances().instances == ()


@pytest.mark.parametrize("what", ["view", "list_instances", "get"])
def test_a_look_that_is_not_answered_is_given_up(what: str) -> None:
    with wired(lambda _: STALL, IMPATIENT) as wire, pytest.raises(Unreachable):
        wire.scale_set.get(ref(1)) if what == "get" else getattr(wire.scale_set, what)()


def test_a_page_that_drips_in_is_given_up() -> None:
    body = json_said({"value": [], "filler": "x" * 500_000}).body
    with wired(lambda _: Said(body=body, halfway=lambda: clock.advance(timedelta(seconds=21)))) as wire:
        clock = wire.clock
        with pytest.raises(Unreachable, match="too long"):
            wire.scale_set.list_instances()


@pytest.mark.parametrize("status", [200, 202, 409])
def test_a_body_that_never_ends_does_not_hold_a_call_beyond_its_time(status: int) -> None:
    ended = Event()  # set when the client hung up
    said = Said(status=status, body=b"{}", headers={"Content-Length": "9"}, halfway=ended.wait)
    with wired(lambda _: said, IMPATIENT) as wire:
        with pytest.raises(Unreachable):
            wire.scale_set.get(ref(1))
        ended.set()


def test_an_order_that_is_not_answered_is_given_up_when_its_time_is_over() -> None:
    with wired(lambda _: STALL) as wire:
        with pytest.raises(Unreachable):
            wire.scale_set.start([ref(1)], within=timedelta(seconds=0.2))
        assert len(wire.asked) <= 1


def test_an_order_whose_time_is_over_is_not_sent() -> None:
    with wired(lambda _: Said(status=202)) as wire:
        with pytest.raises(Unreachable):
            wire.scale_set.start([ref(1)], within=timedelta(0))
        assert wire.asked == []


def test_no_arm_at_all_is_unreachable() -> None:
    with wired(lambda _: PAGE) as wire:
        wire.server.close()
        with pytest.raises(Unreachable):
            wire.scale_set.list_instances()
        with pytest.raises(Unreachable):
            wire.scale_set.delete([ref(1)], within=MINUTE)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    def script(asked: Asked) -> Said:
        return Said(status=status, headers={"Location": f"http://{asked.headers['host']}/there"})

    with wired(script) as wire:
        with pytest.raises(Refused):
            wire.scale_set.view()
        with pytest.raises(Refused):
            wire.scale_set.start([ref(1)], within=MINUTE)
        assert len(wire.asked) == 2


def test_an_instance_that_does_not_say_who_it_is_is_not_gone() -> None:
    nameless = {"id": "", "instanceId": "1", "properties": {"provisioningState": "Deleting"}}
    for said in map(json_said, (nameless, vm_row(2), {})):
        with wired(lambda _: said) as wire, pytest.raises(Garbled):  # noqa: B023 (served before the next turn)
            wire.scale_set.get(ref(1))


NOT_FROM_ARM = (Said(status=404), Said(status=404, body=b"<html>", headers={"Content-Type": "text/html"}))


@pytest.mark.parametrize("said", NOT_FROM_ARM)
def test_a_404_that_is_not_from_arm_is_no_evidence(said: Said) -> None:
    with wired(lambda _: said) as wire, pytest.raises(Garbled):
        wire.scale_set.get(ref(1))


@pytest.mark.parametrize("code", ["ResourceGroupNotFound", "ParentResourceNotFound", "SubscriptionNotFound"])
def test_a_404_for_the_whole_scale_set_is_not_an_answer_about_an_instance(code: str) -> None:
    with wired(lambda _: refusal_said(404, code)) as wire, pytest.raises(Missing) as missing:
        wire.scale_set.get(ref(1))
    assert missing.value.instance_ids == ()
    assert "check AZURE_VMSS_NAME, AZURE_RESOURCE_GROUP and AZURE_SUBSCRIPTION_ID" in str(missing.value)


def test_a_404_without_a_date_is_no_evidence() -> None:
    with wired(lambda _: refusal_said(404, "NotFound", date="")) as wire, pytest.raises(Garbled):
        wire.scale_set.get(ref(1))


def test_a_body_of_unknown_length_whose_connection_stays_open_is_given_up() -> None:
    said = Said(body=PAGE.body, headers={"Content-Length": "many"})
    with wired(lambda _: said, IMPATIENT) as wire, pytest.raises(Unreachable):
        wire.scale_set.view()


@pytest.mark.parametrize("headers", [{"Retry-After": "Thu, 01 Jan 2026 00:01:00 GMT"}, {"Retry-After": "soon"}])
def test_an_accepted_order_is_accepted_whatever_its_headers_say(headers: dict[str, str]) -> None:
    with wired(lambda _: Said(status=202, headers=headers)) as wire:
        wire.scale_set.start([ref(1)], within=MINUTE)
        wire.scale_set.mark(ref(1), None, within=MINUTE)


def test_an_accepted_order_is_accepted_even_if_its_answer_breaks_off() -> None:
    with wired(lambda _: Said(status=202, body=b"0123456789", cut=5)) as wire:
        wire.scale_set.delete([ref(1)], within=MINUTE)


def test_an_unregistered_provider_is_reported_instead_of_registered() -> None:
    message = "The subscription is not registered to use namespace 'Microsoft.Compute'."
    with wired(lambda _: refusal_said(409, "MissingSubscriptionRegistration", message)) as wire:
        with pytest.raises(Refused):
            wire.scale_set.view()
        with pytest.raises(Refused):
            wire.scale_set.start([ref(1)], within=MINUTE)
        assert [each.method for each in wire.asked] == ["GET", "POST"]
