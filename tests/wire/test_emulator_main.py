"""`python -m emulator` as a process."""

import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

QUICK = ("--speed", "100", "--capacity", "2")
FREE = ("--port", "0", "--https-port", "0")


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and what it says before it falls silent."""
    words = [sys.executable, "-m", "emulator", *QUICK, *arguments]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        while not re.search(r"az vmss list-instances" if "https://" in said else r"curl", said):
            said += process.stdout.readline()
        try:
            yield process, said
        finally:
            process.terminate()


def ended(*arguments: str) -> tuple[int, str]:
    """Status and complaint of one that does not start."""
    words = [sys.executable, "-m", "emulator", *QUICK, *arguments]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_with_0_when_told_to(sign: signal.Signals) -> None:
    with started(*FREE) as (process, said):
        found = re.search(r"curl -H '(.*): (.*)' '(http://127\.0\.0\.1:\d+/.*)'$", said, re.MULTILINE)
        assert found is not None
        name, value, url = found.groups()
        with urlopen(Request(url, headers={name: value}), timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(sign)
        assert process.wait(10) == 0


def test_whom_to_trust_lies_where_it_says_and_is_gone_afterwards() -> None:
    with started(*FREE) as (process, said):
        ca_file = Path(_only(r"REQUESTS_CA_BUNDLE=(.+)$", said))
        trusting = ssl.create_default_context(cafile=str(ca_file))
        url = f"{_only(r'^  (https://\S+),', said)}/metadata/endpoints?api-version=2022-09-01"
        with urlopen(url, timeout=10, context=trusting) as answer:
            assert answer.status == 200
        process.terminate()
        assert process.wait(10) == 0
    assert not ca_file.parent.exists()


def _only(pattern: str, text: str) -> str:
    (found,) = re.findall(pattern, text, re.MULTILINE)
    return str(found)


def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, complaint = ended("--port", port, "--https-port", "0")
    assert status == 2
    assert "Traceback" not in complaint
    assert all(each in complaint for each in (port, "in use", "--port"))


def test_a_ca_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    status, complaint = ended(*FREE, "--ca-file", str(tmp_path / "nowhere" / "ca.pem"))
    assert status == 2
    assert "Traceback" not in complaint
    assert all(each in complaint for each in ("--ca-file", "nowhere", "No such file"))


def test_vms_that_the_quota_does_not_allow_are_refused_at_once() -> None:
    status, complaint = ended(*FREE, "--capacity", "3", "--cores", "72")
    assert (status, "Traceback" in complaint) == (2, False)
    assert all(each in complaint for each in ("--capacity 3", "quota"))


def test_a_host_that_nobody_knows_is_named() -> None:
    status, complaint = ended("--host", "nobody.invalid")
    assert (status, "nobody.invalid" in complaint, "Traceback" in complaint) == (2, True, False)
