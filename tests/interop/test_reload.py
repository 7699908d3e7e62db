"""Reloads of the running service while people watch: by SIGHUP, by the API, and of a file with a mistake."""

import http.client
import json
import os
import signal
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from edge_streamer.codec.h264.sps import parse_sps
from tests.support.browser.live_recorder import LiveRecorder, watch, watch_for
from tests.support.hiccups import watched_machine
from tests.support.rtsp.digest_client import DigestClient, parse_challenge
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.rtcp import says_goodbye
from tests.support.service import RunningService, running_service
from tests.support.witness import Witness

WITHIN_S: Final = 10.0
REPLACED: Final = 'edge_streamer_sessions_ended_total{reason="stream_replaced"}'
STREAM_ENDED: Final = 'edge_streamer_sessions_ended_total{reason="stream_ended"}'
QUIET_S: Final = 0.5
PASSWORD: Final = "a good password"


@dataclass
class Reloadable:
    """A service whose file the test writes."""

    service: RunningService
    path: Path
    streams: dict[str, dict[str, object]] = field(default_factory=dict)

    def write(self, more: str = "") -> None:
        self.path.write_text(more + "".join(_table(name, keys) for name, keys in self.streams.items()))

    def hang_up(self, more: str = "") -> None:
        """Write the file and signal; returns when the log says what came of it."""
        self.write(more)
        before = self.service.output.count("reloaded") + self.service.output.count("reload refused")
        os.kill(self.service.pid, signal.SIGHUP)
        self.wait_for(
            lambda: self.service.output.count("reloaded") + self.service.output.count("reload refused") > before
        )

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, self.service.output
            time.sleep(0.02)

    def stream(self, name: str) -> dict[str, Any]:
        return json.loads(self.service.http(f"/api/v1/streams/{name}")[1])


def _table_of(source: str, keys: dict[str, object]) -> str:
    return "".join([f'[streams.main]\nsource = "{source}"\n', *(f"{key} = {value}\n" for key, value in keys.items())])


def _table(name: str, keys: dict[str, object]) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[streams.{name}]\nsource = "testpattern"\n{lines}'


def small(width: int = 320, height: int = 180) -> dict[str, object]:
    return {"width": width, "height": height, "fps": 15, "bitrate_bps": 200_000, "gop_s": 1}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Reloadable]:
    path = tmp_path / "edge-streamer.toml"
    made = Reloadable(None, path, {"main": small(), "sub": small(160, 96)})
    made.write()
    with running_service(None, "--config", str(path)) as made.service:
        yield made


def size_of(reader: RtspReader) -> tuple[int, int]:
    """Return the picture's size as DESCRIBE tells it."""
    sdp = reader.describe().body.decode()
    sps = b64decode(sdp.split("sprop-parameter-sets=")[1].split(",")[0])
    found = parse_sps(sps)
    return found.width, found.height


def test_one_stream_is_replaced_and_nobody_of_the_other_notices(running):
    service = running.service
    with (
        watched_machine() as machine,
        Witness(service.rtsp_url("sub"), "tcp") as tcp,
        Witness(service.rtsp_url("sub"), "udp") as udp,
        RtspReader(service.rtsp_url("main")) as replaced,
        RtspReader(service.rtsp_url("main")) as after,
    ):
        sources = set(service.child_pids)
        replaced.start()
        replaced.next_rtp()
        running.streams["main"] = small(640, 360)
        running.hang_up()
        last = [packet for packet in packets_to_the_end(replaced) if packet.kind == "rtcp"]
        assert any(says_goodbye(packet.data) for packet in last)
        assert running.stream("main")["up"], "the new one is there when the old one ends"
        assert size_of(after) == (640, 360)
        after.setup()
        after.play()
        after.next_rtp()
        running.wait_for(lambda: len(service.child_pids) == 2)
        assert len(sources & set(service.child_pids)) == 1, "one source is the same, one is new"
        time.sleep(QUIET_S)
        for seen in (tcp.stop(), udp.stop()):
            assert not seen.gaps
            assert seen.longest_pause_s < 0.5 + machine.worst_s
            assert max(seen.media_steps_s) < 1.5 / 15, "not a frame is missing"
        assert not replaced.gaps
        metrics = service.metrics()
        assert metrics[REPLACED] == 1
        assert metrics["edge_streamer_sessions_active"] == 3
        assert not [key for key in metrics if "restarts" in key and metrics[key]]


