"""The protocol object of one connection: questions, frames, faults, ends, clock. Methods are in test_methods."""

from collections.abc import Callable

import pytest

from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.protocol.rtsp.message import Request
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    InterleavedReceived,
    ProtocolErrorOccurred,
    RefusalRequested,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.protocol import MAX_REQUESTS_WITHOUT_CSEQ, RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, SessionRemoved, SessionTable
from tests.support.rtsp.harness import GROUP
from tests.support.rtsp.ladder import Ladder, new_ladder

UDP = "RTP/AVP;unicast;client_port=20000-20001"

# --- pipelining


def test_nothing_behind_a_question_is_parsed_until_it_is_answered(ladder: Ladder) -> None:
    ladder.service.holds.add(DescriptionRequested)
    describe = b"DESCRIBE rtsp://cam/main RTSP/1.0\r\nCSeq: %d\r\n\r\n"
    ladder.send(describe % 1 + b"OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n" + describe % 3)
    ladder.expect_event(DescriptionRequested)
    ladder.expect_nothing()
    ladder.take(ladder.protocol.answer_description(b"v=0\r\n", ladder.server.now))
    ladder.expect(200, cseq="1")
    ladder.expect(200, cseq="2")
    ladder.expect_event(DescriptionRequested)
    ladder.take(ladder.protocol.answer_status(404, ladder.server.now))
    ladder.expect(404, cseq="3")
    ladder.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 4\r\n\r\n")
    ladder.expect(200, cseq="4")


def test_a_whole_pipelined_start_is_answered_in_order(ladder: Ladder) -> None:
    ladder.send(
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nDESCRIBE rtsp://cam/main RTSP/1.0\r\nCSeq: 2\r\n\r\n"
        b"SETUP rtsp://cam/main/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP\r\n\r\n"
        b"PLAY rtsp://cam/main/ RTSP/1.0\r\nCSeq: 4\r\nSession: 1A2B3C40\r\n\r\n"
    )
    for cseq in ("1", "2", "3", "4"):
        ladder.expect(200, cseq=cseq)
    assert ladder.service.adopted == [ladder.session]


def test_too_much_behind_a_question_closes_the_connection() -> None:
    ladder = new_ladder(limits=RtspLimits(pipelined_bytes=100))
    ladder.service.holds.add(DescriptionRequested)
    ladder.set_up()
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 1")
    ladder.send(bytes(101))
    assert not ladder.protocol.closing
    ladder.send(b"$")
    ladder.expect(400)
    ladder.expect_event(DescriptionRequested)
    ladder.expect_event(ProtocolErrorOccurred, kind="pipeline_limit")
    ladder.expect_event(SessionRemoved, reason="protocol_error")
    assert (ladder.protocol.closing_kind, ladder.protocol.has_question) == ("pipeline_limit", False)


# --- our own misuse


Misuse = Callable[[Ladder], object]
WRONG_ANSWERS: list[Misuse] = [
    lambda ladder: ladder.protocol.answer_description(b"", 0.0),
    lambda ladder: ladder.protocol.answer_play(None, 0.0),
    lambda ladder: ladder.protocol.answer_setup(TransportReply("tcp", 1, channels=(2, 3)), 0.0),
    lambda ladder: ladder.protocol.answer_setup(
        TransportReply("udp", 1, client_ports=(0, 1), server_ports=(2, 3)), 0.0
    ),
    lambda ladder: ladder.protocol.answer_setup(TransportReply("multicast", 1, target=GROUP), 0.0),
    lambda ladder: ladder.protocol.answer_status(200, 0.0),
    lambda ladder: ladder.protocol.answer_status(299, 0.0),
]


@pytest.mark.parametrize("misuse", WRONG_ANSWERS)
def test_a_wrong_answer_raises_at_once(ladder: Ladder, misuse: Misuse) -> None:
    ladder.service.holds.add(SetupRequested)
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 3", "Transport: RTP/AVP/TCP;interleaved=0-1")
    with pytest.raises((RuntimeError, ValueError)):
        misuse(ladder)


