"""Real clients at a service that has users: the right password plays, a wrong one does not, the log tells no secret."""

import hashlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from tests.support.players import FFMPEG, FFPROBE, GSTREAMER, PYAV, Player, Playing, Shown
from tests.support.rtsp.digest_client import DigestClient, parse_challenge
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import Transport
from tests.support.service import RunningService, running_service

USER: Final = "front-desk"
PASSWORD: Final = "p4ssw0rd.of-the-camera"
WRONG_PASSWORD: Final = "p4ssw0rd.of-somebody-else"
PICTURES: Final = 30
REFUSED_WITHIN_S: Final = 3.0
"""ffmpeg gives up at the first refusal; GStreamer asks again until it is ended here."""
MAX_FAILURES: Final = 10
FAILURES: Final = "edge_streamer_rtsp_auth_failures_total"
TCP_SESSIONS: Final = 'edge_streamer_sessions_started_total{transport="tcp"}'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    users = tmp_path_factory.mktemp("auth") / "users"
    for name, role in ((USER, Role.VIEWER), ("gate", Role.OPERATOR)):
        change_users(users, lambda known, name=name, role=role: known.having(new_user(name, role, PASSWORD)))
    with running_service(f'[auth]\nusers = "{users}"\n', "--log-level", "debug") as running:
        yield running


def with_login(player: Player, password: str) -> Player:
    """Return the player with the way it takes a name and a password."""
    if player is GSTREAMER:

        def command(url: str, transport: Transport, pictures: int, folder: Path) -> list[str]:
            arguments = GSTREAMER.command(url, transport, pictures, folder)
            at = arguments.index("rtspsrc") + 1
            return [*arguments[:at], f"user-id={USER}", f"user-pw={password}", *arguments[at:]]
    else:

        def command(url: str, transport: Transport, pictures: int, folder: Path) -> list[str]:
            return player.command(url.replace("rtsp://", f"rtsp://{USER}:{password}@"), transport, pictures, folder)

    return replace(player, command=command)


PLAYERS: Final = (FFMPEG, FFPROBE, PYAV, GSTREAMER)


@pytest.fixture(scope="module")
def shown(service: RunningService) -> dict[tuple[str, Transport], Shown]:
    """What each player shows with the right password, all at once."""
    with ExitStack() as stack:
        playing = {
            (player.name, transport): stack.enter_context(
                Playing(with_login(player, PASSWORD), service.rtsp_url("sub"), transport, PICTURES)
            )
            for player in PLAYERS
            for transport in ("tcp", "udp")
        }
        return {key: one.finish() for key, one in playing.items()}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_the_right_password_plays(shown, player, transport):
    assert len(shown[player.name, transport].times_s) == PICTURES


def test_the_right_password_is_no_failure(shown, service):
    assert service.metrics()[FAILURES] == 0
    assert f"client=gstreamer user={USER}" in service.output
    assert f"client=ffmpeg user={USER}" in service.output


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_a_wrong_password_is_refused_and_counted(service, player):
    before = service.metrics()
    deadline = time.monotonic() + REFUSED_WITHIN_S
    with Playing(with_login(player, WRONG_PASSWORD), service.rtsp_url("sub"), "tcp", PICTURES) as playing:
        while playing.is_playing and time.monotonic() < deadline:
            time.sleep(0.05)
    after = service.metrics()
    assert 1 <= after[FAILURES] - before[FAILURES] <= MAX_FAILURES
    assert after[TCP_SESSIONS] == before[TCP_SESSIONS]
    assert f"login failed protocol=rtsp peer=127.0.0.1 user={USER} failures=" in service.output


def test_without_a_password_only_options_is_answered(service):
    with RtspReader(service.rtsp_url("main")) as reader:
        assert reader.options().status == 200
        for method in ("DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"):
            reply = reader.request(method)
            assert (reply.status, reply.headers["www-authenticate"].split('"')[1]) == (401, "edge_streamer")


def test_the_right_password_does_not_wait_behind_wrong_ones(service):
    """Twenty guess and wait; who knows the password is in at once, from the same address."""
    guesser, knower = DigestClient(USER, WRONG_PASSWORD), DigestClient(USER, PASSWORD)
    with ExitStack() as stack:
        for _ in range(20):
            reader = stack.enter_context(RtspReader(service.rtsp_url("main")))
            challenge = parse_challenge(reader.request("DESCRIBE").headers["www-authenticate"])
            answer = guesser.answer(challenge, "DESCRIBE", reader.url)
            reader.send(f"DESCRIBE {reader.url} RTSP/1.0\r\nCSeq: 2\r\nAuthorization: {answer}\r\n\r\n".encode())
        reader = stack.enter_context(RtspReader(service.rtsp_url("main")))
        challenge = parse_challenge(reader.request("DESCRIBE").headers["www-authenticate"])
        began = time.monotonic()
        answer = knower.answer(challenge, "DESCRIBE", reader.url)
        assert reader.request("DESCRIBE", headers={"Authorization": answer}).status == 200
        assert time.monotonic() - began < 0.5


def http_status(service: RunningService, path: str, password: str, user: str = USER, method: str = "GET") -> int:
    host, port = service.http_address
    url = f"http://{host}:{port}{path}"
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, user, password)
    opener = urllib.request.build_opener(urllib.request.HTTPDigestAuthHandler(passwords))
    try:
        with opener.open(urllib.request.Request(url, method=method), timeout=20) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_http_with_pythons_own_client(service):
    assert service.http("/api/v1/status")[0] == 401
    assert service.http("/")[0] == 401
    assert service.http("/metrics")[0] == 200  # from this machine
    assert service.http("/healthz")[0] == 200
    assert http_status(service, "/api/v1/status", PASSWORD) == 200
    assert http_status(service, "/", PASSWORD) == 200
    assert http_status(service, "/api/v1/status", PASSWORD, method="DELETE") == 403
    assert http_status(service, "/api/v1/status", PASSWORD, user="gate", method="DELETE") == 405
    wrong = DigestClient(USER, WRONG_PASSWORD).answer(http_challenge(service), "GET", "/", qop=True)
    assert service.http("/", headers={"Authorization": wrong})[0] == 401
    assert service.metrics()["edge_streamer_http_auth_failures_total"] == 1


def http_challenge(service: RunningService) -> dict[str, str]:
    host, port = service.http_address
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{host}:{port}/", timeout=20)
    with refused.value as error:
        return parse_challenge(error.headers["www-authenticate"])


def test_the_log_tells_no_secret(service):
    """After all of the above: no password, no HA1, no response, no nonce."""
    assert service.output.count("login failed") >= 1
    assert "Authorization" not in service.output
    for password in (PASSWORD, WRONG_PASSWORD):
        assert password not in service.output
        for name in (USER, "gate"):
            for make in (hashlib.md5, hashlib.sha256):
                assert make(f"{name}:edge_streamer:{password}".encode()).hexdigest() not in service.output
    assert not re.search(r"[0-9a-f]{32}", service.output), "a nonce or a response"
