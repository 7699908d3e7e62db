"""The service over a channel that is no plain TCP connection, as a tunnel will be."""

import pytest

from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.gate import ConnectionGate
from edge_streamer.runtime.tcp.listener_group import ListenerGroup
from edge_streamer.services.status import EndReason
from tests.support.loop import take_faults, turn_until
from tests.support.rtsp.wire import encode_request


class Tunnel:
    """A channel that has a TCP connection and notes the frames that it is given."""

    def __init__(self, connection: TcpConnection) -> None:
        self.__dict__["_connection"] = connection
        self.__dict__["frames"] = []

    def __getattr__(self, name: str):
        return getattr(self._connection, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._connection, name, value)

    def send_frame(self, image: bytes) -> None:
        self.frames.append(image)
        self._connection.send_frame(image)


@pytest.fixture
def tunnels(house):
    """The tunnels that the house's clients come by."""
    made: list[Tunnel] = []

    def serve(connection: TcpConnection):
        made.append(Tunnel(connection))
        return house.service.connect(made[-1])

    group = ListenerGroup(house.loop, ConnectionGate(total=9, per_address=9), serve)
    house.address = group.listen(house.address[0], 0)
    yield made
    for client in house.clients:
        client.close()
    turn_until(house.loop, lambda: not group.delegates)
    group.stop_listening()
    made.clear()


def test_a_session_plays_over_it_and_ends_with_it(house, tunnels):
    client = house.client()
    assert client.play("tcp").status == 200
    house.publish()
    turn_until(house.loop, lambda: len(client.packets()) == 6)
    assert tunnels[0].frames, "frames go through the channel and not past it"
    (status,) = house.service.sessions.statuses()
    assert (status.transport, status.sent_bytes > 0) == ("tcp", True)
    client.socket.close()
    house.wait_ended(EndReason.PEER_CLOSED)


@pytest.mark.parametrize("uri", ["/main", "rtsp://[fe80::1%eth0]/main", "rtsp://[fe80::1%25eth0]/main/"])
def test_a_zone_never_leaves_this_machine(house, tunnels, monkeypatch, uri):
    """Neither this machine's, in the address of the connection, nor the client's, in its URL."""
    monkeypatch.setattr(Tunnel, "local_address", ("fe80::1%eth0", 554, 0, 2), raising=False)
    client = house.client()

    def ask(cseq: int, method: str, **headers: str):
        client.socket.sendall(encode_request(method, uri, cseq, headers))
        return client.response(cseq)

    described = ask(1, "DESCRIBE")
    assert described.headers["content-base"] == "rtsp://[fe80::1]/main/"
    assert described.body.startswith(f"v=0\r\no=- {house.stream.identity.ssrc} 1 IN IP6 fe80::1\r\n".encode())
    session = ask(2, "SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1").session_id
    assert ask(3, "PLAY", Session=session).headers["rtp-info"].startswith("url=rtsp://[fe80::1]/main/trackID=0;")


def test_a_session_over_it_is_ended_from_our_side(house, tunnels):
    client = house.client()
    client.play("tcp")
    assert house.service.sessions.kick(client.session)
    client.wait_closed()
    assert house.ended == {EndReason.KICKED: 1}


def test_a_fault_while_it_is_sent_a_frame_ends_its_session_alone(house, tunnels):
    faulty, other = house.client(), house.client()
    faulty.play("tcp")
    other.play("tcp")
    tunnels[0].__dict__["send_frame"] = lambda image: [][0]
    house.publish()
    house.publish()
    faulty.wait_closed()
    turn_until(house.loop, lambda: len(other.packets()) == 7)
    assert (house.ended, take_faults(house.loop)) == ({EndReason.INTERNAL_ERROR: 1}, 1)