def test_an_answer_without_question_raises(ladder: Ladder) -> None:
    with pytest.raises(RuntimeError, match="no question"):
        ladder.protocol.answer_status(404, 0.0)


# --- interleaved frames


def test_frames_on_channels_of_a_session_are_handed_on_and_renew_it(ladder: Ladder) -> None:
    session = ladder.set_up("RTP/AVP/TCP;interleaved=4-5")
    ladder.wait(s=80)
    ladder.send(b"$\x05\x00\x04RTCP" + b"$\x04\x00\x00" + b"$\x07\x00\x01x")
    ladder.expect_event(InterleavedReceived, channel=5, payload=b"RTCP", session=session)
    ladder.expect_event(InterleavedReceived, channel=4, payload=b"", session=session)
    ladder.expect_nothing()
    ladder.wait(s=80)
    ladder.expect_nothing()
    assert ladder.session is session


def test_frames_of_a_udp_session_are_dropped(ladder: Ladder) -> None:
    ladder.set_up(UDP)
    ladder.send(b"$\x00\x00\x01x")
    ladder.expect_nothing()


# --- the end of a connection


def test_eof_ends_tcp_sessions_at_once_and_leaves_udp_sessions_to_their_time_out(ladder: Ladder) -> None:
    tcp, udp = ladder.play(), ladder.play(UDP)
    ladder.hang_up()
    ladder.expect_event(SessionRemoved, session=tcp, reason="peer_closed")
    ladder.expect_nothing()
    ladder.wait(s=89.9)
    ladder.expect_nothing()
    ladder.wait(s=0.1)
    ladder.expect_event(SessionRemoved, session=udp, reason="idle")


@pytest.mark.parametrize("requests", range(5))
def test_nothing_is_left_of_a_tcp_client_that_hangs_up_anywhere(ladder: Ladder, requests: int) -> None:
    lines = [
        ("OPTIONS rtsp://cam/main RTSP/1.0",),
        ("DESCRIBE rtsp://cam/main RTSP/1.0",),
        ("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "Transport: RTP/AVP/TCP"),
        ("PLAY rtsp://cam/main/ RTSP/1.0", "Session: 1A2B3C40"),
    ]
    for request in lines[:requests]:
        ladder.peer(*request, "CSeq: 1")
        ladder.expect(200)
    ladder.send(b"DESC")
    ladder.hang_up()
    assert len(ladder.server.sessions) == 0
    if requests >= 3:
        ladder.expect_event(SessionRemoved, reason="peer_closed")
    ladder.expect_nothing()


def test_eof_drops_the_open_question(ladder: Ladder) -> None:
    ladder.service.holds.add(DescriptionRequested)
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 1")
    ladder.hang_up()
    with pytest.raises(RuntimeError, match="no question"):
        ladder.protocol.answer_description(b"", 0.0)


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b"GET / HTTP/1.1\r\nHost: cam\r\n\r\n", 400, "malformed"),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: \x001\r\n\r\n", 400, "control_byte"),
        (b"OPTIONS * RTSP/2.0\r\nCSeq: 77\r\n\r\n", 505, "version"),
        (b"X * RTSP/1.0\r\nCSeq: 77\r\nContent-Length: -5\r\n\r\n", 400, "content_length"),
        (b"X * RTSP/1.0\r\nCSeq: 77\r\nContent-Length: 65537\r\n\r\n", 413, "body_limit"),
        (b"X * RTSP/1.0\r\nCSeq: 77\r\nContent-Length: 99999999999999\r\n\r\n", 400, "content_length"),
        (b"A: " + bytes([0x41]) * 16384, 400, "header_limit"),
    ],
)
def test_a_lost_framing_is_answered_once_and_ends_everything(
    ladder: Ladder, data: bytes, status: int, kind: str
) -> None:
    tcp, _udp = ladder.play(), ladder.play(UDP)
    ladder.send(data)
    ladder.expect(status, cseq="77" if b"CSeq: 77" in data else None)
    ladder.expect_event(ProtocolErrorOccurred, kind=kind)
    ladder.expect_event(SessionRemoved, session=tcp, reason="protocol_error")
    assert (ladder.protocol.closing, ladder.protocol.closing_kind) == (True, kind)
    ladder.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    ladder.wait(s=1000)
    ladder.hang_up()
    assert ladder.protocol.deadline() is None
    ladder.expect_event(SessionRemoved, reason="idle")  # the UDP session
    ladder.expect_nothing()


