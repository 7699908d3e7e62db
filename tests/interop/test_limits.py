"""Every limit of a real service is reached: who is refused and how, what the status and the metrics say of it, and that
a viewer inside sees an even stream all the while. (The limits of one connection's dialogue: tests/services/rtsp.)"""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from edge_streamer.services.limits import COUNTED_LIMITS, DESCRIPTORS
from tests.support.hiccups import Hiccups, watched_machine
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import encode_request
from tests.support.service import RunningService, running_service
from tests.support.udp_pair import open_udp_pair
from tests.support.witness import Witness

HERE: Final = "127.0.0.1"
ELSEWHERE: Final = "127.0.0.2"
TIMEOUT_S: Final = 5.0
WELL: Final = b"HTTP/1.1 200"
"""What /healthz says: the stream that never has a picture is on demand, and nobody watches it."""
LIMITS: Final = {
    "rtsp.max_sessions": 4,
    "rtsp.max_sessions_per_address": 3,
    "rtsp.max_connections": 7,
    "rtsp.max_connections_per_address": 5,
    "rtsp.setup_within_s": 2,
    "rtsp.max_pending_describes": 1,
    "rtsp.max_header_bytes": 2048,
    "rtsp.max_body_bytes": 1000,
    "rtsp.session_timeout_s": 60,
    "http.max_connections": 3,
    "http.max_connections_per_address": 2,
}


def free_udp_ports() -> list[int]:
    ends = open_udp_pair(HERE)
    ports = [end.getsockname()[1] for end in ends]
    for end in ends:
        end.close()
    return ports


UDP_PORTS: Final = free_udp_ports()


def section(name: str) -> str:
    written = [key.partition(".")[2] + f" = {value}\n" for key, value in LIMITS.items() if key.startswith(name)]
    return f"[{name}]\n{''.join(written)}"


