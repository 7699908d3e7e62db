"""VLC and openRTSP (live555's client): RTP/AVP for UDP, RTCP receiver reports, long gaps between pings."""

from edge_streamer.protocol.rtsp.server.events import InterleavedReceived
from edge_streamer.protocol.rtsp.server.session import SessionRemoved
from tests.support.rtsp.ladder import Ladder

RECEIVER_REPORT = bytes.fromhex("81c90007") + bytes(28)


def test_udp(ladder: Ladder) -> None:
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "CSeq: 2", "User-Agent: LibVLC/3.0.20 (LIVE555 Streaming Media)")
    ladder.expect(200)
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 3", "Accept: application/sdp")
    ladder.expect(200, content_base="rtsp://cam/main/")
    ladder.peer(
        "SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 4", "Transport: RTP/AVP;unicast;client_port=9000-9001"
    )
    reply = ladder.expect(200)
    assert (reply.transport["client_port"], reply.transport["server_port"]) == ("9000-9001", "50000-50001")
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 5", f"Session: {reply.session_id}", "Range: npt=0.000-")
    ladder.expect(200)
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 6", f"Session: {reply.session_id}")
    ladder.expect(200)
    ladder.expect_event(SessionRemoved, reason="teardown")


def test_461_toggles_it_to_tcp(tcp_only_ladder: Ladder) -> None:
    ladder = tcp_only_ladder
    ladder.peer(
        "SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 4", "Transport: RTP/AVP;unicast;client_port=9000-9001"
    )
    ladder.expect(461)
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 5", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    ladder.expect(200)


def test_a_ping_each_70_s_keeps_it_and_rtcp_on_udp_alone_does_too(ladder: Ladder) -> None:
    session = ladder.play("RTP/AVP;unicast;client_port=9000-9001")
    for cseq in ("5", "6", "7"):
        ladder.wait(s=70)
        ladder.peer("GET_PARAMETER rtsp://cam/main/ RTSP/1.0", f"CSeq: {cseq}", f"Session: {session.id}")
        ladder.expect(200)
    for _ in range(5):
        ladder.wait(s=70)
        ladder.server.sessions.renew(session, ladder.server.now)  # what the service does for each RTCP datagram
    ladder.expect_nothing()


def test_receiver_reports_between_requests(ladder: Ladder) -> None:
    session = ladder.play()
    report = b"$\x01" + len(RECEIVER_REPORT).to_bytes(2, "big") + RECEIVER_REPORT
    request = f"GET_PARAMETER rtsp://cam/main/ RTSP/1.0\r\nCSeq: 9\r\nSession: {session.id}\r\n\r\n".encode()
    stream = report + request + report + report + request
    for at in range(len(stream)):
        ladder.send(stream[at : at + 1])
    for _ in range(2):
        ladder.expect(200, cseq="9")
    for _ in range(3):
        ladder.expect_event(InterleavedReceived, channel=1, payload=RECEIVER_REPORT, session=session)
    ladder.expect_nothing()
