"""Multicast: the server says where the group is, whatever the client wishes, and only where the operator has it on."""

import pytest

from edge_streamer.protocol.rtsp.server.session import SessionRemoved
from tests.support.rtsp.ladder import Ladder, new_ladder

GROUP = "RTP/AVP;multicast;destination=239.255.42.1;source=198.51.100.1;port=51000-51001;ttl=1;ssrc=D6D66271"
GSTREAMER = "RTP/AVP;unicast;client_port=40000-40001,RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1"
SETUP = "SETUP rtsp://cam/main/trackID=0 RTSP/1.0"


@pytest.fixture
def multicast() -> Ladder:
    """A client of a server with TCP and multicast."""
    return new_ladder(transports=("tcp", "multicast"))


@pytest.mark.parametrize(
    "offer",
    [
        "RTP/AVP/UDP;multicast",  # ffmpeg
        "RTP/AVP;multicast",  # GStreamer
        "RTP/AVP;multicast;port=6970-6971",  # live555
        "RTP/AVP;multicast;destination=224.0.0.251;port=5353-5354;ttl=255;mode=play",
    ],
)
def test_the_server_alone_decides_where(multicast: Ladder, offer: str) -> None:
    multicast.peer(SETUP, "CSeq: 3", f"Transport: {offer}")
    multicast.expect(200, transport=GROUP, session=f"{multicast.session.id};timeout=60")
    assert multicast.session.transport.lower == "multicast"


@pytest.mark.parametrize(
    ("transports", "taken"),
    [
        (("tcp", "udp", "multicast"), "RTP/AVP;unicast;client_port=40000-40001;"),
        (("tcp", "multicast"), "RTP/AVP;multicast;destination="),
        (("multicast",), "RTP/AVP;multicast;destination="),
        (("tcp",), "RTP/AVP/TCP;unicast;interleaved=0-1;"),
    ],
)
def test_the_first_offer_that_the_operator_allows_is_taken(transports: tuple[str, ...], taken: str) -> None:
    ladder = new_ladder(transports=transports)
    ladder.peer(SETUP, "CSeq: 3", f"Transport: {GSTREAMER}")
    transport = ladder.expect(200).headers["transport"]
    assert transport.startswith(taken)
    assert "," not in transport


def test_it_is_off_unless_the_operator_has_it_on(ladder: Ladder) -> None:
    ladder.peer(SETUP, "CSeq: 3", "Transport: RTP/AVP/UDP;multicast")
    ladder.expect(461, cseq="3", session=None)
    ladder.peer(SETUP, "CSeq: 4", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")  # what ffmpeg asks for next
    ladder.expect(200, cseq="4")


def test_a_session_ends_when_its_viewer_is_silent(multicast: Ladder) -> None:
    session = multicast.play("RTP/AVP;multicast")
    multicast.wait(s=80)
    multicast.peer("GET_PARAMETER rtsp://cam/main/ RTSP/1.0", "CSeq: 6", f"Session: {session.id}")
    multicast.expect(200)
    multicast.wait(s=80)
    multicast.expect_nothing()
    multicast.wait(s=10)
    multicast.expect_event(SessionRemoved, session=session, reason="idle")


def test_a_session_outlives_its_connection_and_comes_over_to_the_next_from_the_same_host(multicast: Ladder) -> None:
    session = multicast.play("RTP/AVP;multicast")
    multicast.hang_up()
    multicast.expect_nothing()
    stranger = multicast.connect("198.51.100.9")
    stranger.peer("PAUSE rtsp://cam/main/ RTSP/1.0", "CSeq: 1", f"Session: {session.id}")
    stranger.expect(454)
    again = multicast.connect()
    again.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 1", f"Session: {session.id}")
    again.expect(200)
    again.expect_event(SessionRemoved, session=session, reason="teardown")


def test_each_session_of_a_stream_has_the_same_group(multicast: Ladder) -> None:
    transports = set()
    for rung in (multicast, multicast.connect(), multicast.connect("198.51.100.9")):
        rung.peer(SETUP, "CSeq: 1", "Transport: RTP/AVP;multicast")
        transports.add(rung.expect(200).headers["transport"])
    assert transports == {GROUP}
    assert len(multicast.server.sessions) == 3
