"""Live video on a loop turned by hand, over real loopback sockets, from a stream that the test publishes."""

import gc
import socket
from collections.abc import Iterator

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.media.track import StreamIdentity
from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.protocol.http.websocket import SILENT_AFTER_S
from edge_streamer.protocol.mp4.fragments import START_TIME
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.http.router import HttpRoutes
from edge_streamer.services.http.service import HttpConnection, HttpService
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.late_viewers import LateViewers
from edge_streamer.services.live.routes import LiveRoutes
from edge_streamer.services.live.stream import LiveStream
from edge_streamer.services.live.viewer import BEHIND_S, LiveViewer
from tests.support.browser.live_browser import LiveBrowser
from tests.support.frames import PPS, SPS, TICKS_A_FRAME, annex_b, frame, key_frame
from tests.support.loop import HandClock, pass_time, take_faults, turn_until
from tests.support.peer_client import PeerClient
from tests.support.service_status import a_status, a_stream

FRAME_S = TICKS_A_FRAME / CLOCK_HZ
OTHER_SPS = bytes.fromhex("6742c01fda014016e840000003004000000f23c60ca8")  # 1280x720
DEAD_AFTER_S = 8.0


class Access:
    """Lets everybody pass."""

    def admit(self, request: HttpRequest, peer_host: str, now: float) -> HttpRequest:
        return request


class Client(PeerClient):
    """A browser and its socket."""

    def __init__(self, house: "House", name: str, buffer_bytes: int, **browser) -> None:
        super().__init__(house.loop, house.address, buffer_bytes=buffer_bytes)
        self.browser = LiveBrowser("camera", name, **browser)
        self._send()

    def _send(self) -> None:
        if self.browser.output and not self.is_closed:
            self.socket.sendall(self.browser.output)
            self.browser.output = b""

    def send(self, event) -> None:
        self.browser.send(event)
        self._send()

    def read(self) -> LiveBrowser:
        if data := self.take_available():
            self.browser.receive(data)
        self._send()
        return self.browser

    def wait_for(self, order: str) -> None:
        """Turn until exactly these messages have come."""
        turn_until(self.loop, lambda: len(self.read().order) >= len(order))
        assert self.browser.order == order


class House:
    """The service, its streams and its browsers."""

    def __init__(self, loop: Loop, clock: HandClock) -> None:
        self.loop = loop
        self.clock = clock
        self.streams = StreamRegistry()
        self.stream = self.add_stream()
        self.asked: list[float] = []
        self.status = a_status()
        self.live = LiveRoutes(loop, self.streams, lambda: self.status)
        settings = HttpSettings(max_connections=9, max_connections_per_address=9)
        self.service = HttpService(loop, HttpRoutes([self.live]), Access(), settings)
        self.address = self.service.listeners.listen("127.0.0.1", 0)
        self.clients: list[Client] = []
        self._frames = 0

    def add_stream(self) -> Stream:
        identity = StreamIdentity(1, 1000, 0xFFFFFFFF - 2 * TICKS_A_FRAME)  # RTP's time wraps at the third frame
        stream = Stream("main", link_bitrate_bps=2_000_000, identity=identity)
        LateViewers(self.loop).serve(stream)
        self.streams.add(stream)
        return stream

    def client(self, name: str = "main", buffer_bytes: int = 0, **browser) -> Client:
        self.clients.append(Client(self, name, buffer_bytes, **browser))
        return self.clients[-1]

    def watching(self, **client) -> Client:
        """Return a client that waits for its first frame."""
        before = self.stream.viewers
        made = self.client(**client)
        turn_until(self.loop, lambda: self.stream.viewers > before)
        return made

    def playing(self, **client) -> Client:
        """Return a client that has had its first."""
        made = self.watching(**client)
        self.publish(key=True)
        made.wait_for("miK")
        return made

    def can_force_key_frame(self) -> None:
        self.stream.key_frame_requests.ask = lambda: self.asked.append(self.clock.now)

    def publish(self, *, key: bool = False, size_bytes: int = 200) -> None:
        """Publish one frame of a line at 30 frames a second, whatever the clock says."""
        make = key_frame if key else frame
        self.stream.publish(make(self._frames * TICKS_A_FRAME, size_bytes), self.clock.now)
        self._frames += 1

    def skip_time(self, frames: int) -> None:
        """Leave out some frames of the line."""
        self._frames += frames

    def play_on(self, seconds: float, *, readers: tuple[Client, ...] = (), size_bytes: int = 200) -> None:
        """Let time pass with ten frames a second, a key frame each second."""
        for number in range(round(10 * seconds)):
            self.clock.advance(0.1)
            self.publish(key=number % 10 == 9, size_bytes=size_bytes)
            for _ in range(2):
                self.loop.turn()
            for reader in readers:
                reader.read()

    def close(self) -> None:
        for client in self.clients:
            client.socket.close()
        self.service.close()
        turn_until(self.loop, lambda: self.service.gate.open == 0)
        assert self.live.viewers() == 0
        assert self.stream.viewers == 0


