"""Where Redis is and as whom to talk to it: what may be said in which words, and what must not be."""

from pathlib import Path

import certifi
import pytest
from unit import test_settings

from scaler.settings import RedisAddress, load

OTHERS = {name: value for name, value in test_settings.LEAST.items() if not name.startswith("REDIS_")}
CERTIFICATES = certifi.where()
SECRET = "hunter2/+=="  # as Azure's access keys look


def address(**said: str) -> RedisAddress:
    return load(OTHERS | said).redis


def mistakes(**said: str) -> tuple[str, ...]:
    return test_settings.mistakes(**({"REDIS_HOST": ""} | said))


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ({"REDIS_HOST": "redis"}, "redis://redis:6379/0"),
        ({"REDIS_HOST": "a.westeurope.redis.azure.net"}, "rediss://a.westeurope.redis.azure.net:10000/0"),
        ({"REDIS_HOST": "A.redis.cache.windows.net"}, "rediss://A.redis.cache.windows.net:6380/0"),
        ({"REDIS_HOST": "a.redisenterprise.cache.azure.net"}, "rediss://a.redisenterprise.cache.azure.net:10000/0"),
        ({"REDIS_HOST": "redis.azure.net.example"}, "redis://redis.azure.net.example:6379/0"),
        ({"REDIS_HOST": "a.redis.azure.net", "REDIS_PORT": "1", "REDIS_SSL": "no"}, "redis://a.redis.azure.net:1/0"),
        ({"REDIS_HOST": "::1", "REDIS_SSL": "true"}, "rediss://[::1]:6379/0"),
        ({"REDIS_HOST": "redis", "REDIS_PASSWORD": SECRET}, "redis://:hunter2%2F%2B%3D%3D@redis:6379/0"),
        ({"REDIS_URL": "redis://redis"}, "redis://redis:6379/0"),
        ({"REDIS_URL": "rediss://a.redis.azure.net/2"}, "rediss://a.redis.azure.net:10000/2"),
        ({"REDIS_URL": "redis://me@redis:1/", "REDIS_PASSWORD": "pw"}, "redis://me:pw@redis:1/0"),
        ({"REDIS_URL": "redis://me@redis"}, "redis://me:@redis:6379/0"),
        ({"REDIS_URL": "redis://:a%2Fb@redis"}, "redis://:a%2Fb@redis:6379/0"),
    ],
)
def test_however_it_is_said_one_url_comes_of_it_and_azures_hosts_speak_tls_on_their_ports(
    said: dict[str, str], url: str
) -> None:
    assert address(**said).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://redis",
        "redis://",
        "redis://redis:port",
        "redis://redis:0",
        "redis://redis/first",
        "redis://[::1",
        "rediss://redis?ssl_cert_reqs=none",
        "rediss://redis/0?ssl_check_hostname=false",
        "redis://redis#0",
        f"redis://:{SECRET}@redis",
        f"redis://:{SECRET}@redis:6379/0",
    ],
)
def test_a_url_that_cannot_be_used_is_not_shown_since_it_may_hold_a_key(url: str) -> None:
    (mistake,) = mistakes(REDIS_URL=url)
    assert mistake.startswith("REDIS_URL: cannot be read")
    assert "hunter2" not in mistake


