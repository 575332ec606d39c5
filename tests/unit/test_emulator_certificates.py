"""The emulator's certificates: for whom they are good, and that no key is left lying about."""

import ssl
import tempfile
from pathlib import Path

import pytest
from clock import ManualClock

from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import Tls, secured, serve


def test_the_certificate_is_for_the_loopback_names_and_the_host_and_for_nobody_else() -> None:
    shown = secured(["azure.local", "192.0.2.7"])
    assert all(_accepted(shown.authority, shown.context, host) for host in ("localhost", "127.0.0.1", "::1"))
    assert all(_accepted(shown.authority, shown.context, host) for host in ("azure.local", "192.0.2.7"))
    assert not any(_accepted(shown.authority, shown.context, host) for host in ("azure.remote", "192.0.2.8"))
    assert not _accepted(secured().authority, shown.context, "localhost")


def _accepted(authority: bytes, context: ssl.SSLContext, host: str) -> bool:
    """A handshake in memory."""
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cadata=authority.decode())
    client = trusting.wrap_bio(client_in, client_out, server_hostname=host)
    server = context.wrap_bio(client_out, client_in, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError:
            return False
    return client.version() is not None


def test_no_key_is_left_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch, ca_file = tmp_path / "scratch", tmp_path / "ca.pem"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with serve(EmulatedScaleSet(ManualClock().now), tls=Tls(ca_file=ca_file)):
        assert list(scratch.iterdir()) == []
        written = ca_file.read_text()
    assert written.count("BEGIN CERTIFICATE") == 1
    assert "KEY" not in written
