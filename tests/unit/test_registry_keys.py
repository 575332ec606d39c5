"""The wire contract's names."""

import pytest

from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status
from scaler.registry.keys import Keys

A = VmId("0a1b-2c")


def test_the_names_are_the_contract() -> None:
    keys = Keys()
    assert keys.instance(A) == "vmss:instance:0a1b-2c"
    assert keys.notes(A) == "vmss:notes:0a1b-2c"
    assert keys.session(SessionId("s")) == "vmss:session:s"
    assert [keys.index(each) for each in Status] == [
        "vmss:status:available",
        "vmss:status:reserved",
        "vmss:status:unavailable",
    ]
    assert keys.pause == "vmss:pause"


def test_a_member_of_the_index_names_a_machine() -> None:
    keys = Keys(prefix="{vmss}")
    assert keys.vm_id_of(keys.instance(A).encode()) == A


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"0a1b-2c",
        b"vmss:instance:",
        b"vmss:instance:A",
        b"vmss:instance:a:b",
        b"vmss:instance:a\n",
        b"vmss:instance:" + b"a" * 65,
        b"vmss:instance:\xff",
        b"vmss:notes:a",
        b"other:instance:a",
    ],
)
def test_what_is_no_record_key_names_none(member: bytes) -> None:
    assert Keys().vm_id_of(member) is None


@pytest.mark.parametrize(
    ("prefix", "kept"), [("vmss", False), ("{vmss}", True), ("a{b}c", True), ("{}", False), ("{a", False)]
)
def test_braces_keep_a_cluster_s_keys_together(prefix: str, kept: bool) -> None:
    assert Keys(prefix=prefix).in_one_slot is kept


@pytest.mark.parametrize("prefix", ["", "a b", "a\n"])
def test_a_prefix_is_one_word(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Keys(prefix=prefix)