def test_a_nul_is_never_echoed(ladder: Ladder) -> None:
    ladder.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\x002\r\n\r\n")
    assert ladder.sent == b"RTSP/1.0 400 Bad Request\r\nServer: edge_streamer\r\n\r\n"


# --- the clock


def test_any_request_but_teardown_renews_all_sessions_of_its_connection(ladder: Ladder) -> None:
    one, two = ladder.set_up(), ladder.set_up()
    ladder.wait(s=60)
    ladder.peer("X-UNKNOWN * RTSP/1.0", "CSeq: 5")
    ladder.expect(501)
    ladder.wait(s=60)
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 6", f"Session: {one.id}")
    ladder.expect(200)
    ladder.wait(s=29)
    ladder.expect_event(SessionRemoved, session=one, reason="teardown")
    ladder.expect_nothing()
    ladder.wait(s=1)
    ladder.expect_event(SessionRemoved, session=two, reason="idle")


def test_a_playing_tcp_session_is_never_ended_for_silence(ladder: Ladder) -> None:
    ladder.play()
    for _ in range(20):
        ladder.wait(s=3600)
    ladder.expect_nothing()
    assert not ladder.protocol.closing


def test_a_connection_is_closed_after_ten_seconds_without_a_session_whatever_small_talk_it_makes(
    ladder: Ladder,
) -> None:
    assert ladder.protocol.deadline() == ladder.server.now + 10
    for number in range(9):
        ladder.wait(s=1)
        ladder.peer("OPTIONS * RTSP/1.0" if number % 2 else "GET_PARAMETER * RTSP/1.0", "CSeq: 1")
        ladder.expect(200)
    ladder.send(b"DESCRIBE rtsp://cam/main RTSP/1.0")
    ladder.wait(s=0.9)
    assert not ladder.protocol.closing
    ladder.wait(s=0.1)
    assert ladder.protocol.closing_kind == "no_session"
    ladder.expect_nothing()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("DESCRIBE rtsp://cam/main RTSP/1.0", 200), ("DESCRIBE rtsp://cam/no RTSP/1.0", 404)],
)
def test_a_description_gives_ten_seconds_more(ladder: Ladder, request_line: str, status: int) -> None:
    """ZoneMinder sleeps for a second after it, Hikvision asks for it again and again."""
    for _ in range(5):
        ladder.wait(s=9.9)
        ladder.peer(request_line, "CSeq: 1")
        ladder.expect(status)
    ladder.wait(s=10)
    assert ladder.protocol.closing_kind == "no_session"


def test_a_description_that_waits_stops_the_clock(ladder: Ladder) -> None:
    ladder.service.holds.add(DescriptionRequested)
    ladder.wait(s=9.9)
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 1")
    ladder.wait(s=100)
    ladder.take(ladder.protocol.answer_status(503, ladder.server.now))
    ladder.expect(503)
    ladder.wait(s=9.9)
    assert not ladder.protocol.closing


def test_a_refused_setup_leaves_time_for_another(ladder: Ladder) -> None:
    ladder.wait(s=9.9)
    ladder.peer("SETUP rtsp://cam/no/trackID=0 RTSP/1.0", "CSeq: 1", "Transport: RTP/AVP/TCP")
    ladder.expect(404)
    ladder.wait(s=9.9)
    ladder.set_up()
    ladder.wait(s=80)
    assert not ladder.protocol.closing


