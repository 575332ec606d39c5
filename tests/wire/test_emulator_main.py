"""`python -m emulator` as a process."""

import signal
import subprocess
import sys
from re import search
from urllib.request import Request, urlopen

import pytest


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_with_0_when_told_to(sign: signal.Signals) -> None:
    arguments = [sys.executable, "-m", "emulator", "--port", "0", "--speed", "100", "--capacity", "2"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = search(r"curl -H '(.*): (.*)' '(http://127\.0\.0\.1:\d+/.*)'$", line.strip())
        assert found is not None
        name, value, url = found.groups()
        with urlopen(Request(url, headers={name: value}), timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(sign)
        assert process.wait(10) == 0
