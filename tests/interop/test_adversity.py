"""What strangers do to an open port: broken, hostile and hasty clients beside an innocent reader, who notices nothing.

Every truncation and every byte is tried against the parser alone (tests/protocol/rtsp); here a sample meets the whole
service: sockets, sessions, streams and the log.
"""

import random
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.support.hiccups import Hiccups, watched_machine
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import encode_request
from tests.support.service import RunningService
from tests.support.witness import Witness

CLIENT_TIMEOUT_S: Final = 5.0
WORST_TURN_LIMIT_S: Final = 0.05
RESETS: Final = 300
PIPELINED_REQUESTS: Final = 10_000
HEADERS: Final = 5_000
UNKNOWN_FRAMES: Final = 500
SAMPLES: Final = 150
RECEIVER_REPORT: Final = b"$\x01\x00\x08\x81\xc9\x00\x01\x12\x34\x56\x78"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def connect(service: RunningService) -> socket.socket:
    return socket.create_connection(service.rtsp_address, CLIENT_TIMEOUT_S)


def talk(service: RunningService, data: bytes) -> bytes:
    """Send all of it, hang up our half, and return what the server says until it hangs up too."""
    with connect(service) as client:
        answer = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while received := client.recv(1 << 16):
                answer += received
        except ConnectionError:
            pass  # the server had heard enough
        return answer


def introduction(url: str) -> bytes:
    """What a client says before it knows its session, pipelined."""
    requests = [
        encode_request("OPTIONS", url, 1),
        encode_request("DESCRIBE", url, 2, {"Accept": "application/sdp"}),
        encode_request("SETUP", f"{url}/trackID=0", 3, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}),
    ]
    return b"".join(requests)


def performance(url: str, session_id: str) -> bytes:
    """What it says then, to the end."""
    requests = [
        encode_request(method, url, cseq, {"Session": session_id})
        for cseq, method in enumerate(("PLAY", "GET_PARAMETER", "PAUSE", "PLAY", "TEARDOWN"), start=4)
    ]
    return RECEIVER_REPORT.join(requests)