@pytest.mark.parametrize("host", ["redis:6379", "redis://redis", "a b", "-", f":{SECRET}@redis", "redis/0"])
def test_a_host_is_a_host_alone(host: str) -> None:
    (mistake,) = mistakes(REDIS_HOST=host)
    assert mistake.startswith("REDIS_HOST: cannot be used")
    assert "hunter2" not in mistake


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"REDIS_URL": "redis://redis", "REDIS_HOST": "1"}, "REDIS_HOST: set beside REDIS_URL"),
        ({"REDIS_URL": "redis://redis", "REDIS_PORT": "1"}, "REDIS_PORT: set beside REDIS_URL"),
        ({"REDIS_URL": "redis://redis", "REDIS_SSL": "1"}, "REDIS_SSL: set beside REDIS_URL"),
        ({"REDIS_URL": "redis://:hunter2@redis", "REDIS_PASSWORD": "x"}, "REDIS_PASSWORD: set beside REDIS_URL"),
        ({"REDIS_URL": "redis://:hunter2@a.redis.cache.windows.net:6379"}, "REDIS_URL: redis:// would send the key in"),
        (
            {"REDIS_HOST": "a.redis.azure.net", "REDIS_SSL": "false", "REDIS_PASSWORD": "hunter2"},
            "REDIS_SSL: false would send the key in the clear; expected true",
        ),
        (
            {"REDIS_HOST": "redis", "REDIS_AUTH": "identity"},
            "REDIS_AUTH: 'identity' cannot be used; expected key or",
        ),
        ({"REDIS_HOST": "redis", "REDIS_CA_FILE": CERTIFICATES}, "REDIS_CA_FILE: set, but there is no TLS"),
    ],
)
def test_what_is_said_twice_or_in_the_clear_is_a_mistake(said: dict[str, str], says: str) -> None:
    (mistake,) = mistakes(**said)
    assert mistake.startswith(says)
    assert "hunter2" not in mistake


# ── Entra ID ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    [
        {"REDIS_HOST": "pixels.redis.azure.net"},
        {"REDIS_HOST": "redis.example", "REDIS_SSL": "true"},
        {"REDIS_URL": "rediss://redis.example"},
        {"REDIS_URL": "redis://127.0.0.1:6379"},
        {"REDIS_HOST": "localhost"},
    ],
)
def test_entra_id_works_by_host_and_by_url_and_in_the_clear_on_this_machine_only(said: dict[str, str]) -> None:
    found = address(REDIS_AUTH="Entra", **said)
    assert found.entra
    assert "@" not in found.url
    assert not address(**said).entra


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"REDIS_HOST": "redis.example"}, "REDIS_SSL: false would send the Entra ID token in the clear; expected true"),
        ({"REDIS_URL": "redis://redis.example"}, "REDIS_URL: redis:// would send the Entra ID token in the clear"),
        ({"REDIS_HOST": "127.0.0.1.example"}, "REDIS_SSL: false would send"),
        ({"REDIS_HOST": "localhost", "REDIS_PASSWORD": "hunter2"}, "REDIS_PASSWORD: set, and REDIS_AUTH is entra"),
        ({"REDIS_URL": "rediss://:hunter2@redis.example"}, "REDIS_URL: has a user or a password, and REDIS_AUTH is"),
        ({"REDIS_URL": "rediss://me@redis.example"}, "REDIS_URL: has a user or a password, and REDIS_AUTH is"),
    ],
)
def test_a_token_in_the_clear_or_beside_a_password_is_a_mistake(said: dict[str, str], says: str) -> None:
    (mistake,) = mistakes(REDIS_AUTH="entra", **said)
    assert mistake.startswith(says)
    assert "hunter2" not in mistake


def test_every_mistake_about_redis_is_told_at_once() -> None:
    told = mistakes(
        REDIS_HOST="redis.example", REDIS_PORT="many", REDIS_AUTH="entra", REDIS_PASSWORD="hunter2", REDIS_CA_FILE="/no"
    )
    assert [each.partition(":")[0] for each in told] == [
        "REDIS_PORT",
        "REDIS_CA_FILE",
        "REDIS_PASSWORD",
        "REDIS_SSL",
        "REDIS_CA_FILE",
    ]


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ca_file_must_be_there_and_hold_certificates(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("not a certificate", encoding="utf-8")
    for path, why in ((tmp_path / "none.pem", "No such file"), (empty, "NO_CERTIFICATE"), (tmp_path, "")):
        (mistake,) = mistakes(REDIS_URL="rediss://redis", REDIS_CA_FILE=str(path))
        assert mistake.startswith("REDIS_CA_FILE: ")
        assert why in mistake
    assert address(REDIS_URL="rediss://redis", REDIS_CA_FILE=CERTIFICATES).ca_file == CERTIFICATES
