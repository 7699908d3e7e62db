import pytest

from edge_streamer.protocol.rtsp.headers.transport import MulticastTarget, TransportReply
from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, RtspSession, SessionRemoved, SessionTable
from edge_streamer.protocol.rtsp.server.states import SessionState

TCP = TransportReply("tcp", 1, channels=(0, 1))
UDP = TransportReply("udp", 1, client_ports=(1000, 1001), server_ports=(2000, 2001))
MULTICAST = TransportReply("multicast", 1, target=MulticastTarget("239.255.42.1", (51000, 51001), 1, "198.51.100.1"))
HOST = "192.0.2.7"


def session(session_id: str = "A1", transport: TransportReply = TCP, connection_id: int = 1) -> RtspSession:
    return RtspSession(session_id, connection_id, HOST, "main", 0, "rtsp://cam/main/trackID=0", transport, "", 0.0)


def peer(connection_id: int, host: str = HOST) -> ConnectionPeer:
    return ConnectionPeer(connection_id, host, "192.0.2.1")


def test_what_is_added_is_found_and_listed() -> None:
    table, one, two = SessionTable(), session("A1"), session("A2")
    table.add(one)
    table.add(two)
    assert (len(table), list(table), table.of_connection(1)) == (2, [one, two], (one, two))
    assert table.get("A1") is one
    assert table.get("B1") is None


def test_an_id_is_given_once() -> None:
    table = SessionTable()
    table.add(session("A1"))
    with pytest.raises(ValueError, match="taken"):
        table.add(session("A1"))


def test_removal_is_by_identity() -> None:
    table, old, new = SessionTable(), session("A1"), session("A1")
    table.add(old)
    assert table.remove(old)
    assert old.state is SessionState.INIT
    table.add(new)
    assert not table.remove(old)
    assert table.get("A1") is new
    assert new in table
    assert old not in table


def test_removing_one_leaves_the_other_of_the_connection() -> None:
    table, one, two = SessionTable(), session("A1"), session("A2")
    table.add(one)
    table.add(two)
    table.remove(one)
    assert table.of_connection(1) == (two,)
    table.remove(two)
    assert table.of_connection(1) == ()


@pytest.mark.parametrize(
    ("transport", "claimant", "is_owner"),
    [
        (TCP, peer(1), True),
        (TCP, peer(2), False),
        (UDP, peer(1), True),
        (UDP, peer(2), True),
        (UDP, peer(2, "198.51.100.9"), False),
        (MULTICAST, peer(2), True),
        (MULTICAST, peer(2, "198.51.100.9"), False),
    ],
)
def test_who_owns_a_session(transport: TransportReply, claimant: ConnectionPeer, is_owner: bool) -> None:
    table, one = SessionTable(), session(transport=transport)
    table.add(one)
    assert (table.claim("A1", claimant) is one) is is_owner
    assert table.claim("B1", claimant) is None
    owner = claimant.connection_id if is_owner else 1
    assert (one.connection_id, table.of_connection(owner)) == (owner, (one,))
    assert not any(table.of_connection(other) for other in (1, 2) if other != owner)


@pytest.mark.parametrize("transport", [UDP, MULTICAST], ids=lambda transport: transport.lower)
def test_silence_ends_all_but_a_playing_tcp_session(transport: TransportReply) -> None:
    table = SessionTable(RtspLimits(session_expiry_s=90.0))
    ready, playing, udp = session("A1"), session("A2"), session("A3", transport)
    for one in (ready, playing, udp):
        table.add(one)
    playing.state = udp.state = SessionState.PLAYING
    assert table.expire(89.9) == []
    table.renew(udp, 10.0)
    assert table.expire(90.0) == [SessionRemoved(ready, "idle")]
    assert table.expire(99.9) == []
    assert table.expire(100.0) == [SessionRemoved(udp, "idle")]
    assert list(table) == [playing]
    assert table.expire(1e9) == []