@pytest.fixture
def house(no_descriptor_left, loop, clock) -> Iterator[House]:
    made = House(loop, clock)
    yield made
    made.close()


# --- what a browser gets


def test_a_browser_begins_with_a_key_frame_and_what_a_decoder_must_know(house):
    client = house.watching()
    house.publish()
    house.publish(key=True)
    house.publish()
    client.wait_for("miKf")
    said, segment, *_fragments = client.browser.messages
    assert said == {"mime": 'video/mp4; codecs="avc1.42c00d"', "width": 320, "height": 192}
    assert segment.at("moov/trak/tkhd").numbers("II", 76) == (320 << 16, 192 << 16)


def test_a_fragment_is_the_access_unit_without_parameter_sets(house):
    client = house.watching()
    house.publish(key=True, size_bytes=300)
    client.wait_for("miK")
    (fragment,) = client.browser.fragments
    slice_unit = house.stream.last_frame.data.rpartition(b"\0\0\0\1")[2]
    assert fragment.sample == len(slice_unit).to_bytes(4, "big") + slice_unit


def test_decode_times_follow_the_streams_clock_beyond_its_32_bits_in_rtp(house):
    client = house.watching()
    house.publish(key=True)
    for _ in range(5):
        house.publish()
    client.wait_for("miKfffff")
    times = [each.decode_time for each in client.browser.fragments]
    assert times == [START_TIME + number * TICKS_A_FRAME for number in range(6)]


@pytest.mark.parametrize("hours", [6, 7, 13])
def test_a_source_that_was_down_for_a_night_goes_on_ahead_of_what_was_shown(house, hours):
    client = house.playing()
    house.clock.advance(3600.0 * hours)
    house.stream.track.announce_restart()
    house.publish(key=True)
    client.wait_for("miKK")
    before, after = client.browser.fragments
    assert after.decode_time - before.decode_time == round(3600.0 * hours * CLOCK_HZ)
    assert after.composition == 0


def test_a_frame_is_made_into_a_fragment_once_for_all(house):
    clients = [house.watching() for _ in range(3)]
    house.publish(key=True)
    for _ in range(3):
        house.publish()
    for client in clients:
        client.wait_for("miKfff")
    first, *others = (client.browser.file for client in clients)
    assert all(other == first for other in others)
    assert [each.sequence for each in clients[0].browser.fragments] == [1, 2, 3, 4]


def test_who_comes_later_gets_what_was_made_since_the_last_key_frame(house):
    first = house.playing()
    house.publish()
    first.wait_for("miKf")
    second = house.client()
    second.wait_for("miKf")
    assert second.browser.file == first.browser.file


def test_who_comes_later_gets_a_key_frame_of_its_own_where_the_source_can_make_one(house):
    first = house.playing()
    house.can_force_key_frame()
    second = house.watching()
    assert len(house.asked) == 1
    house.publish(key=True)
    first.wait_for("miKK")
    second.wait_for("miK")


def test_what_follows_a_gap_that_no_browser_passes_is_spared_up_to_a_key_frame(house):
    client = house.playing()
    house.can_force_key_frame()
    house.skip_time(round(0.5 / FRAME_S))
    house.publish()
    house.publish()
    assert len(house.asked) == 1
    house.publish(key=True)
    house.publish()
    client.wait_for("miKsmiKf")
    assert client.browser.said("skipped") == [2]


def test_a_camera_that_exposes_longer_in_the_dark_makes_no_such_gap(house):
    client = house.playing()
    house.skip_time(round(0.3 / FRAME_S))
    house.publish()
    client.wait_for("miKf")


