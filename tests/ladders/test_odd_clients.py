"""What no client is known by and some client somewhere does: spelling, padding, line ends, replies of their own."""

import pytest

from edge_streamer.protocol.rtsp.server.events import PlaybackPaused
from edge_streamer.protocol.rtsp.server.session import SessionRemoved
from tests.support.rtsp.harness import FIRST_RANGE
from tests.support.rtsp.ladder import Ladder


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"OPTIONS * RTSP/1.0\nCSeq: 0\n\n",
        b"OPTIONS * RTSP/1.0\r\ncSEQ : 0\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nX-Folded: a\r\n b\r\n\tc\r\nCSeq: 0\r\n\r\n",
        b"\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 0\r\nX-Empty:\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 0\r\nContent-Length: 0\r\n\r\n",  # Avigilon
        b"OPTIONS * RTSP/1.0\r\nx-Accept-Dynamic-Rate: 1\r\nCSeq: 0\r\n\r\n",  # Dahua
        b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nContent-Length: 4\r\n\r\nbodyOPTIONS * RTSP/1.0\r\nCSeq: 0\r\n\r\n",
        b"$\x09\x00\x02zzOPTIONS * RTSP/1.0\r\nCSeq: 0\r\n\r\n",
    ],
)
def test_tolerated(ladder: Ladder, request_bytes: bytes) -> None:
    ladder.send(request_bytes)
    ladder.expect(200, cseq="0")
    ladder.expect_nothing()
    ladder.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    ladder.expect(200, cseq="1")


def test_larix_sends_the_session_back_with_its_time_out_and_begins_with_channels_2_3(ladder: Ladder) -> None:
    session = ladder.set_up("RTP/AVP/TCP;unicast;interleaved=2-3;mode=receive")
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 4", f"Session: {session.id};timeout=60")
    ladder.expect(200, session=f"{session.id};timeout=60")


def test_the_sessions_control_attribute_joined_as_a_name(ladder: Ladder) -> None:
    """`*` means the URL itself (RFC 2326 section C.1.1)."""
    ladder.peer("SETUP rtsp://cam/main/*/trackID=0 RTSP/1.0", "CSeq: 3", "Transport: RTP/AVP/TCP;unicast")
    session = f"Session: {ladder.expect(200).session_id}"
    ladder.peer("PLAY rtsp://cam/main/* RTSP/1.0", "CSeq: 4", session)
    ladder.expect(200, rtp_info="url=rtsp://cam/main/trackID=0;seq=4711;rtptime=90000")
    for method in ("GET_PARAMETER", "PAUSE", "TEARDOWN"):
        ladder.peer(f"{method} rtsp://cam/main/* RTSP/1.0", "CSeq: 5", session)
        ladder.expect(200)
    ladder.expect_event(PlaybackPaused)
    ladder.expect_event(SessionRemoved, reason="teardown")


@pytest.mark.parametrize("asked", ["0.000-", "clock=20100217T143720.257Z-", "smpte=0:00:00-", "npt=0:00:00.000-"])
def test_libcurl_janus_and_players_of_recordings_ask_for_a_time(ladder: Ladder, asked: str) -> None:
    """Janus sends a Range without a unit (meetecho/janus-gateway#1460)."""
    session = ladder.set_up()
    ladder.peer("PLAY rtsp://cam/main RTSP/1.0", "CSeq: 4", f"Session: {session.id}", f"Range: {asked}")
    ladder.expect(200, range=FIRST_RANGE)


def test_live555_asks_again_for_the_time_at_which_it_began(ladder: Ladder) -> None:
    """It keeps the clock of the first reply and sends it with the PLAY that follows a PAUSE."""
    session = ladder.play()
    ladder.peer("PAUSE rtsp://cam/main/ RTSP/1.0", "CSeq: 5", f"Session: {session.id}")
    ladder.expect(200)
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 6", f"Session: {session.id}", f"Range: {FIRST_RANGE}")
    ladder.expect(200, range=FIRST_RANGE)


def test_media_foundation_pings_exactly_at_the_time_out(ladder: Ladder) -> None:
    session = ladder.play("RTP/AVP;unicast;client_port=30000-30001")
    for cseq in ("5", "6", "7"):
        ladder.wait(s=60)
        ladder.peer("GET_PARAMETER rtsp://cam/main RTSP/1.0", f"CSeq: {cseq}", f"Session: {session.id}")
        ladder.expect(200)
    ladder.expect_nothing()