CONFIG: Final = f"""{section("rtsp")}
udp_ports = {UDP_PORTS}
{section("http")}
[streams.main]
width = 320
height = 240
[streams.never]
source = "file"
path = "PIPE"
on_demand = true
linger_s = 1
"""
"""`never` is a pipe that nobody writes to: its source neither has a picture nor fails, for as long as it is asked."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    pipe = tmp_path_factory.mktemp("limits") / "pipe.h264"
    os.mkfifo(pipe)
    with running_service(CONFIG.replace("PIPE", str(pipe)), is_healthy=False) as running:
        deadline = time.monotonic() + TIMEOUT_S
        while b"main" in running.http("/healthz")[1]:
            assert time.monotonic() < deadline, running.output
            time.sleep(0.02)
        yield running


@pytest.fixture(scope="module")
def machine() -> Iterator[Hiccups]:
    with watched_machine() as machine:
        yield machine


@pytest.fixture(scope="module")
def viewer(service: RunningService, machine: Hiccups) -> Iterator[Witness]:
    """Who must not notice anything: one session, one connection."""
    with Witness(service.rtsp_url("main"), "tcp") as witness:
        yield witness


def reached(service: RunningService) -> dict[str, float]:
    """Which limits have been reached, and how often."""
    series = re.compile(r'edge_streamer_(?:limits_reached|rtsp_protocol_errors)_total\{(?:limit|kind)="(.*)"\}')
    found = {match[1]: value for name, value in service.metrics().items() if (match := series.fullmatch(name))}
    return {name: value for name, value in found.items() if value}


def connect(address: tuple[str, int], host: str = HERE) -> socket.socket:
    return socket.create_connection(address, TIMEOUT_S, source_address=(host, 0))


def ask(client: socket.socket, service: RunningService, method: str, name: str = "main", **headers: str) -> int:
    """Send one request and return its status; 0 when the server hangs up instead."""
    try:
        client.sendall(encode_request(method, service.rtsp_url(name), 1, headers))
        answer = client.recv(65536)
    except ConnectionError:
        return 0
    return int(answer.split()[1]) if answer else 0


def set_up(client: socket.socket, service: RunningService) -> int:
    return ask(client, service, "SETUP", "main/trackID=0", Transport="RTP/AVP/TCP;unicast")


def wait_until_left(service: RunningService, connections: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while service.metrics()['edge_streamer_connections_open{protocol="rtsp"}'] > connections:
        assert time.monotonic() < deadline, "connections are left"
        time.sleep(0.02)


# --- each limit (beside the viewer, which has one session and one connection)


def too_many_sessions(service: RunningService, stack: ExitStack) -> None:
    clients = [stack.enter_context(connect(service.rtsp_address, host)) for host in (HERE, HERE, ELSEWHERE, ELSEWHERE)]
    assert [set_up(client, service) for client in clients] == [200, 200, 200, 453]


def too_many_sessions_of_one(service: RunningService, stack: ExitStack) -> None:
    clients = [stack.enter_context(connect(service.rtsp_address)) for _ in range(3)]
    assert [set_up(client, service) for client in clients] == [200, 200, 453]


def too_many_connections(service: RunningService, stack: ExitStack) -> None:
    hosts = (HERE, HERE, HERE, ELSEWHERE, ELSEWHERE, ELSEWHERE, ELSEWHERE)
    clients = [stack.enter_context(connect(service.rtsp_address, host)) for host in hosts]
    assert [ask(client, service, "OPTIONS") for client in clients] == [0] + [200] * 6  # the oldest without a session


def too_many_connections_of_one(service: RunningService, stack: ExitStack) -> None:
    clients = [stack.enter_context(connect(service.rtsp_address)) for _ in range(5)]
    assert [ask(client, service, "OPTIONS") for client in clients] == [0] + [200] * 4


def too_long_without_a_session(service: RunningService, stack: ExitStack) -> None:
    client = stack.enter_context(connect(service.rtsp_address))
    began = time.monotonic()
    while ask(client, service, "OPTIONS"):
        assert time.monotonic() < began + TIMEOUT_S
        time.sleep(0.1)
    assert time.monotonic() - began == pytest.approx(2, abs=0.5)


def too_many_descriptions(service: RunningService, stack: ExitStack) -> None:
    first, second = (stack.enter_context(connect(service.rtsp_address)) for _ in range(2))
    first.sendall(encode_request("DESCRIBE", service.rtsp_url("never"), 1))
    assert ask(second, service, "OPTIONS") == 200  # by then the first one waits
    assert ask(second, service, "DESCRIBE", "never") == 503
    assert ask(second, service, "DESCRIBE") == 200


def no_udp_port_left(service: RunningService, stack: ExitStack) -> None:
    first, second = (stack.enter_context(RtspReader(service.rtsp_url("main"), "udp")) for _ in range(2))
    for reader in (first, second):
        reader.describe()
    assert [reader.setup().status for reader in (first, second)] == [200, 503]


def too_long_a_head(service: RunningService, stack: ExitStack) -> None:
    assert ask(stack.enter_context(connect(service.rtsp_address)), service, "OPTIONS", Filler="x" * 2048) == 400


def too_long_a_body(service: RunningService, stack: ExitStack) -> None:
    client = stack.enter_context(connect(service.rtsp_address))
    assert ask(client, service, "GET_PARAMETER", **{"Content-Length": "1001"}) == 413


def http_answers(service: RunningService, stack: ExitStack, *hosts: str) -> list[bytes]:
    """Connect from each, then ask on each; when it returns all but the last have been hung up on."""
    clients = [stack.enter_context(connect(service.http_address, host)) for host in hosts]
    answers = []
    for client in clients:
        try:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            answers.append(client.recv(65536)[:12])
        except ConnectionError:
            answers.append(b"")
    for client in (client for client, answer in zip(clients[:-1], answers, strict=False) if answer):
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    return answers


def too_many_http_connections(service: RunningService, stack: ExitStack) -> None:
    """The oldest of the address that has most is closed, since none of them has asked yet."""
    assert http_answers(service, stack, HERE, ELSEWHERE, ELSEWHERE, HERE) == [WELL, b"", WELL, WELL]


def too_many_http_connections_of_one(service: RunningService, stack: ExitStack) -> None:
    assert http_answers(service, stack, HERE, HERE, HERE) == [b"", WELL, WELL]


REACHED_BY: Final = {
    "rtsp.max_sessions": too_many_sessions,
    "rtsp.max_sessions_per_address": too_many_sessions_of_one,
    "rtsp.max_connections": too_many_connections,
    "rtsp.max_connections_per_address": too_many_connections_of_one,
    "rtsp.setup_within_s": too_long_without_a_session,
    "rtsp.max_pending_describes": too_many_descriptions,
    "rtsp.udp_ports": no_udp_port_left,
    "http.max_connections": too_many_http_connections,
    "http.max_connections_per_address": too_many_http_connections_of_one,
    "header_limit": too_long_a_head,
    "body_limit": too_long_a_body,
}


def test_every_limit_that_is_counted_is_reached():
    of_a_request = {"header_limit", "body_limit"}  # counted as protocol errors
    assert set(REACHED_BY) == (set(COUNTED_LIMITS) - {DESCRIPTORS}) | of_a_request  # test_endurance has descriptors


@pytest.mark.parametrize("limit", REACHED_BY)
def test_a_limit_is_kept_and_counted_and_forgotten(service: RunningService, viewer: Witness, limit: str) -> None:
    before = reached(service)
    with ExitStack() as stack:
        REACHED_BY[limit](service, stack)
    wait_until_left(service, connections=1)
    assert reached(service) == before | {limit: before.get(limit, 0) + 1}
    with RtspReader(service.rtsp_url("main"), "udp") as newcomer:
        newcomer.start()
        newcomer.next_rtp()
        newcomer.teardown()
    wait_until_left(service, connections=1)


def test_the_status_says_what_is_in_effect(service):
    limits = json.loads(service.http("/api/v1/status")[1])["limits"]
    assert limits.pop("descriptors") > 64
    assert limits == LIMITS | {"rtsp.udp_ports": UDP_PORTS}


def test_who_was_inside_noticed_nothing(service, viewer, machine):
    seen = viewer.stop()
    assert seen.gaps == ()
    assert seen.longest_pause_s < 0.2 + machine.worst_s
    assert service.metrics()["edge_streamer_sessions_active"] == 1