def packets_to_the_end(reader: RtspReader) -> list:
    packets = []
    with pytest.raises(ConnectionError):
        packets.extend(reader.packets())
    return packets


def test_streams_are_added_and_removed(running):
    service = running.service
    with RtspReader(service.rtsp_url("sub")) as reader:
        reader.start()
        del running.streams["sub"]
        running.streams["yard"] = small()
        running.hang_up()
        reader.wait_closed()
    assert service.metrics()[STREAM_ENDED] == 1
    assert service.http("/api/v1/streams/sub")[0] == 404
    assert not [key for key in service.metrics() if 'stream="sub"' in key]
    running.wait_for(lambda: running.stream("yard")["up"])
    with RtspReader(service.rtsp_url("yard")) as reader, RtspReader(service.rtsp_url("sub")) as gone:
        reader.start()
        reader.next_rtp()
        assert gone.describe().status == 404
    running.wait_for(lambda: len(service.child_pids) == 2)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("[rtsp]\nmax_sesions = 3\n", "rtsp.max_sesions: unknown key"),
        ("[rtsp\n", "not TOML"),
        ('[auth]\nusers = "nowhere"\n', "auth.users: "),
    ],
)
def test_a_file_with_a_mistake_changes_nothing_and_says_why(running, more, complaint):
    service = running.service
    with Witness(service.rtsp_url("main"), "tcp") as witness:
        sources = service.child_pids
        running.streams["main"] = small(640, 360)
        running.hang_up(more)
        assert "reload refused" in service.output
        status, body = service.http("/api/v1/reload", "POST")
        problem = json.loads(body)
        assert (status, problem["status"]) == (422, 422)
        assert complaint in problem["detail"]
        assert complaint in service.output
        assert service.child_pids == sources
        assert not witness.stop().gaps
    assert running.stream("main")["width"] == 320
    running.hang_up()
    running.wait_for(lambda: running.stream("main")["width"] == 640 and running.stream("main")["up"])


def test_limits_and_keys_that_wait(running):
    service = running.service
    with RtspReader(service.rtsp_url("main")) as here, RtspReader(service.rtsp_url("main")) as late:
        here.start()
        running.write('[rtsp]\nmax_sessions = 1\nlisten = "127.0.0.1:9999"\n[link]\ndead_after_s = 4\n')
        status, body = service.http("/api/v1/reload", "POST")
        # The command line says where to listen, whatever the file does.
        assert (status, json.loads(body)) == (200, {"changed": [], "needs_restart": ["link.dead_after_s"]})
        here.next_rtp()
        late.describe()
        assert late.setup().status == 453
        document = json.loads(service.http("/api/v1/status")[1])
        assert (document["limits"]["rtsp.max_sessions"], document["sessions"]["limit"]) == (1, 1)
        assert document["write_budget_s"] == 8.0


@dataclass
class Household(Reloadable):
    """A service with a boss and a guest."""

    users: Path = Path()

    @property
    def auth(self) -> str:
        return f'[auth]\nusers = "{self.users}"\n'


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    made = Household(None, tmp_path / "edge-streamer.toml", {"main": small()}, tmp_path / "users")
    add(made.users, "boss", Role.OPERATOR)
    add(made.users, "guest", Role.VIEWER)
    made.write(made.auth)
    with running_service(None, "--config", str(made.path)) as made.service:
        yield made


