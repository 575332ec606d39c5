"""`scaler gpu`: each session with the GPU use that its machine's exporter tells."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cli.console import Console
from cli.estate import KEYS, Estate
from go_scaler import Machine, Placed

from scaler.cli.environment import Exit
from scaler.model.row import Status

TEXTS = Path(__file__).parents[1] / "exporters"
DCGM = str(TEXTS / "dcgm.prom")


class Exporter(BaseHTTPRequestHandler):
    """A DCGM exporter."""

    def do_GET(self) -> None:
        body = Path(DCGM).read_bytes() if self.path == "/metrics" else b""
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        pass


@pytest.fixture
def port() -> Iterator[str]:
    """Of an exporter on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        Thread(target=server.serve_forever).start()
        yield str(server.server_address[1])
        server.shutdown()


@pytest.fixture
def placed(estate: Estate) -> list[Placed]:
    """Two sessions inside, one waiting, and a machine that is free; ARM is away."""
    made = estate.settle(
        Machine(status=Status.UNAVAILABLE, session="ann", runs=True),
        Machine(status=Status.UNAVAILABLE, session="bob", runs=True),
        Machine(status=Status.RESERVED, session="waiting"),
        Machine(status=Status.AVAILABLE),
    )
    estate.server.close()
    return made


def live_at(estate: Estate, machine: Placed, private: str, public: str = "") -> None:
    """Write addresses into the machine's record."""
    key = KEYS.instance(machine.vm_id)
    record = json.loads(estate.redis.get(key) or b"{}")
    estate.redis.set(key, json.dumps(record | {"privateIp": private, "publicIp": public}))


def test_every_open_machine_is_asked_at_its_address(
    estate: Estate, console: Console, placed: list[Placed], port: str
) -> None:
    ann, bob, *_ = placed
    live_at(estate, ann, "127.0.0.1")
    live_at(estate, bob, "", "127.0.0.1")
    said = console.run("gpu", "--port", port)
    assert (said.status, said.err) == (Exit.DONE, "")
    assert [(row["vm"], row["session"], row["gpu"], row["encoder"], row["memory"]) for row in said.table] == [
        (ann.vm_id, "ann", "63%", "24%", "3.5 GiB"),
        (bob.vm_id, "bob", "63%", "24%", "3.5 GiB"),
    ]


def test_who_does_not_answer_is_named_and_the_others_are_shown(
    estate: Estate, console: Console, placed: list[Placed]
) -> None:
    ann, bob, *_ = placed
    live_at(estate, ann, "127.0.0.1")
    said = console.run("gpu", "--port", "1", "--from", f"{bob.vm_id}={TEXTS / 'windows.prom'}")
    assert said.status == Exit.NOT_DONE
    assert [(row["session"], row["gpu"], row["memory"]) for row in said.table] == [
        ("ann", "–", "–"),
        ("bob", "–", "2.0 GiB"),
    ]
    assert said.err == (
        "http://127.0.0.1:1/metrics: cannot be read (Connection refused); check the address, and that an exporter runs"
        f" there (machine {ann.vm_id})\n"
    )


def test_one_document_has_the_same(console: Console, placed: list[Placed], estate: Estate) -> None:
    ann, bob, *_ = placed
    (first, second) = console.run(
        "gpu", "--json", "--from", f"{ann.vm_id}={DCGM}", "--from", f"{bob.vm_id}=nowhere"
    ).json
    assert {
        "session": "ann",
        "tier": "cold",
        "gpu_ratio": 0.63,
        "encoder_ratio": 0.24,
        "error": None,
    }.items() <= first.items()
    assert (second["gpu_ratio"], second["error"].partition(";")[0]) == (
        None,
        "nowhere: cannot be read (No such file or directory)",
    )


@pytest.mark.parametrize(
    "address", ["", "0.0.0.0", "169.254.169.254", "fe80::1", "evil.example", "10.0.0.4/../", "x" * 999]
)
def test_what_is_no_address_of_a_machine_is_not_asked(
    estate: Estate, console: Console, placed: list[Placed], address: str
) -> None:
    for machine in placed[:2]:
        live_at(estate, machine, address, address)
    said = console.run("gpu")
    assert (said.status, said.table) == (Exit.NOT_DONE, [])
    for machine in placed[:2]:
        assert f"{machine.vm_id}: Redis has no address of it; name its exporter: --from " in said.err


def test_a_place_needs_one_machine(console: Console, placed: list[Placed]) -> None:
    for word in ("nobody=x", "=x", f"{placed[0].vm_id}", f"{placed[0].vm_id}=", ""):
        said = console.run("gpu", "--from", word)
        assert said.status == Exit.MISUSED
        assert "names no machine, or several; write VM=PLACE" in " ".join(said.err.replace("│", "").split())


def test_targets_carry_the_vm_id_so_that_no_machine_says_who_it_is(
    estate: Estate, console: Console, placed: list[Placed], tmp_path: Path
) -> None:
    ann, bob, *_ = placed
    live_at(estate, ann, "10.0.0.4")
    live_at(estate, bob, "fd00::4")
    file = tmp_path / "gpus.json"
    said = console.run("gpu", "--port", "9835", "--targets", str(file))
    assert (said.status, said.out, said.err) == (Exit.DONE, "", "")
    assert sorted(json.loads(file.read_text()), key=str) == sorted(
        [
            {"targets": ["10.0.0.4:9835"], "labels": {"vm": ann.vm_id}},
            {"targets": ["[fd00::4]:9835"], "labels": {"vm": bob.vm_id}},
        ],
        key=str,
    )
    assert list(tmp_path.iterdir()) == [file]
    said = console.run("gpu", "--targets", str(tmp_path / "none" / "gpus.json"))
    assert (said.status, said.err.startswith(f"{tmp_path}/none/gpus.json: cannot be written (No such")) == (
        Exit.NOT_DONE,
        True,
    )
