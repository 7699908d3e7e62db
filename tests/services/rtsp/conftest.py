"""The RTSP service on a loop turned by hand, over real loopback sockets, with a stream that the test publishes.

    def test_something(house):
        client = house.client()
        client.set_up("tcp")
        assert client.ask("PLAY").status == 200

The server has a loopback address of its own, so that nobody else's UDP ports are in the way. When a test is over, every
connection, session and descriptor must be gone.
"""

import gc
import socket
from collections.abc import Callable, Iterator

import pytest

from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.server.session import RtspSession
from edge_streamer.runtime.address import PortRange
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.udp.multicast import MulticastGroup
from edge_streamer.runtime.udp.pair import UdpPair
from edge_streamer.services.rtsp.connection import RtspConnection
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.service import RtspService
from edge_streamer.services.rtsp.settings import RtspSettings
from edge_streamer.services.rtsp.transports.multicast import MulticastSender
from edge_streamer.services.status import EndReason
from tests.support.frames import TICKS_A_FRAME, frame, key_frame
from tests.support.loop import HandClock, pass_time, turn_until
from tests.support.loopback import own_host
from tests.support.peer_client import PeerClient
from tests.support.rtsp.wire import ClientParser, InterleavedPacket, Response, encode_request

HOST = own_host(4)
OTHER_HOST = own_host(5)
UDP_PORTS = (42000, 42019)
KINDS = (RtspConnection, TcpConnection, Playback, RtspSession, UdpPair, MulticastSender, MulticastGroup)


class Client(PeerClient):
    """A peer: requests out, and whatever comes back sorted into responses, interleaved packets and datagrams."""

    def __init__(self, house: "House", host: str, buffer_bytes: int = 0) -> None:
        super().__init__(house.loop, house.address, host=host, buffer_bytes=buffer_bytes)
        self.house = house
        self.responses: list[Response] = []
        self.order: list[Response | InterleavedPacket] = []
        self.session = ""
        self.cseq = 0
        self._parser = ClientParser()
        self.udp = [_datagram_socket(host) for _ in range(2)]

    # --- what is sent

    def request(self, method: str, path: str = "main", **headers: str) -> bytes:
        """Return a request's bytes; it names the session, if there is one, unless told otherwise."""
        self.cseq += 1
        named = {"Session": self.session} if self.session else {}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return encode_request(method, f"rtsp://{HOST}/{path}", self.cseq, {k: v for k, v in named.items() if v})

    def send(self, method: str, path: str = "main", **headers: str) -> None:
        self.socket.sendall(self.request(method, path, **headers))

    def ask(self, method: str, path: str = "main", **headers: str) -> Response:
        """Send a request and return its response."""
        self.send(method, path, **headers)
        return self.response(self.cseq)

    def transport(self, lower: str, channels: str = "0-1") -> str:
        if lower == "tcp":
            return f"RTP/AVP/TCP;unicast;interleaved={channels}"
        return "RTP/AVP;unicast;client_port={}-{}".format(*(end.getsockname()[1] for end in self.udp))

    def set_up(self, lower: str, path: str = "main", channels: str = "0-1") -> Response:
        """SETUP the video; the session is remembered."""
        response = self.ask("SETUP", f"{path}/trackID=0", Transport=self.transport(lower, channels))
        self.session = response.session_id or self.session
        return response

    def play(self, lower: str) -> Response:
        """SETUP and PLAY; the response is PLAY's."""
        assert self.set_up(lower).status == 200
        return self.ask("PLAY")

    # --- what comes

    def response(self, cseq: int) -> Response:
        """Turn until the response to `cseq` is there, and return it."""
        turn_until(self.house.loop, lambda: self.find(cseq))
        return self.find(cseq)

    def find(self, cseq: int) -> Response | None:
        self.read()
        return next((response for response in self.responses if response.headers.get("cseq") == str(cseq)), None)

    def read(self) -> None:
        """Take what has arrived."""
        self._parser.receive(self.take_available())
        while (message := self._parser.next_message()) is not None:
            self.order.append(message)
            if isinstance(message, Response):
                self.responses.append(message)

    def packets(self, channel: int = 0) -> list[bytes]:
        """Return the interleaved packets of a channel so far."""
        self.read()
        return [each.data for each in self.order if isinstance(each, InterleavedPacket) and each.channel == channel]

    def datagrams(self, port: int = 0) -> list[bytes]:
        """Return and forget the datagrams at the RTP port (0) or the RTCP port (1)."""
        received = []
        try:
            while True:
                received.append(self.udp[port].recv(65535))
        except BlockingIOError:
            return received

    def close(self) -> None:
        super().close()
        self.close_udp()

    def close_udp(self) -> None:
        for end in self.udp:
            end.close()


