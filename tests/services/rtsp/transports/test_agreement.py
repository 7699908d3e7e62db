"""The reply to SETUP and the packets that follow it agree in everything that a client can compare, on each transport.

The service is real and so are its packets; a multicast group over IPv6 needs a device that has such a route, so it is
compared by the same function in tests/netns.
"""

import socket
from contextlib import ExitStack

import pytest

from tests.services.rtsp.conftest import HOST, House
from tests.support.loop import turn_until
from tests.support.rtsp.agreement import Datagram, Ears, disagreements
from tests.support.rtsp.multicast import DEVICE, own_group
from tests.support.rtsp.wire import ClientParser, Response, encode_request

GROUPS = {"main": own_group(0, ttl=1), "sub": own_group(1, ttl=7)}


class Viewer:
    """One RTSP connection that sets up and plays a stream with its own words."""

    def __init__(self, house: House, address: tuple, stream: str) -> None:
        self.house = house
        self.host = address[0]
        self.socket = socket.create_connection(address[:2], source_address=(self.host, 0))
        self.socket.setblocking(False)
        self.stream = stream
        self.parser = ClientParser()
        self.messages: list = []
        self.session: dict[str, str] = {}

    def ask(self, method: str, path: str, **headers: str) -> Response:
        written = f"[{self.host}]" if ":" in self.host else self.host
        self.socket.sendall(encode_request(method, f"rtsp://{written}/{path}", 1, self.session | headers))
        before = self.responses
        turn_until(self.house.loop, lambda: self.read() > before)
        response = [each for each in self.messages if isinstance(each, Response)][-1]
        assert response.status == 200
        self.session = {"Session": response.session_id}
        return response

    @property
    def responses(self) -> int:
        return sum(isinstance(each, Response) for each in self.messages)

    def read(self) -> int:
        """Take what has come; return how many responses that makes."""
        try:
            self.parser.receive(self.socket.recv(1 << 20))
        except BlockingIOError:
            pass
        while (message := self.parser.next_message()) is not None:
            self.messages.append(message)
        return self.responses

    def interleaved(self, channel: int) -> list[Datagram]:
        self.read()
        packets = [each for each in self.messages if not isinstance(each, Response) and each.channel == channel]
        return [Datagram(each.data, ("", each.channel), ("", each.channel), 0) for each in packets]


@pytest.fixture
def house(new_house):
    made = new_house(transports=("tcp", "udp", "multicast"), groups=GROUPS)
    made.add_stream("sub")
    for stream in made.streams:
        made.publish(key=True, stream=stream)
    return made


@pytest.fixture
def view(house):
    """Return a function that makes viewers of the house, by the address that they reach it at."""
    with ExitStack() as stack:

        def make(host: str = HOST, stream: str = "main") -> Viewer:
            address = house.address if host == HOST else house.service.listeners.listen(host, 0)
            viewer = Viewer(house, address, stream)
            stack.callback(viewer.socket.close)
            return viewer

        yield make


def play(house: House, viewer: Viewer, transport: str) -> Response:
    """SETUP and PLAY, then frames of more than a packet, and a report."""
    reply = viewer.ask("SETUP", f"{viewer.stream}/trackID=0", Transport=transport)
    viewer.ask("PLAY", viewer.stream)
    for number in range(3):
        house.publish(key=number == 0, size_bytes=4000, stream=house.streams.get(viewer.stream))
    house.pass_time(5)
    return reply


@pytest.mark.parametrize("host", [HOST, "127.0.0.1", "::1"], ids=["IPv4", "IPv4-2", "IPv6"])
def test_udp(house, view, host):
    with Ears(host) as ears:
        reply = play(house, view(host), "RTP/AVP;unicast;client_port={}-{}".format(*ears.ports))
        assert disagreements(reply, host, ears.ports, ears.rtp(), ears.rtcp()) == []


@pytest.mark.parametrize("host", [HOST, "::1"], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("stream", GROUPS)
def test_multicast(house, view, host, stream):
    """Of two streams, each with its own group, ports and TTL; whichever address the client reached."""
    group = GROUPS[stream]
    other = GROUPS["sub" if stream == "main" else "main"]
    with Ears(group.host, group.ports, DEVICE) as ears, Ears(other.host, other.ports, DEVICE) as elsewhere:
        reply = play(house, view(host, stream), "RTP/AVP;multicast")
        assert reply.transport["ttl"] == str(group.ttl)
        assert disagreements(reply, host, ears.ports, ears.rtp(), ears.rtcp()) == []
        assert (elsewhere.rtp(), elsewhere.rtcp()) == ([], [])


@pytest.mark.parametrize("channels", [(0, 1), (4, 5), (7, 2)])
def test_interleaved(house, view, channels):
    viewer = view()
    reply = play(house, viewer, "RTP/AVP/TCP;unicast;interleaved={}-{}".format(*channels))
    rtp, rtcp = (viewer.interleaved(channel) for channel in channels)
    assert disagreements(reply, HOST, channels, rtp, rtcp) == []
    assert {each.channel for each in viewer.messages if not isinstance(each, Response)} == set(channels)


def test_each_difference_is_found():
    reply = Response(
        200,
        "OK",
        {"transport": "RTP/AVP;multicast;destination=239.0.0.1;source=10.0.0.1;port=5000-5001;ttl=3;ssrc=0000002A"},
        b"",
    )
    right = Datagram(bytes(11) + b"\x2a", ("10.0.0.1", 5000), ("239.0.0.1", 5000), 3)
    report = Datagram(b"\x80\xc8\0\6\0\0\0\x2a", ("10.0.0.1", 5001), ("239.0.0.1", 5001), 3)
    assert disagreements(reply, "10.0.0.9", (5000, 5001), [right], [report]) == []
    wrong = Datagram(bytes(12), ("10.0.0.2", 4000), ("239.0.0.2", 5002), 1)
    found = disagreements(reply, "10.0.0.9", (5000, 5001), [wrong], [])
    assert [fault.partition(" is ")[0] for fault in found] == [
        "RTP: ssrc",
        "RTP: source address",
        "RTP: source port",
        "RTP: destination port",
        "RTP: client's port",
        "RTP: destination",
        "RTP: ttl",
        "no RTCP",
    ]
