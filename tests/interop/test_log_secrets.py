"""Everything that may carry a password is sent to a service that logs all it can; then its whole output is searched."""

import base64
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from tests.support.rtsp.digest_client import DigestClient
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

USER: Final = "front-desk"
SECRET: Final = "zQ7vorTrefflich9"
REPLY_WITHIN_S: Final = 0.5
REFUSED_WITHIN_S: Final = 5.0
BASIC: Final = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
FORMS: Final = tuple(
    form
    for text in (SECRET, BASIC, BASIC[:12], base64.b64encode(SECRET.encode()).decode().rstrip("="))
    for form in (text, text.encode().hex())
)
"""What must not be found: in clear, as Basic sends it, and either as the hex of an excerpt."""

RTSP_LINES: Final = (
    f"DESCRIBE rtsp://{USER}:{SECRET}@cam/main RTSP/1.0\r\nCSeq: 1",
    f"DESCRIBE rtsp://{USER}:{SECRET}@cam/main RTSP/1.0",
    f"DESCRIBE rtsp://{USER}:{SECRET}@cam/main HTTP/1.1",
    f"DESCRIBE rtsp://{USER}:{SECRET}@cam/main",
    f"DESCRIBE rtsp://cam/main?user={USER}&password={SECRET} RTSP",
    f"{USER}:{SECRET}@cam",
    f"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {BASIC}",
    f"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {SECRET}",
    f"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {BASIC} {BASIC}\x01",
    f"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization Basic {BASIC}",
    f"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization:\r\n Basic {BASIC}",
    f"DESCRIBE * RTSP/1.0\r\nCSeq: Basic {BASIC}",
    f"DESCRIBE * RTSP/1.0\r\nContent-Length: Basic {BASIC}",
    f'DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username="{SECRET}", response="{SECRET}", nonce=',
    f'DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username="x {SECRET}", response="{SECRET}"',
    f"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: {SECRET}\r\nRequire: {SECRET}",
    f"Authorization: Basic {BASIC}",
    f"Authorization Basic {BASIC}",
    f"Basic {BASIC}",
    f"digest username={SECRET}",
    f"POST / HTTP/1.0\r\nAuthorization: Basic {BASIC}",
)
HTTP_LINES: Final = (
    f"GET / HTTP/1.1\r\nHost: cam\r\nAuthorization: Basic {BASIC}",
    f"GET / HTTP/1.1\r\nHost: cam\r\nAuthorization: Basic {SECRET}",
    f"GET http://{USER}:{SECRET}@cam/ HTTP/1.1\r\nHost: cam",
    f"GET /api/v1/status?token={SECRET} HTTP/1.1\r\nHost: cam",
    f"GET / HTTP/1.1\r\nHost: {USER}:{SECRET}@cam\r\nHost: cam",
    f"GET / HTTP/1.1\r\nAuthorization Basic {BASIC}",
    f"GET / HTTP/1.1\r\nHost: cam\r\nAuthorization: Digest username={SECRET}\x00",
    f"DELETE /api/v1/sessions/{SECRET} HTTP/1.1\r\nHost: cam\r\nAuthorization: Basic {BASIC}",
    f"GET /api/v1/streams/main/live HTTP/1.1\r\nHost: cam\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {BASIC}\r\nAuthorization: Basic {BASIC}",
    f"Basic {BASIC}",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    users = tmp_path_factory.mktemp("auth") / "users"
    change_users(users, lambda known: known.having(new_user(USER, Role.OPERATOR, SECRET)))
    config = f"""
        [auth]
        users = "{users}"
        basic = "always"
        [streams.main]
        source = "testpattern"
        [streams.door]
        source = "file"
        path = "rtsp://{USER}:{SECRET}@192.0.2.1/door"
        """
    with running_service(config, "--log-level", "debug", is_healthy=False) as running:
        yield running


def tell(address: tuple[str, int], text: str, peer: str) -> bytes:
    """Send a head from an address of its own, which gets its own line in the log; return what is answered."""
    with socket.create_connection(address, timeout=REPLY_WITHIN_S, source_address=(peer, 0)) as connection:
        connection.sendall(text.encode("latin-1") + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(1 << 16)
        except (TimeoutError, ConnectionResetError):
            return b""


def log_in(service: RunningService, password: str) -> int:
    """Ask for a description with the password in clear; return what was answered (Digest: `test_authentication`)."""
    with RtspReader(service.rtsp_url("main")) as reader:
        headers = {"Authorization": DigestClient(USER, password).basic()}
        return reader.request("DESCRIBE", headers=headers).status


def reload_with_a_mistake(service: RunningService) -> None:
    """Write a password where none belongs, and wait until the service has refused it."""
    arguments = Path(f"/proc/{service.pid}/cmdline").read_text().split("\0")
    config = Path(arguments[arguments.index("--config") + 1])
    config.write_text(config.read_text().replace("[auth]", f'[auth]\npassword = "{SECRET}"'))
    os.kill(service.pid, signal.SIGHUP)
    deadline = time.monotonic() + REFUSED_WITHIN_S
    while "reload refused" not in service.output:
        assert time.monotonic() < deadline, service.output
        time.sleep(0.02)


def test_nothing_that_is_sent_as_a_secret_is_logged(service):
    assert log_in(service, SECRET) == 200
    assert log_in(service, SECRET + "x") == 401
    for number, text in enumerate(RTSP_LINES):
        tell(service.rtsp_address, text, f"127.64.1.{number}")
    for number, text in enumerate(HTTP_LINES):
        tell(service.http_address, text, f"127.64.2.{number}")
    reload_with_a_mistake(service)
    output = service.output
    for told in ("login failed", "protocol error", "source failed", "reload refused"):
        assert told in output, f"{told} was not provoked:\n{output}"
    found = [form for form in FORMS if form in output]
    assert not found, "\n".join(line for line in output.splitlines() if any(form in line for form in found))