def _datagram_socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.setblocking(False)
    return made


class House:
    """The service, its streams and its clients."""

    def __init__(self, loop: Loop, clock: HandClock, groups=None, udp_ports=UDP_PORTS, **settings) -> None:
        self.loop = loop
        self.clock = clock
        self.streams = StreamRegistry()
        self.stream = self.add_stream("main")
        rtsp = RtspSettings(udp_ports=PortRange(*udp_ports), **settings)
        self.service = RtspService(loop, self.streams, rtsp, groups=groups)
        self.address = self.service.listeners.listen(HOST, 0)
        self.clients: list[Client] = []
        self._frames = 0

    def add_stream(self, name: str, link_bitrate_bps: int = 2_000_000) -> Stream:
        stream = Stream(name, link_bitrate_bps=link_bitrate_bps)
        self.streams.add(stream)
        return stream

    def client(self, host: str = HOST, buffer_bytes: int = 0) -> Client:
        self.clients.append(Client(self, host, buffer_bytes))
        return self.clients[-1]

    def publish(self, *, key: bool = False, size_bytes: int = 200, stream: Stream | None = None) -> None:
        """Publish one frame of a line at 30 frames a second."""
        make = key_frame if key else frame
        (stream or self.stream).publish(make(self._frames * TICKS_A_FRAME, size_bytes), self.clock.now)
        self._frames += 1

    def turn(self, turns: int = 3) -> None:
        for _ in range(turns):
            self.loop.turn(0.001)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.loop, self.clock, seconds)

    @property
    def ended(self) -> dict[EndReason, int]:
        return dict(self.service.sessions.counters.sessions_ended)

    @property
    def started(self) -> int:
        return self.service.sessions.counters.sessions_started.total()

    def wait_ended(self, reason: EndReason) -> None:
        """Turn until a session has ended for `reason`; it must be the only one that ended, and nothing left of it."""
        turn_until(self.loop, lambda: self.ended)
        self.turn()
        assert self.ended == {reason: 1}
        assert self.service.sessions.statuses() == ()
        assert self.stream.viewers == 0

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.service.close()
        turn_until(self.loop, lambda: self.service.gate.open == 0)
        self.turn()


@pytest.fixture
def new_house(
    no_descriptor_left: None, loop: Loop, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., House]]:
    """Return a function that makes a house with settings of its own. After the test nothing of it may be left."""
    gc.freeze()  # what was there before is not looked through again
    houses: list[House] = []

    def make(**settings) -> House:
        houses.append(House(loop, clock, **settings))
        return houses[-1]

    yield make
    for house in houses:
        house.close()
        assert sum(house.ended.values()) == house.started, "each session ends exactly once"
        assert all(stream.viewers == 0 for stream in house.streams)
    caplog.get_records("call").clear()  # a logged traceback holds the objects in its frames
    gc.collect()
    left = [each for each in gc.get_objects() if isinstance(each, KINDS)]
    gc.unfreeze()
    assert not left


@pytest.fixture
def house(new_house) -> House:
    """A house whose stream has had its first key frame and two frames more."""
    made = new_house()
    made.publish(key=True)
    made.publish()
    made.publish()
    return made