def test_users_are_read_again_and_only_operators_reload(household):
    users, service = household.users, household.service
    assert ask(service, "POST", "/api/v1/reload") == 401
    assert ask(service, "POST", "/api/v1/reload", "guest") == 403
    change_users(users, lambda known: known.without("guest"))
    add(users, "new", Role.VIEWER)
    assert ask(service, "GET", "/api/v1/sessions", "new") == 401
    assert ask(service, "POST", "/api/v1/reload", "boss") == 200
    assert ask(service, "GET", "/api/v1/sessions", "new") == 200
    assert ask(service, "GET", "/api/v1/sessions", "guest") == 401


def test_live_pictures_end_when_users_have_changed_and_only_then(household):
    service = household.service
    login = authorization(service, "GET", "/api/v1/streams/main/live", "guest")
    with LiveRecorder(service, "main", authorization=login) as live:
        watch(live, until=lambda: live.browser.fragments)
        assert live.browser.status == 101
        household.hang_up(household.auth)
        watch_for(QUIET_S, live)
        assert (live.browser.close_code, live.is_closed) == (None, False)
        change_users(household.users, lambda known: known.without("guest"))
        household.hang_up(household.auth)
        watch(live, until=lambda: live.browser.close_code)
        shown = len(live.browser.messages)
        watch(live, until=lambda: live.is_closed)
        assert (live.browser.close_code, len(live.browser.messages)) == (1001, shown)


def add(users: Path, name: str, role: Role) -> None:
    change_users(users, lambda known: known.having(new_user(name, role, PASSWORD)))


def ask(service: RunningService, method: str, path: str, user: str = "") -> int:
    headers = {"authorization": authorization(service, method, path, user)} if user else {}
    return service.http(path, method, headers)[0]


def authorization(service: RunningService, method: str, path: str, user: str) -> str:
    """Return what `user` says when asked to log in."""
    connection = http.client.HTTPConnection(*service.http_address, timeout=5)
    try:
        connection.request(method, path)
        challenge = parse_challenge(connection.getresponse().getheader("www-authenticate"))
    finally:
        connection.close()
    return DigestClient(user, PASSWORD).answer(challenge, method, path, qop=True)


def test_the_viewers_of_a_slate_come_to_the_stream_that_replaces_it(tmp_path):
    """A camera that is not there, until the configuration names a source that works."""
    path = tmp_path / "edge-streamer.toml"
    path.write_text(_table_of("v4l2", small() | {"device": '"/dev/no-camera"'}))
    with running_service(None, "--config", str(path), is_healthy=False) as service:
        running = Reloadable(service, path)
        running.wait_for(lambda: running.stream("main")["slate_shown"])
        with RtspReader(service.rtsp_url("main")) as reader:
            reader.start()
            reader.next_rtp()
            running.streams = {"main": small(160, 96)}
            running.hang_up()
            running.wait_for(lambda: service.metrics()[REPLACED] == 1)
        running.wait_for(lambda: running.stream("main")["up"])
        assert not running.stream("main")["slate_shown"]
        assert running.stream("main")["slate_frames"] == 0, "the new stream never had one"
        with RtspReader(service.rtsp_url("main")) as reader:
            assert size_of(reader) == (160, 96)


def test_the_size_of_a_slate_follows_the_configuration(tmp_path):
    path = tmp_path / "edge-streamer.toml"
    path.write_text(_table_of("v4l2", small() | {"device": '"/dev/no-camera"'}))
    with running_service(None, "--config", str(path), is_healthy=False) as service:
        running = Reloadable(service, path)
        running.wait_for(lambda: running.stream("main")["slate_shown"])
        path.write_text(_table_of("v4l2", small(640, 360) | {"device": '"/dev/no-camera"'}))
        os.kill(service.pid, signal.SIGHUP)
        running.wait_for(lambda: running.stream("main")["width"] == 640 and running.stream("main")["slate_shown"])
        with RtspReader(service.rtsp_url("main")) as reader:
            assert size_of(reader) == (640, 360)
