"""Whatever ARM, or somebody in between, may send: it is read, or it is one of our errors."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from unit.arm_replies import DATE, NAME, VM_ID, listed, reply

from scaler.errors import Garbled, Refused, ScalerError
from scaler.model.instance import InstanceId, InstanceRef, Orchestration, VmId
from scaler.vmss import translate
from scaler.vmss.addresses import INTERFACES, PUBLIC_IPS, configurations, located, public_by_id
from scaler.vmss.flexible import joined
from scaler.vmss.refusals import refusal
from scaler.vmss.reply import Reply
from scaler.vmss.translate import to_instance, to_pages, to_scale_set, to_view

REF = InstanceRef(scale_set=NAME, instance_id=InstanceId("7"), vm_id=VmId(VM_ID.lower()))
JUNK: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just({})
CODES = ["PowerState/running", "PowerState/", "ProvisioningState/failed/AllocationFailed", "ProvisioningState/x", "/"]


def shaped(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """An object of about that shape: any of it may be missing, or something else."""
    return st.fixed_dictionaries({}, optional={name: JUNK | each for name, each in fields.items()}) | JUNK


STATUSES = st.lists(shaped(code=st.sampled_from(CODES), message=st.text()), max_size=3)
VM = shaped(
    id=st.text(max_size=3),
    instanceId=st.integers(0, 20).map(str),
    properties=shaped(
        vmId=st.just(VM_ID),
        provisioningState=st.sampled_from(["Succeeded", "failed", "?"]),
        timeCreated=st.datetimes().map(str),
        instanceView=shaped(statuses=STATUSES),
        protectionPolicy=shaped(protectFromScaleIn=st.booleans()),
    ),
)
SET = shaped(
    sku=shaped(capacity=st.integers(0, 9)),
    tags=st.dictionaries(st.text(), st.text()),
    properties=shaped(uniqueId=st.text(), orchestrationMode=st.sampled_from(["Uniform", "Flexible"])),
)
REFERENCE = shaped(id=st.sampled_from(["", "/x", "/g/virtualMachines/7", "/g/virtualMachines/.."]))
INTERFACE = shaped(
    id=st.text(max_size=3),
    properties=shaped(
        primary=st.booleans(),
        virtualMachine=REFERENCE,
        ipAddress=st.sampled_from(["203.0.113.1", "::1", "1.2.3"]),
        ipConfigurations=st.lists(
            shaped(properties=shaped(primary=st.booleans(), privateIPAddress=st.text(), publicIPAddress=REFERENCE)),
            max_size=2,
        ),
    ),
)
FAULT = shaped(code=st.sampled_from(["Conflict", "QuotaExceeded"]), message=st.text(), target=st.text(), details=JUNK)
PAGE = shaped(value=st.lists(VM | INTERFACE, max_size=3), nextLink=st.text())
JSON = VM | SET | FAULT | shaped(error=FAULT) | PAGE
BODIES = st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["date", "etag", "retry-after"]), st.text(max_size=30) | st.just(DATE))


def joined_with_itself(answer: Reply) -> object:
    """A page as both lists of a Flexible scale set."""
    return joined(listed(answer), listed(answer), NAME)


def one_twice(answer: Reply, how: Orchestration) -> object:
    """An answer about one machine, as the answer to both GETs."""
    row = answer.read(translate.VM)
    return to_instance(row, row, REF, how)


def located_by_itself(answer: Reply) -> object:
    """A page as both lists of the network."""
    return located(configurations(answer.read(INTERFACES).value, "/g"), public_by_id(answer.read(PUBLIC_IPS).value))


READS: dict[str, Callable[[Reply], object]] = {
    "page": lambda answer: to_pages(listed(answer), NAME),
    "instance": lambda answer: one_twice(answer, Orchestration.UNIFORM),
    "scale set": lambda answer: to_view(to_scale_set(answer, Orchestration.UNIFORM), NAME, answer),
    "flexible page": joined_with_itself,
    "flexible instance": lambda answer: one_twice(answer, Orchestration.FLEXIBLE),
    "network": located_by_itself,
}


OTHERS_SET = b'{"sku": {"capacity": 1}, "properties": {"uniqueId": "u", "orchestrationMode": "Flexible"}}'


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@given(body=BODIES, headers=HEADERS)
@example(body=OTHERS_SET, headers={"date": DATE})
def test_whatever_comes_as_an_answer_is_read_or_garbled(
    read: Callable[[Reply], object], body: bytes, headers: dict[str, str]
) -> None:
    answer = Reply(status=200, headers={"content-type": "application/json", **headers}, body=body, sent=0.0)
    try:
        read(answer)
    except Garbled:
        pass
    except Refused as error:
        assert (read, error.code) == (READS["scale set"], "OrchestrationMode")  # noqa: PT017 (the one other answer)
    else:
        assert (read, body) != (READS["scale set"], OTHERS_SET)


@given(status=st.integers(0, 999), body=BODIES, headers=HEADERS)
def test_whatever_comes_as_an_error_is_one_of_ours(status: int, body: bytes, headers: dict[str, str]) -> None:
    answer = Reply(status=status, headers=headers, body=body, sent=0.0)
    assert isinstance(refusal(answer), ScalerError)


def test_a_body_nested_without_end_is_garbled() -> None:
    with pytest.raises(Garbled):
        reply(b'{"x": ' + b"[" * 200_000).read(translate.VM)


def test_an_answer_that_would_take_much_more_memory_than_it_has_bytes_is_garbled() -> None:
    with pytest.raises(Garbled, match="too many parts"):
        reply(b'{"value": [' + b"{}," * 4_000_000 + b"{}]}").read(translate.VMS)


def test_what_is_pure_does_not_load_the_sdk() -> None:
    pure = ", ".join(f"scaler.vmss.{each}" for each in ("translate", "addresses", "refusals", "gates"))
    program = f"import sys, {pure}; sys.exit('azure' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