def test_a_browser_that_joins_late_in_a_long_group_gets_all_of_it(house, clock):
    """What it begins with is several times its write budget."""
    house.publish(key=True)
    for _ in range(299):
        house.publish(size_bytes=20_000)
    client = house.watching()
    for _ in range(300):
        clock.advance(0.01)
        for _ in range(3):
            house.loop.turn()
            client.read()
    house.publish()
    client.wait_for("miK" + 300 * "f")
    times = [fragment.decode_time for fragment in client.browser.fragments]
    assert times == list(range(START_TIME, START_TIME + 301 * TICKS_A_FRAME, TICKS_A_FRAME))


def test_a_browser_that_is_late_goes_on_at_a_new_key_frame(house, clock):
    house.publish(key=True)
    for _ in range(99):
        house.publish(size_bytes=20_000)
    client = house.watching(buffer_bytes=4096)
    turn_until(house.loop, lambda: len(client.read().order) > 3)
    house.publish(key=True)
    house.publish()
    for _ in range(100):
        clock.advance(0.01)
        house.loop.turn()
        client.read()
    turn_until(house.loop, lambda: client.read().order.endswith("smiKf"))
    (skipped,) = client.browser.said("skipped")
    assert 0 < skipped == 102 - len(client.browser.fragments)


def test_a_browser_that_starts_with_cached_frames_stops_at_the_gap_among_them(house):
    first = house.playing()
    house.publish()
    house.skip_time(round(0.5 / FRAME_S))
    house.publish()
    second = house.watching()
    house.publish(key=True)
    second.wait_for("miKfsmiK")
    first.wait_for("miKfsmiK")


def test_other_parameter_sets_are_introduced_where_they_begin(house):
    client = house.playing()
    house.publish(key=True)
    house.stream.publish(key_frame_of(OTHER_SPS, 4 * TICKS_A_FRAME), house.clock.now)
    client.wait_for("miKKmiK")
    assert client.browser.said("mime") == ['video/mp4; codecs="avc1.42c00d"', 'video/mp4; codecs="avc1.42c01f"']
    assert client.browser.messages[-3]["width"] == 1280


def key_frame_of(sps: bytes, media_time: int):
    made = key_frame(media_time)
    return type(made)(annex_b(sps, PPS, b"\x65" + bytes(range(1, 200))), is_key_frame=True, media_time=media_time)


@pytest.mark.parametrize("sps", [b"", SPS[:6]], ids=["none", "broken"])
def test_a_key_frame_that_no_decoder_could_begin_with_is_no_beginning(house, sps):
    client = house.watching()
    units = [sps, PPS] if sps else []
    made = key_frame(0)
    unusable = type(made)(annex_b(*units, b"\x65\x01\x02"), is_key_frame=True, media_time=0)
    house.stream.publish(unusable, house.clock.now)
    house.publish()
    house.stream.publish(key_frame_of(OTHER_SPS, 9000), house.clock.now)
    client.wait_for("smiK")
    assert client.browser.said("skipped") == [2]


# --- demand, and its end


def test_a_browser_is_demand(house):
    wanted = []
    house.stream.on_wanted = lambda: wanted.append(house.stream.viewers)
    client = house.watching()
    assert wanted == [0]
    assert house.stream.is_watched
    turn_until(house.loop, lambda: client.read().status)
    client.send(CloseConnection(1000))
    client.wait_closed()
    assert client.browser.close_code == 1000
    assert not house.stream.is_watched


def test_who_hangs_up_is_forgotten(house):
    client, other = house.playing(), house.client()
    other.wait_for("miK")
    assert house.live.viewers() == 2
    client.socket.close()
    turn_until(house.loop, lambda: house.live.viewers() == 1)
    house.publish()
    other.wait_for("miKf")


def test_the_next_browser_begins_a_time_of_its_own(house):
    client = house.playing()
    house.publish()
    client.socket.close()
    turn_until(house.loop, lambda: house.live.viewers() == 0)
    house.publish()
    second = house.client()
    second.wait_for("miKff")
    assert [each.decode_time - START_TIME for each in second.browser.fragments] == [0, TICKS_A_FRAME, 2 * TICKS_A_FRAME]


def test_nothing_is_left_of_those_who_have_left(house):
    clients = [house.playing()]
    clients += [house.client() for _ in range(2)]
    turn_until(house.loop, lambda: house.live.viewers() == 3)
    for client in clients:
        client.socket.close()
    turn_until(house.loop, lambda: house.live.viewers() == 0)
    house.publish(key=True)  # the frames before had their fragments
    pass_time(house.loop, house.clock, 10.0)  # no timer either
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, LiveViewer | LiveStream)]


