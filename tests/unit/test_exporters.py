"""The texts of GPU exporters: what they write, and whatever a machine that a visitor has may write in their place."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback

from scaler.cli.exporters import MOST, Figure, Unread, figures, read

TEXTS = Path(__file__).parents[1] / "exporters"
USE, ENCODER, MEMORY = Figure.USE, Figure.ENCODER, Figure.MEMORY
GIB = 2.0**30
OK = b"HTTP/1.0 200 OK\r\n\r\n"
GOOD = b'DCGM_FI_DEV_GPU_UTIL{gpu="0"} 50\n'


@contextmanager
def exporter(*pieces: bytes, closes: bool = True, drips: bool = False) -> Iterator[str]:
    """The address of an exporter that sends some pieces to every question, and for ever if it `drips`."""

    def answer(line: socket.socket) -> None:
        line.recv(4096)
        for piece in cycle(pieces) if drips else pieces:
            line.sendall(piece)
        if not closes:
            server.closing.wait()

    server = Loopback(answer)
    try:
        yield f"http://127.0.0.1:{server.port}/metrics"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dcgm", {USE: 0.63, ENCODER: 0.24, MEMORY: 3.5 * GIB}),
        ("nvidia_gpu", {USE: 0.87, ENCODER: 0.31, MEMORY: 5 * GIB}),
        ("windows", {MEMORY: 2 * GIB}),
    ],
)
def test_each_exporter_is_read_in_its_own_units(name: str, told: dict[Figure, float]) -> None:
    assert read(str(TEXTS / f"{name}.prom")) == pytest.approx(told)


def test_of_several_gpus_the_busiest_counts_and_memory_is_added_up() -> None:
    text = "".join(
        f'nvidia_smi_utilization_gpu_ratio{{uuid="{n}"}} 0.{n}\nnvidia_smi_memory_used_bytes{{uuid="{n}"}} {n}e9\n'
        for n in (2, 7, 4)
    )
    assert figures("here", text) == pytest.approx({USE: 0.7, MEMORY: 13e9})


@pytest.mark.parametrize(
    "number", ["NaN", "+Inf", "-Inf", "-1", "101", "9223372036854775794", "", "x", "0x20", "1 2 3 4"]
)
def test_a_number_that_no_gpu_has_says_nothing(number: str) -> None:
    odd = f'DCGM_FI_DEV_GPU_UTIL{{gpu="0"}} {number}\nDCGM_FI_DEV_ENC_UTIL{{gpu="0"}} 5\n'
    assert figures("here", odd) == pytest.approx({ENCODER: 0.05} | ({USE: 0.01} if number == "1 2 3 4" else {}))


@pytest.mark.parametrize(
    "labels", ["", "{}", '{a="} 99"}', '{a="\\"}"}', '{a="\x1b[31m"}', '{a="é\x85\u2028"}', "{{{{}"]
)
def test_labels_may_hold_anything(labels: str) -> None:
    assert figures("here", f"DCGM_FI_DEV_GPU_UTIL{labels} 50 1700000000000\r\n") == {USE: 0.5}


@pytest.mark.parametrize(
    "text", ["", "\n" * 9, "<html>", "go_goroutines 7\n", 'DCGM_FI_DEV_GPU_UTIL{gpu="0', "\0" * 99]
)
def test_a_text_about_no_gpu_is_named_with_what_would_be_one(text: str) -> None:
    with pytest.raises(Unread, match=r"^here: tells of no GPU; name a DCGM exporter"):
        figures("here", text)


@pytest.mark.parametrize(
    "text", ["nvidia_smi_memory_used_bytes 1\n" * 501, f'DCGM_FI_DEV_GPU_UTIL{{a="{"x" * 5000}"}} 1']
)
def test_more_than_a_machine_can_have_is_not_read_on(text: str) -> None:
    with pytest.raises(Unread, match=r"^here: more about GPUs than a machine can have; look at the exporter"):
        figures("here", text)


@given(st.text() | st.text(alphabet='DCGM_FI_DEV_GPU_UTIL{}="\\ 0159.eNa+-#\n'))
def test_no_text_is_a_traceback(text: str) -> None:
    for each in (text, f"DCGM_FI_DEV_GPU_UTIL{text}"):
        with suppress(Unread):
            assert all(number >= 0 for number in figures("here", each).values())


def test_an_exporter_is_asked_by_http() -> None:
    with exporter(OK + GOOD[:9], GOOD[9:]) as address:
        assert read(address) == {USE: 0.5}


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((OK, b"x" * (5 * 2**20)), "cannot be read (more than 2 MiB)"),
        ((b"x" * (5 * 2**20),), "cannot be read (more than 2 MiB)"),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n" + GOOD,), "cannot be read (it answers HTTP/1.1 503 Service Un"),
        (
            (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n",),
            "cannot be read (it answers HTTP/1.1 302 Found)",
        ),
        ((b"",), "cannot be read (it answers nothing)"),
        ((GOOD,), "cannot be read (it answers DCGM_FI_DEV_GPU_UTIL"),
        ((OK + b"\xff\xfe\x00" * 99,), "tells of no GPU; "),
    ],
)
def test_a_strange_answer_is_a_sentence_that_names_the_address(pieces: tuple[bytes, ...], said: str) -> None:
    with exporter(*pieces) as address, pytest.raises(Unread) as unread:
        read(address)
    assert str(unread.value).startswith(f"{address}: {said}")


@pytest.mark.parametrize("sent", [b"", OK, OK + GOOD])
def test_an_answer_that_never_ends_is_given_up(sent: bytes) -> None:
    with (
        exporter(sent, closes=False) as address,
        pytest.raises(Unread, match=r": no whole answer within 0\.1 s; check that"),
    ):
        read(address, patience=0.1)


def test_one_deadline_holds_for_all_of_a_dripping_answer() -> None:
    with (
        exporter(b"x", drips=True) as address,
        pytest.raises(Unread, match=r"no whole answer|more than"),
    ):
        read(address, patience=0.1)


def _nobody(folder: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def _large(folder: Path) -> str:
    (folder / "large").write_bytes(GOOD + b"\n" * MOST)
    return str(folder / "large")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (_nobody, "cannot be read (Connection refused); check the address, and that an exporter runs there"),
        (_large, "cannot be read (more than 2 MiB); "),
        (str, "cannot be read (Is a directory); "),
        (lambda folder: str(folder / "none"), "cannot be read (No such file or directory); "),
        (lambda folder: "https://127.0.0.1/metrics", "cannot be read (only http://HOST:PORT/metrics is asked); "),
        (lambda folder: "http://127.0.0.1:99999/", "cannot be read (Port out of range 0-65535); "),
        (lambda folder: "http:///metrics", "cannot be read (only http://HOST:PORT/metrics is asked); "),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(place: Callable[[Path], str], said: str, tmp_path: Path) -> None:
    with pytest.raises(Unread) as unread:
        read(place(tmp_path))
    assert f": {said}" in str(unread.value)
