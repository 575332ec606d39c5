"""Settings of every wrong kind: every mistake at once, one line each, without a traceback and without a secret."""

import re
from collections.abc import Mapping
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from unit import test_settings

from scaler.runtime import open_doors
from scaler.settings import SETTINGS, InvalidSettings, Settings, load

SECRET = "hunter2"
LEAST = test_settings.LEAST | {"REDIS_PASSWORD": SECRET}
NAMES = [each.name for each in SETTINGS]
FREE = {"SCALER_NAME", "SCALER_GEO_NAME", "REDIS_PASSWORD"}  # any printable text will do
WRONG: Mapping[str, str] = {
    "NUL": "a\0b",
    "a line more": "a\nb",
    "a log line": "a\r\nERROR all is well",
    "a tab": "a\tb",
    "a terminal's words": "\x1b[2J\x1b[31m",
    "right to left": "\u202etxt.exe",
    "half a surrogate pair": "\udcff",
    "10 MB": "9" * (10 * 1024 * 1024),
    "10 MB of names": "a," * (5 * 1024 * 1024),
    "10 MB of slashes": "//" * (5 * 1024 * 1024),
    "five thousand digits": "9" * 5_000,
    "a duration behind zeros": "0" * 20 + "60m",
    "Arabic digits": "\u0661\u0662",
    "wide digits": "\uff11\uff12",
    "a superscript": "\u00b2",
    "below zero": "-1",
    "NaN": "nan",
    "infinity": "inf",
    "too large a float": "1e999",
    "underscores": "1_000",
    "hexadecimal": "0x10",
    "a sign": "+5",
    "commas": "1,000",
    "quotes": '"5"',
    "other quotes": "'true'",
    "a shell's variable": "${POOL}",
    "an unresolved reference": "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/x)",
    "null": "null",
    "JSON": '{"x": [1]}',
    "a path": "../../../etc/passwd",
    "a resource id": "/subscriptions/x/resourceGroups/y/providers/z",
    "a connection string": f"cache.redis.cache.windows.net:6380,password={SECRET},ssl=True,abortConnect=False",
    "a storage account's": f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={SECRET};EndpointSuffix=y",
    "a password in a URL": f"https://user:{SECRET}@host.example",
    "a password with a slash": f"rediss://:a/{SECRET}=@host.example:6380",
    "a password with a hash": f"rediss://:{SECRET}#x@host.example:6380",
    "a password with an at": f"amqp://user:a@{SECRET}@host.example/",
    "a shared access signature": f"https://host.example/?sv=2020&sig={SECRET}",
    "a broken IPv6 address": "https://[::1",
    "a port out of bounds": "https://host.example:99999",
    "a fragment": "https://host.example#x",
    "an address in another alphabet": "https://m\u0430nagement.azure.com",
    "a space inside": "https://host.example /x",
    "ISO 8601": "PT5M",
    "a NCRONTAB expression": "*/10 * * * * *",
    "the wrong unit": "5 days",
    "markup": "<script>alert(1)</script>",
    "percent signs": "%00%0a%s%n",
    "braces": "{0}{x!r}{",
    "a smile": "\U0001f600" * 20,
}


def tried(environment: Mapping[str, str]) -> Settings | tuple[str, ...]:
    """The settings, which a process can be made of; or the mistakes, which can be shown to anybody."""
    try:
        found = load(environment)
    except InvalidSettings as invalid:
        return shown(invalid)
    assert_sound(found)
    return found


def shown(invalid: InvalidSettings) -> tuple[str, ...]:
    """The mistakes, as an operator reads them."""
    said = str(invalid)
    assert len(said) < 600 * len(NAMES)
    assert SECRET not in said
    for mistake in invalid.mistakes:
        assert mistake.partition(":")[0] in NAMES, mistake
        assert mistake.isprintable(), mistake
        assert len(mistake) < 600, mistake
    assert len(set(invalid.mistakes)) == len(invalid.mistakes)
    return invalid.mistakes


def assert_sound(found: Settings) -> None:
    """Nothing in them can surprise a tick."""
    policy = found.policy
    durations = [policy.session_limit, policy.presumed_limit, policy.reservation_timeout, policy.start_timeout]
    assert all(timedelta(0) <= each <= timedelta(days=300) for each in (*durations, *found.watches.values()))
    assert all(0 <= each.warm <= each.desired <= 1_000 for each in policy.capacity.values())
    assert re.fullmatch(r"https?://[\w.:\[\]-]+", found.arm_url, re.ASCII)
    assert SECRET not in repr(found.redis)
    for text in (found.prefix, policy.managed_by, *policy.regions.values(), *found.scale_sets, found.resource_group):
        assert text.isprintable()
        text.encode()
    open_doors(found).close()


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_of_a_wrong_kind_is_a_mistake_or_can_be_used(name: str) -> None:
    for wrong, value in WRONG.items():
        environment = {**LEAST, name: value}
        if name == "REDIS_URL":
            del environment["REDIS_HOST"], environment["REDIS_PASSWORD"]
        found = tried(environment)
        named = isinstance(found, Settings) or any(re.search(rf"\b{name}\b", each) for each in found)
        assert named, (wrong, found)


NO_LINES = [name for name, value in WRONG.items() if not value.isprintable() or len(value) > 4096]


@pytest.mark.parametrize("wrong", [*NO_LINES, "a shell's variable", "an unresolved reference", "JSON", "markup"])
def test_all_that_is_wrong_is_said_at_once(wrong: str) -> None:
    mistakes = tried(dict.fromkeys(NAMES, WRONG[wrong]))
    assert isinstance(mistakes, tuple)
    unnamed = set(NAMES) - {each.partition(":")[0] for each in mistakes}
    assert unnamed <= (set() if wrong in NO_LINES else FREE | {"AZURE_RESOURCE_GROUP"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCALER_VM_RUNTIME", "0" * 20 + "60m"),  # was 0: no limit at all
        ("SCALER_POOL_CAPACITY", "0" * 50 + "5"),
        ("SCALER_POOL_CAPACITY", "\u0665"),
        ("SCALER_SPEED", "1_0"),
        ("AZURE_VMSS_NAME", "pixels."),  # ended the process with a ValueError
        ("AZURE_RESOURCE_MANAGER_URL", "https://host.example#/"),
        ("AZURE_RESOURCE_MANAGER_URL", "https://user@host.example"),
        ("SCALER_GEO_NAME", "\udce4"),  # ended every tick that wrote a record
    ],
)
def test_what_was_read_wrongly_once_is_a_mistake(name: str, value: str) -> None:
    found = tried({**LEAST, name: value})
    assert isinstance(found, tuple)
    assert [each.partition(":")[0] for each in found] == [name]


texts = st.text(max_size=40) | st.sampled_from(list(WRONG.values())).map(lambda text: text[:200])
numbers = (
    st.integers().map(str)
    | st.floats().map(str)
    | st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,3})? ?(s|m|h|ms)?", fullmatch=True)
)


@given(st.dictionaries(st.sampled_from(NAMES), texts | numbers), st.booleans())
@settings(max_examples=400)
def test_no_settings_at_all_surprise_us(changed: dict[str, str], complete: bool) -> None:
    tried({**LEAST, **changed} if complete else changed)
