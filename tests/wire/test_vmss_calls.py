"""What goes over the wire: how often, in whose name, and with which body."""

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from contract.scale_sets import UNIFORM
from wire.scripted_arm import PATH, Asked, Said, json_said, ref, refusal_said, set_body, vm_row, wired

from scaler.errors import (
    Conflict,
    Missing,
    Partly,
    Refused,
    ScalerError,
    Throttled,
    Unreachable,
)
from scaler.model.sighting import Pause
from scaler.vmss.calls import API_VERSION
from scaler.vmss.gates import Kind
from scaler.vmss.scale_set import ArmScaleSet

MINUTE = timedelta(minutes=1)
ACCEPTED = Said(status=202)


def path_of(asked: Asked) -> str:
    return asked.path.partition("?")[0]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "OperationNotAllowed", Throttled),
        (500, "InternalServerError", Unreachable),
        (503, "ServiceUnavailable", Unreachable),
        (408, "RequestTimeout", Unreachable),
        (409, "Conflict", Conflict),
        (412, "PreconditionFailed", Conflict),
        (404, "ResourceNotFound", Missing),
        (401, "ExpiredAuthenticationToken", Refused),
        (403, "AuthorizationFailed", Refused),
        (400, "InvalidParameter", Refused),
    ],
)
def test_no_request_is_ever_repeated(status: int, code: str, error: type[ScalerError]) -> None:
    said = refusal_said(status, code, retry_after="1")
    with wired(lambda _: said) as wire:
        it = wire.scale_set
        calls: tuple[Callable[[], object], ...] = (
            it.view,
            it.list_instances,
            lambda: it.start([ref(1)], within=MINUTE),
            lambda: it.deallocate([ref(1)], within=MINUTE),
            lambda: it.delete([ref(1)], within=MINUTE),
            lambda: it.mark(ref(1), None, within=MINUTE),
        )
        for call in calls:
            with pytest.raises(error):
                call()
            wire.clock.advance(MINUTE)
        assert len(wire.asked) == len(calls)


def test_a_refusal_for_want_of_rights_names_the_remedy() -> None:
    with wired(lambda _: refusal_said(403, "AuthorizationFailed")) as wire:
        with pytest.raises(Refused, match="managed identity") as refused:
            wire.scale_set.view()
        assert (refused.value.status, refused.value.code) == (403, "AuthorizationFailed")


def test_every_request_carries_the_token_the_version_and_the_controllers_name() -> None:
    def script(asked: Asked) -> Said:
        return ACCEPTED if asked.method != "GET" else json_said({"value": [], **set_body()})

    with wired(script) as wire:
        starter = wire.scale_set.for_controller("starter")
        starter.view()
        starter.list_instances()
        starter.start([ref(1)], within=MINUTE)
        starter.power_off([ref(1)], within=MINUTE)
        starter.mark(ref(1), None, within=MINUTE)
        starter.set_capacity(4, '"7"', within=MINUTE)
        for asked in wire.asked:
            assert asked.headers["user-agent"].startswith("scaler-starter azsdk-python")
            assert asked.headers["authorization"] == "Bearer a-token"
            assert f"api-version={API_VERSION}" in asked.path
        assert len(wire.asked) == 6


def test_controllers_share_the_view_the_gates_and_the_counters() -> None:
    with wired(lambda _: json_said(set_body())) as wire:
        first = wire.scale_set.for_controller("cleaner").view()
        wire.clock.advance(timedelta(seconds=60))
        assert wire.scale_set.for_controller("starter").view(no_older_than=MINUTE) is first
        wire.clock.advance(timedelta(seconds=1))
        assert wire.scale_set.view(no_older_than=MINUTE) is not first
        assert wire.scale_set.gates.asked == {Kind.VIEW: 2}


def test_four_functions_may_ask_at_once() -> None:
    def script(asked: Asked) -> Said:
        last = path_of(asked).rpartition("/")[2]
        return json_said(vm_row(int(last)) if last.isdigit() else set_body())

    with wired(script) as wire, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: wire.scale_set.for_controller("starter").get(ref(n)), range(100)))
        assert [each.instance.ref if each.instance else None for each in answers] == [ref(n) for n in range(100)]
        assert wire.scale_set.gates.asked == {Kind.GET: 100}


