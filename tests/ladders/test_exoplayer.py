"""ExoPlayer / Media3: CSeq from 0, field names in lower case, UDP for 8 s and then TCP."""

import re

from edge_streamer.protocol.rtsp.server.session import SessionRemoved
from tests.support.rtsp.ladder import Ladder


def test_lower_case_fields_and_cseq_0(ladder: Ladder) -> None:
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "user-agent: AndroidXMedia3/1.4", "cseq: 0")
    ladder.expect(200, cseq="0")
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "cseq: 1", "accept: application/sdp")
    ladder.expect(200, cseq="1")


def test_its_session_pattern_reads_the_time_out(ladder: Ladder) -> None:
    ladder.peer(
        "SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "cseq: 2", "transport: RTP/AVP;unicast;client_port=50002-50003"
    )
    match = re.fullmatch(r"([\w$\-_.+]+)(?:;\s?timeout=(\d+))?", ladder.expect(200).headers["session"])
    assert match is not None
    assert int(match[2]) >= 60  # it pings each 30 s whatever it is told


def test_nothing_on_udp_makes_it_come_back_with_tcp(ladder: Ladder) -> None:
    session = ladder.play("RTP/AVP;unicast;client_port=50002-50003")
    ladder.wait(s=8)
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "cseq: 5", f"session: {session.id}")
    ladder.expect(200)
    ladder.expect_event(SessionRemoved, session=session, reason="teardown")
    again = ladder.connect()
    again.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "cseq: 0", "transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    again.expect(200, cseq="0")


def test_its_range_pattern_reads_the_reply_to_play(ladder: Ladder) -> None:
    """It ends the session when the pattern does not match (google/ExoPlayer#10804)."""
    agent = "user-agent: ExoPlayerLib/2.18.1"
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", agent, "cseq: 2", "transport: RTP/AVP/TCP;unicast")
    session = f"session: {ladder.expect(200).session_id}"
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", agent, "cseq: 3", session, "range: npt=0.000-")
    reply = ladder.expect(200, rtp_info="url=rtsp://cam/main/trackID=0;seq=4711;rtptime=90000")
    assert re.fullmatch(r"npt[:=]([.\d]+|now)\s?-\s?([.\d]+)?", reply.headers["range"])


def test_461_is_what_makes_it_try_tcp(tcp_only_ladder: Ladder) -> None:
    tcp_only_ladder.peer(
        "SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "cseq: 2", "transport: RTP/AVP;unicast;client_port=50002-50003"
    )
    tcp_only_ladder.expect(461, cseq="2")
    tcp_only_ladder.peer(
        "SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "cseq: 3", "transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    )
    tcp_only_ladder.expect(200, cseq="3")