# --- each second


def test_each_second_it_is_said_how_far_the_stream_is(house):
    client = house.playing()
    house.play_on(3.05, readers=(client,))
    live = client.browser.said("live_s")
    assert live == pytest.approx([1 + number * 10 * FRAME_S for number in (1, 2, 3)], abs=2.1 * FRAME_S)


def test_who_has_no_picture_yet_is_told_why(house):
    house.status = a_status(streams=(a_stream("main", is_up=False, reason="no camera found"),))
    client = house.watching()
    pass_time(house.loop, house.clock, 2.25)
    client.wait_for("ww")
    assert client.browser.said("waiting") == ["no camera found"] * 2
    assert client.browser.said("live_s") == []


def test_a_source_that_comes_back_is_introduced_again(house):
    client = house.playing()
    house.status = a_status(streams=(a_stream("main", is_up=False),))
    pass_time(house.loop, house.clock, 2.0)
    client.wait_for("miKw")
    assert client.browser.said("waiting") == ["no picture yet"]
    house.status = a_status()
    house.publish()
    house.publish(key=True)
    client.wait_for("miKwsmiK")


def test_a_source_that_is_up_may_be_silent(house):
    client = house.playing()
    pass_time(house.loop, house.clock, 5.0)
    house.publish()
    client.wait_for("miKf")


# --- behind, and dead


def waiting_bytes(house: House) -> int:
    """Return what waits for the first browser."""
    return next(iter(house.live._viewers))._connection.queue.waiting_bytes


def fill(house: House, client: Client) -> None:
    """Publish until something waits for a client that does not read."""
    while not waiting_bytes(house):
        house.publish(size_bytes=50_000)
        house.loop.turn()


def test_who_is_behind_loses_whole_fragments_up_to_a_key_frame(house):
    client = house.playing(buffer_bytes=4096)
    house.can_force_key_frame()
    fill(house, client)
    house.play_on(0.9, size_bytes=5000)
    assert house.asked == []
    house.clock.advance(0.2)
    house.publish()
    published = house.stream.counters.frames
    for _ in range(200):
        client.read()
        house.loop.turn(0.001)
    received = len(client.browser.fragments)
    house.publish()
    assert len(house.asked) == 1, "it has caught up, and can begin again"
    house.publish(key=True)
    turn_until(house.loop, lambda: client.read().order.endswith("smiK"))
    assert client.browser.order == "miK" + "f" * (received - 1) + "smiK"
    assert client.browser.said("skipped") == [published - received + 1]
    house.publish()
    turn_until(house.loop, lambda: client.read().order.endswith("smiKf"))


def test_nobody_else_notices_who_is_behind(house):
    slow = house.playing(buffer_bytes=4096)
    fill(house, slow)
    quick = house.client()
    turn_until(house.loop, lambda: quick.read().fragments)
    before, published = len(quick.browser.fragments), house.stream.counters.frames
    house.play_on(3, readers=(quick,), size_bytes=5000)
    turn_until(house.loop, lambda: len(quick.read().fragments) - before >= house.stream.counters.frames - published)
    assert quick.browser.said("skipped") == []


def test_who_does_not_read_is_dead_in_time(house):
    client = house.playing(buffer_bytes=4096)
    fill(house, client)
    house.play_on(DEAD_AFTER_S - 0.5, size_bytes=5000)
    assert house.live.viewers() == 1
    house.play_on(BEHIND_S + 0.75, size_bytes=5000)
    assert house.live.viewers() == 0


def test_who_answers_no_ping_is_dead(house):
    house.watching(answers_pings=False)
    client = house.clients[-1]
    pass_time(house.loop, house.clock, SILENT_AFTER_S)
    client.read()
    assert client.browser.pings >= 1
    assert house.live.viewers() == 1
    pass_time(house.loop, house.clock, SILENT_AFTER_S / 2 + 0.5)
    client.wait_closed()
    assert client.browser.close_code is None
    assert house.live.viewers() == 0


def test_who_answers_pings_may_watch_a_stream_without_a_picture(house):
    client = house.watching()
    for _ in range(20):
        pass_time(house.loop, house.clock, 1.0)
        client.read()
        house.loop.turn(0.001)
    assert client.browser.pings >= 4
    assert house.live.viewers() == 1