@pytest.mark.parametrize(("order", "action"), [("start", "start"), ("delete", "delete")])
def test_start_and_delete_are_one_request_however_few(order: str, action: str) -> None:
    with wired(lambda _: ACCEPTED) as wire:
        getattr(wire.scale_set, order)([ref(4), ref(2), ref(4)], within=MINUTE)
        (asked,) = wire.asked
        assert (asked.method, path_of(asked)) == ("POST", f"{PATH}/{action}")
        assert json.loads(asked.body) == {"instanceIds": ["4", "2"]}


@pytest.mark.parametrize(("order", "action"), [("power_off", "poweroff"), ("deallocate", "deallocate")])
def test_up_to_seven_machines_are_stopped_one_by_one_and_more_in_one_batch(order: str, action: str) -> None:
    with wired(lambda _: ACCEPTED) as wire:
        getattr(wire.scale_set, order)([ref(n) for n in range(7)], within=MINUTE)
        assert [path_of(each).lower() for each in wire.asked] == [
            f"{PATH}/virtualMachines/{n}/{action}".lower() for n in range(7)
        ]
        wire.asked.clear()
        getattr(wire.scale_set, order)([ref(n) for n in range(8)], within=MINUTE)
        (asked,) = wire.asked
        assert path_of(asked).lower() == f"{PATH}/{action}".lower()
        assert json.loads(asked.body) == {"instanceIds": [str(n) for n in range(8)]}


def test_one_machine_that_cannot_be_stopped_does_not_keep_the_others_running() -> None:
    answers = deque([refusal_said(409, "Conflict"), ACCEPTED, refusal_said(404, "NotFound"), ACCEPTED])
    with wired(lambda _: answers.popleft()) as wire:
        with pytest.raises(Partly) as partly:
            wire.scale_set.deallocate([ref(n) for n in range(4)], within=MINUTE)
        assert {each: type(error) for each, error in partly.value.failures.items()} == {"0": Conflict, "2": Missing}
        assert len(wire.asked) == 4


def test_a_throttle_ends_the_stopping_one_by_one() -> None:
    answers = deque([ACCEPTED, refusal_said(429, "OperationNotAllowed"), ACCEPTED])
    with wired(lambda _: answers.popleft()) as wire:
        with pytest.raises(Partly) as partly:
            wire.scale_set.deallocate([ref(n) for n in range(3)], within=MINUTE)
        assert {each: type(error) for each, error in partly.value.failures.items()} == {"1": Throttled, "2": Throttled}
        assert len(wire.asked) == 2


def test_a_404_for_one_machine_names_it() -> None:
    with wired(lambda _: refusal_said(404, "NotFound")) as wire, pytest.raises(Missing) as missing:
        wire.scale_set.power_off([ref(3)], within=MINUTE)
    assert missing.value.instance_ids == ("3",)


DEAD = "The provided instanceId {} is not an active Virtual Machine Scale Set VM instanceId."


def test_a_delete_is_sent_again_without_the_ids_that_are_gone() -> None:
    answers = deque([*(refusal_said(400, "InvalidParameter", DEAD.format(n)) for n in (2, 1)), ACCEPTED])
    with wired(lambda _: answers.popleft()) as wire:
        wire.scale_set.delete([ref(n) for n in (1, 2, 3)], within=MINUTE)
        sent = [json.loads(each.body)["instanceIds"] for each in wire.asked]
        assert sent == [["1", "2", "3"], ["1", "3"], ["3"]]


def test_a_delete_of_nothing_but_dead_ids_is_done() -> None:
    answers = deque(refusal_said(400, "InvalidParameter", DEAD.format(n)) for n in (1, 2))
    with wired(lambda _: answers.popleft()) as wire:
        wire.scale_set.delete([ref(1), ref(2)], within=MINUTE)
        assert len(wire.asked) == 2


def test_a_delete_refused_for_an_id_that_was_not_in_it_is_not_sent_for_ever() -> None:
    with wired(lambda _: refusal_said(400, "InvalidParameter", DEAD.format(9))) as wire:
        with pytest.raises(Missing):
            wire.scale_set.delete([ref(1)], within=MINUTE)
        assert len(wire.asked) == 1