def test_a_refused_log_in_gives_no_time_more() -> None:
    class RefuseAll:
        user = ""

        def authorize(self, request: Request, now: float) -> RefusalRequested:
            return RefusalRequested("alice", ())

    protocol = RtspServerProtocol(
        ConnectionPeer(1, "192.0.2.7", "192.0.2.1"),
        SessionTable(),
        authorizer=RefuseAll(),
        new_session_id=lambda: "1A2B",
        now=0.0,
    )
    for now in (3.0, 6.0, 9.0):
        assert protocol.receive(b"DESCRIBE rtsp://cam/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", now)
        protocol.answer_status(401, now + 0.9)
        assert protocol.deadline() == 10.0
    assert protocol.receive(b"DESCRIBE rtsp://cam/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 9.8)
    protocol.tick(9.9)
    assert not protocol.closing
    protocol.tick(10.0)
    assert (protocol.closing_kind, protocol.has_question) == ("no_session", False), (
        "nor does a wrong password that waits"
    )


def test_after_its_last_session_a_connection_has_ten_seconds_for_another(ladder: Ladder) -> None:
    session = ladder.play()
    ladder.wait(s=505)
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 3", f"Session: {session.id}")
    ladder.wait(s=9.9)
    assert not ladder.protocol.closing
    ladder.wait(s=0.1)
    assert ladder.protocol.closing_kind == "no_session"


def test_the_connection_of_a_udp_session_that_only_sends_rtcp_stays(ladder: Ladder) -> None:
    """Recorders keep it for TEARDOWN."""
    session = ladder.play(UDP)
    for _ in range(20):
        ladder.wait(s=60)
        ladder.server.sessions.renew(session, ladder.server.now)
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 3", f"Session: {session.id}")
    ladder.expect(200)


def test_a_head_that_trickles_in_is_cut_off(ladder: Ladder) -> None:
    session = ladder.play()
    ladder.send(b"OPTIONS * RTSP/1.0\r\nX: ")
    for _ in range(29):
        ladder.wait(s=1)
        ladder.send(b"x")
    assert not ladder.protocol.closing
    ladder.wait(s=1)
    ladder.expect(408)
    error = ladder.expect_event(ProtocolErrorOccurred, kind="slow_request")
    assert error.detail.endswith(": not complete after 30 s")
    ladder.expect_event(SessionRemoved, session=session, reason="protocol_error")
    assert ladder.protocol.closing_kind == "slow_request"


@pytest.mark.parametrize("rest", [b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n.", b"\r\n\r\n$\x00\x00\x00"])
def test_a_request_that_stalls_for_eight_seconds_is_served(ladder: Ladder, rest: bytes) -> None:
    ladder.play()
    ladder.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1")
    ladder.wait(s=8)
    ladder.send(rest)
    ladder.expect(200)
    ladder.wait(s=40)
    assert not ladder.protocol.closing


def test_each_element_has_its_own_time(ladder: Ladder) -> None:
    ladder.play()
    for _ in range(5):
        ladder.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPT")
        ladder.wait(s=20)
        ladder.send(b"IONS * RTSP/1.0\r\nCSeq: 2\r\n\r\nOPT")
        ladder.wait(s=20)
        ladder.send(b"IONS * RTSP/1.0\r\nCSeq: 3\r\n\r\n")
    assert not ladder.protocol.closing


def test_the_time_of_a_question_is_the_services(ladder: Ladder) -> None:
    ladder.service.holds.add(DescriptionRequested)
    ladder.send(b"DESCRIBE rtsp://cam/main RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS")
    assert ladder.protocol.deadline() is None
    ladder.wait(s=200)
    assert not ladder.protocol.closing
    ladder.take(ladder.protocol.answer_description(b"v=0\r\n", ladder.server.now))
    ladder.expect(200)
    assert ladder.protocol.deadline() == ladder.server.now + 10


def test_requests_without_a_cseq_are_refused_up_to_a_limit_and_then_end_the_connection(ladder: Ladder) -> None:
    for _ in range(MAX_REQUESTS_WITHOUT_CSEQ):
        ladder.peer("OPTIONS * RTSP/1.0")
        ladder.expect(400)
        ladder.expect_event(ProtocolErrorOccurred, kind="cseq")
    assert not ladder.protocol.closing
    ladder.peer("OPTIONS * RTSP/1.0")
    ladder.expect(400)
    ladder.expect_event(ProtocolErrorOccurred, kind="cseq")
    assert ladder.protocol.closing_kind == "cseq"