def test_who_owes_more_than_the_budget_is_behind_too(house):
    client = house.playing(buffer_bytes=4096)
    fill(house, client)
    for _ in range(2 * house.stream.write_budget_bytes() // 50_000):
        house.publish(size_bytes=50_000)
    house.play_on(0.5)
    turn_until(house.loop, lambda: not waiting_bytes(house) or client.read() is None)
    house.publish(key=True)
    turn_until(house.loop, lambda: client.read().order.endswith("smiK"))


def test_who_reads_next_to_nothing_is_dead_as_well(house):
    """What is partly on the wire grows old, although there is progress."""
    client = house.playing(buffer_bytes=4096)
    fill(house, client)
    seconds = 0
    while house.live.viewers():
        client.socket.recv(4096)
        house.play_on(1.0, size_bytes=5000)
        seconds += 1
    assert DEAD_AFTER_S <= seconds <= DEAD_AFTER_S + BEHIND_S + 1


# --- ends


def test_a_browser_that_says_something_is_sent_away(house):
    client = house.playing()
    client.send(TextMessage("hello"))
    client.wait_closed()
    assert client.browser.close_code == 1003


def test_a_ping_of_the_browser_is_answered(house):
    client = house.playing()
    client.send(Ping(b"there?"))
    house.publish()
    client.wait_for("miKf")
    assert house.live.viewers() == 1


def test_a_replaced_stream_sends_its_browsers_to_the_new_one(house):
    client = house.playing()
    replaced, house.stream = house.stream, house.add_stream()
    pass_time(house.loop, house.clock, 1.25)
    client.wait_closed()
    assert client.browser.close_code == 1001
    assert replaced.viewers == 0
    house.playing()


def test_all_browsers_are_sent_away_when_users_have_changed(house):
    clients = [house.playing(), house.client()]
    turn_until(house.loop, lambda: house.live.viewers() == 2)
    house.live.close()  # before the second has joined its stream
    for client in clients:
        client.wait_closed()
        assert client.browser.close_code == 1001
    assert house.stream.viewers == 0


def test_the_end_of_the_service_is_said(house):
    client = house.playing()
    house.service.close()
    client.wait_closed()
    assert client.browser.close_code == 1001


def test_a_fault_ends_one_browser(house, monkeypatch):
    client = house.watching()
    monkeypatch.setattr(LiveStream, "introduction", lambda live, frame: [][0])
    house.publish(key=True)
    client.wait_closed()
    assert take_faults(house.loop) == 1
    assert house.stream.viewers == 0


# --- who is let in


@pytest.mark.parametrize(
    ("name", "headers", "status"),
    [
        ("main", {}, 101),
        ("main", {"origin": "http://camera"}, 101),
        ("main", {"origin": "http://elsewhere"}, 403),
        ("yard", {}, 404),
    ],
)
def test_who_is_let_in(house, name, headers, status):
    client = house.client(name, **headers)
    turn_until(house.loop, lambda: client.read().status)
    assert client.browser.status == status
    assert house.live.viewers() == (status == 101)


def test_what_comes_right_behind_the_handshake_is_not_lost(house):
    client = house.client()
    client.socket.sendall(Connection(ConnectionType.CLIENT).send(Ping(b"early")))
    turn_until(house.loop, lambda: Pong(b"early") in client.read().others)


def test_a_request_that_asks_for_no_websocket_is_told_so(house):
    client = house.client()
    client.socket.close()
    client.socket = socket.create_connection(house.address)
    client.socket.setblocking(False)
    client.socket.sendall(b"GET /api/v1/streams/main/live HTTP/1.1\r\nHost: camera\r\n\r\n")
    received = b""

    def answered() -> bool:
        nonlocal received
        try:
            received += client.socket.recv(4096)
        except BlockingIOError:
            pass
        return b"\r\n\r\n" in received

    turn_until(house.loop, answered)
    assert received.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"x-content-type-options: nosniff" in received


def test_nothing_of_http_is_left_on_a_connection_that_became_a_websocket(house):
    house.playing()
    gc.collect()
    assert [each for each in gc.get_objects() if isinstance(each, HttpConnection)] == []
    assert house.service.gate.open == 1, "it counts as one of HTTP's until its end"