def test_a_mark_is_one_sparse_put_with_the_instances_etag() -> None:
    with wired(lambda _: json_said(vm_row(5))) as wire:
        wire.scale_set.mark(ref(5), '"3"', within=MINUTE)
        wire.scale_set.mark(ref(5), None, within=MINUTE)
        with_etag, without = wire.asked
        assert (with_etag.method, path_of(with_etag)) == ("PUT", f"{PATH}/virtualMachines/5")
        assert json.loads(with_etag.body) == {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
        assert with_etag.headers["if-match"] == '"3"'
        assert "if-match" not in without.headers


@pytest.mark.parametrize("status", [200, 202])  # the SDK takes a 202 to a PATCH for an error
def test_the_capacity_is_patched_with_the_name_and_tier_that_were_seen(status: int) -> None:
    with wired(lambda asked: json_said(set_body(), 200 if asked.method == "GET" else status)) as wire:
        view = wire.scale_set.view()
        wire.scale_set.set_capacity(9, view.etag, within=MINUTE)
        _, asked = wire.asked
        assert (asked.method, path_of(asked), asked.headers["if-match"]) == ("PATCH", PATH, '"7"')
        sku = {"name": "Standard_NV12ads_A10_v5", "tier": "Standard", "capacity": 9}
        assert json.loads(asked.body) == {"sku": sku}


def test_without_an_etag_the_sku_is_looked_up_again() -> None:
    with wired(lambda _: json_said(set_body())) as wire:
        wire.scale_set.view()
        wire.scale_set.set_capacity(9, None, within=MINUTE)
        assert [each.method for each in wire.asked] == ["GET", "GET", "PATCH"]
        assert "if-match" not in wire.asked[-1].headers


def test_a_bucket_of_arms_that_is_nearly_empty_is_left_alone_for_a_while() -> None:
    left = "Microsoft.Compute/HighCostGetVMScaleSetResource;1,Microsoft.Compute/VmssQueuedVMOperations;0"
    said = json_said({"value": []}, x_ms_ratelimit_remaining_resource=left)
    with wired(lambda _: said) as wire:
        wire.scale_set.list_instances()
        with pytest.raises(Throttled):
            wire.scale_set.list_instances()
        wire.clock.advance(timedelta(seconds=15))
        wire.scale_set.list_instances()


def paged(asked: Asked) -> Said:
    """Three pages; the links carry the port, as ARM's do."""
    page = int(asked.path.partition("$skiptoken=")[2] or 0)
    link = f"http://{asked.headers['host']}{asked.path.partition('&$skip')[0]}&$skiptoken={page + 1}"
    return json_said({"value": [vm_row(page)], "nextLink": link if page < 2 else None})


def test_all_pages_are_one_listing_with_the_time_of_the_first() -> None:
    with wired(paged) as wire:
        wire.clock.advance(timedelta(seconds=7))
        pages = wire.scale_set.list_instances()
        assert [each.ref.instance_id for each in pages.instances] == ["0", "1", "2"]
        assert (pages.requests, pages.sent, pages.scale_set) == (3, 7.0, "pixels")
        assert "$expand=instanceView" in wire.asked[0].path


STALE = json_said({"error": {"code": "InvalidParameter", "target": "$skiptoken", "message": "not valid"}}, 400)


def test_a_stale_skiptoken_starts_the_listing_again_once() -> None:
    stale_once = deque([STALE])

    def script(asked: Asked) -> Said:
        return stale_once.popleft() if stale_once and "skiptoken=1" in asked.path else paged(asked)

    with wired(script) as wire:
        pages = wire.scale_set.list_instances()
        assert (len(pages.instances), pages.requests) == (3, 5)


def test_a_listing_whose_tokens_are_always_stale_fails() -> None:
    with wired(lambda asked: STALE if "skiptoken" in asked.path else paged(asked)) as wire:
        with pytest.raises(ScalerError):
            wire.scale_set.list_instances()
        assert len(wire.asked) == 4


def test_a_machine_on_two_pages_counts_once_as_the_later_page_shows_it() -> None:
    def script(asked: Asked) -> Said:
        if "again" in asked.path:
            return json_said({"value": [vm_row(1, "deallocated"), vm_row(2)], "nextLink": ""})
        return json_said({"value": [vm_row(1)], "nextLink": f"http://{asked.headers['host']}/again"})

    with wired(script) as wire:
        pages = wire.scale_set.list_instances()
        assert [(each.ref.instance_id, each.power) for each in pages.instances] == [
            ("1", "deallocated"),
            ("2", "running"),
        ]


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