def changed(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with one byte changed, or twenty, mostly to what means something in a request."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 20))):
        result[chance.randrange(len(data))] = chance.choice((0, 0x0A, 0x0D, 0x20, 0x24, 0x3A, 0x7F, 0xFF))
    return bytes(result)


def answers(service: RunningService, data: bytes) -> list[bytes]:
    return re.findall(rb"RTSP/1.0 (\d+) ", talk(service, data))


# --- what strangers do


def cut_short(service: RunningService) -> None:
    whole = introduction(service.rtsp_url("main"))
    for end in range(1, len(whole), max(1, len(whole) // SAMPLES)):
        talk(service, whole[:end])


def change_bytes(service: RunningService) -> None:
    chance = random.Random(7826)
    for _ in range(SAMPLES):
        talk(service, changed(introduction(service.rtsp_url("main")), chance))


def change_bytes_of_a_session(service: RunningService) -> None:
    """The same by a client that has a session. Where its TEARDOWN is broken, a session over UDP ends when its closed
    port has refused datagrams for a second."""
    sessions_before = service.metrics()["edge_streamer_sessions_active"]
    chance = random.Random(2326)
    for _ in range(SAMPLES):
        with RtspReader(service.rtsp_url("main"), chance.choice(("tcp", "udp"))) as reader:
            reader.describe()
            reader.setup()
            reader.send(changed(performance(reader.url, reader.session_id), chance))
            reader.socket.shutdown(socket.SHUT_WR)
            reader.wait_closed()
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    while (sessions := service.metrics()["edge_streamer_sessions_active"]) > sessions_before:
        assert time.monotonic() < deadline, f"{sessions} sessions, {sessions_before} before"
        time.sleep(0.05)


def flood_headers(service: RunningService) -> None:
    lines = "".join(f"X-{number}: {number}\r\n" for number in range(HEADERS))
    assert not talk(service, f"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n{lines}\r\n".encode()).startswith(b"RTSP/1.0 200")
    talk(service, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX-Long: " + b"x" * 1_000_000)


def claim_absurd_lengths(service: RunningService) -> None:
    for length in ("99999999999999999999", "-1", "1e9", "0x10", "4294967296", "65537"):
        head = f"GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {length}\r\n\r\n"
        assert not talk(service, head.encode() + b"x" * 1000).startswith(b"RTSP/1.0 200")


def send_nuls(service: RunningService) -> None:
    for data in (b"\0" * 100_000, b"OPTIONS \0 RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"OPTIONS * RTSP/1.0\r\nCSeq: \0\r\n\r\n"):
        talk(service, data)


def send_frames_on_unknown_channels(service: RunningService) -> None:
    frame = b"$\xc8\x00\x10" + bytes(16)
    talk(service, frame * UNKNOWN_FRAMES)
    with RtspReader(service.rtsp_url("main")) as reader:
        reader.start()
        reader.send(frame * UNKNOWN_FRAMES + b"$\x01\xff\xff" + bytes(65535))
        assert reader.options().status == 200


def connect_and_reset(service: RunningService) -> None:
    for number in range(RESETS):
        with connect(service) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if number % 2:
                client.send(b"OPTIONS * RTSP/1.0\r\n")


def ask_and_never_listen(service: RunningService) -> None:
    """Ten thousand questions, and not one answer is read; the server may stop listening to that at any time."""
    with connect(service) as client:
        try:
            client.sendall(b"".join(encode_request("OPTIONS", "*", number) for number in range(PIPELINED_REQUESTS)))
        except (ConnectionError, TimeoutError):
            return
        answered = -1.0
        while answered < (answered := service.metrics()['edge_streamer_rtsp_requests_total{method="OPTIONS"}']):
            time.sleep(0.25)


MISDEEDS: Final = (
    cut_short,
    change_bytes,
    change_bytes_of_a_session,
    flood_headers,
    claim_absurd_lengths,
    send_nuls,
    send_frames_on_unknown_channels,
    connect_and_reset,
    ask_and_never_listen,
)


# --- and what must come of it


@pytest.fixture(scope="module")
def machine() -> Iterator[Hiccups]:
    with watched_machine() as machine:
        yield machine


@pytest.fixture(scope="module")
def innocent(service: RunningService, machine: Hiccups) -> Iterator[Witness]:
    with Witness(service.rtsp_url("main"), "tcp") as witness:
        yield witness


@pytest.fixture(scope="module")
def descriptors_at_first(service: RunningService, innocent: Witness) -> float:
    return service.metrics()["process_open_fds"]


def test_what_is_broken_below_is_sound_when_whole(service):
    assert answers(service, introduction(service.rtsp_url("main"))) == [b"200"] * 3
    with RtspReader(service.rtsp_url("main")) as reader:
        reader.describe()
        reader.setup()
        reader.send(performance(reader.url, reader.session_id))
        assert [reader.response(cseq).status for cseq in range(4, 9)] == [200] * 5


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_stranger_is_withstood(
    service: RunningService,
    machine: Hiccups,
    innocent: Witness,
    descriptors_at_first: float,
    misdeed: Callable[[RunningService], None],
) -> None:
    misdeed(service)
    with RtspReader(service.rtsp_url("main")) as newcomer:
        newcomer.start()
        newcomer.next_rtp()
    metrics = service.metrics()
    assert metrics["edge_streamer_handler_faults_total"] == 0
    assert metrics["edge_streamer_loop_worst_turn_seconds"] < WORST_TURN_LIMIT_S + machine.worst_s
    assert "Traceback" not in service.output
    assert not innocent.reader.gaps


def test_nothing_is_left_of_them(service, innocent, descriptors_at_first):
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    while (left := service.metrics()["process_open_fds"]) > descriptors_at_first:
        assert time.monotonic() < deadline, f"{left} descriptors are open, {descriptors_at_first} were at first"
        time.sleep(0.05)
    assert service.metrics()["edge_streamer_sessions_active"] == 1


def test_the_innocent_reader_saw_an_even_stream(innocent, machine):
    seen = innocent.stop()
    assert seen.gaps == ()
    assert {round(1000 * step_s) for step_s in seen.media_steps_s} == {33}
    assert seen.longest_pause_s < 0.2 + machine.worst_s
