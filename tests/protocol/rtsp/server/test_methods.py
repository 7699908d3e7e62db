"""What each method means, and who may say it. What clients do with them is in tests/ladders."""

import pytest

from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo
from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.protocol.rtsp.message import Request, Response
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    FirstPacket,
    PlaybackPaused,
    PlayRequested,
    ProtocolErrorOccurred,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.session import SessionRemoved
from edge_streamer.protocol.rtsp.server.states import SessionState
from tests.support.rtsp.harness import FIRST_RANGE, SSRC, transport_reply
from tests.support.rtsp.ladder import Ladder, new_ladder

ALL = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
UDP = "RTP/AVP;unicast;client_port=20000-20001"
TCP_REPLY = TransportReply("tcp", SSRC, channels=(0, 1))
RANGES_OF_REQUESTS = (
    "npt=now-",
    "npt=0.000-",
    "npt=-10",
    "npt=7:05:59.3-8:00:00",
    "npt = 0 - 30 ; time=19970123T143720Z",
    "clock=20100217T143720.257Z-",
    "clock=19961108T142300Z-19961108T143520Z",
    "clock=20991231T235959Z-",
    "smpte=10:12:33:20-",
    "smpte-30-drop=10:07:00-10:07:33:05.01",
    "0-",
    "0.000-",
    "bytes=0-499",
    "-",
    "",
    'gar;bage=,"\xe9',
)


def setup_lines(transport: str = "RTP/AVP/TCP", url: str = "rtsp://cam/main/trackID=0") -> tuple[str, ...]:
    return (f"SETUP {url} RTSP/1.0", "CSeq: 3", f"Transport: {transport}")


# --- admission: CSeq, authorization, Require, method


@pytest.mark.parametrize("cseq", [(), ("CSeq: x",), ("CSeq:",), ("CSeq: 1", "CSeq: 2")])
def test_a_request_without_usable_cseq_is_refused_and_the_connection_stays(
    ladder: Ladder, cseq: tuple[str, ...]
) -> None:
    ladder.peer("OPTIONS * RTSP/1.0", *cseq)
    ladder.expect(400, cseq=None)
    error = ladder.expect_event(ProtocolErrorOccurred, kind="cseq")
    assert error.detail.startswith("CSeq -, byte 0: no usable CSeq")
    ladder.peer("OPTIONS * RTSP/1.0", "CSeq: 2")
    ladder.expect(200, cseq="2", public=ALL)
    assert ladder.protocol.closing_kind == ""


class Refusing:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def authorize(self, request: Request, now: float) -> Response | None:
        self.asked.append(request.method)
        return Response(401, (("WWW-Authenticate", 'Digest realm="x", nonce="y"'),))


def test_an_authorizer_is_asked_before_anything_but_options() -> None:
    authorizer = Refusing()
    ladder = new_ladder(authorizer=authorizer)
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "CSeq: 1")
    ladder.expect(200)
    for method in ("DESCRIBE", "SETUP", "TEARDOWN", "GET_PARAMETER", "NONSENSE"):
        ladder.peer(f"{method} rtsp://cam/main RTSP/1.0", "CSeq: 2", "Require: foo")
        ladder.expect(401, cseq="2", www_authenticate='Digest realm="x", nonce="y"', session=None)
    assert authorizer.asked == ["DESCRIBE", "SETUP", "TEARDOWN", "GET_PARAMETER", "NONSENSE"]
    ladder.expect_nothing()


def test_require_of_an_unknown_option_is_551_and_the_connection_stays(ladder: Ladder) -> None:
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 9", "Require: foo, www.onvif.org/ver20/backchannel")
    ladder.expect(551, cseq="9", unsupported="foo")
    assert not ladder.protocol.closing


@pytest.mark.parametrize("method", ["RECORD", "ANNOUNCE", "REDIRECT", "options", "X-NEW"])
def test_an_unknown_method_is_501_and_the_connection_stays(ladder: Ladder, method: str) -> None:
    handled = ladder.protocol.receive(f"{method} * RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode(), 0.0)
    assert [(event.method, event.status) for event in handled] == [("other", 501)]
    assert not ladder.protocol.closing


# --- pings


@pytest.mark.parametrize("method", ["GET_PARAMETER", "SET_PARAMETER"])
@pytest.mark.parametrize("session", [(), ("Session: FFFF",), ("Session: no id",)])
def test_parameter_requests_are_200_whatever_they_ask(ladder: Ladder, method: str, session: tuple[str, ...]) -> None:
    ladder.peer(f"{method} rtsp://elsewhere/x RTSP/1.0", "CSeq: 1", *session, body=b"position\r\n")
    assert ladder.expect(200, cseq="1", session=None).body == b""
    ladder.expect_nothing()


def test_a_session_is_named_in_every_reply_to_its_owner(ladder: Ladder) -> None:
    session = ladder.set_up()
    for method in ("OPTIONS", "GET_PARAMETER", "PLAY", "PAUSE", "TEARDOWN"):
        ladder.peer(f"{method} rtsp://cam/main/ RTSP/1.0", "CSeq: 5", f"Session: {session.id};timeout=60")
        ladder.expect(200, session=f"{session.id};timeout=60")


# --- DESCRIBE


def test_describe_asks_for_the_description_of_a_path(ladder: Ladder) -> None:
    ladder.service.holds.add(DescriptionRequested)
    ladder.peer("DESCRIBE rtsp://u:p@cam:554/main?x=y RTSP/1.0", "CSeq: 2", "User-Agent: Lavf61")
    question = ladder.expect_event(DescriptionRequested, path="main", base_url="rtsp://cam:554/main/")
    assert question.user_agent == "Lavf61"
    assert (ladder.protocol.has_question, ladder.protocol.is_waiting) == (True, False)
    ladder.take(ladder.protocol.answer_description(b"v=0\r\n", ladder.server.now))
    reply = ladder.expect(200, content_base="rtsp://cam:554/main/", content_type="application/sdp", content_length="5")
    assert reply.body == b"v=0\r\n"
    assert (ladder.protocol.has_question, ladder.protocol.is_waiting) == (False, True)


def test_a_peer_with_a_session_does_not_wait(ladder: Ladder) -> None:
    assert ladder.protocol.is_waiting
    ladder.set_up()
    assert not ladder.protocol.is_waiting


def test_describe_may_be_refused_with_headers(ladder: Ladder) -> None:
    ladder.service.holds.add(DescriptionRequested)
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 2")
    ladder.take(ladder.protocol.answer_status(503, ladder.server.now, headers=(("Retry-After", "5"),)))
    ladder.expect(503, cseq="2", retry_after="5")


def test_an_unknown_stream_is_404(ladder: Ladder) -> None:
    ladder.peer("DESCRIBE rtsp://cam/other RTSP/1.0", "CSeq: 2")
    ladder.expect(404, cseq="2")


# --- SETUP


def test_setup_makes_a_ready_session(ladder: Ladder) -> None:
    ladder.service.holds.add(SetupRequested)
    ladder.peer(*setup_lines(), "User-Agent: VLC")
    question = ladder.expect_event(SetupRequested, path="main", track=0, session=None)
    assert question.offer.interleaved == (0, 1)
    adopted = []
    ladder.take(ladder.protocol.answer_setup(TCP_REPLY, ladder.server.now, adopt=adopted.append))
    ladder.expect(200, session="1A2B3C40;timeout=60", transport="RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=D6D66271")
    session = ladder.session
    assert adopted == [session]
    assert (session.path, session.track, session.user_agent) == ("main", 0, "VLC")
    assert (session.state, session.transport) == (SessionState.READY, TCP_REPLY)


def test_setup_can_be_answered_without_adoption(ladder: Ladder) -> None:
    ladder.service.holds.add(SetupRequested)
    ladder.peer(*setup_lines())
    ladder.take(ladder.protocol.answer_setup(TCP_REPLY, ladder.server.now))
    ladder.expect(200)


@pytest.mark.parametrize("url", ["rtsp://cam/main", "rtsp://cam/main/", "rtsp://cam/main?a=b/trackID=0", "/main"])
def test_setup_by_any_url_of_the_stream(ladder: Ladder, url: str) -> None:
    ladder.peer(*setup_lines(url=url))
    ladder.expect(200)
    assert ladder.session.path == "main"


@pytest.mark.parametrize(
    "transport",
    [UDP, "RTP/AVP/TCP;mode=record", "RTP/AVP;multicast", "RTP/SAVP", ""],
)
def test_no_offer_that_can_be_served_is_461(tcp_only_ladder: Ladder, transport: str) -> None:
    tcp_only_ladder.peer(*setup_lines(transport))
    tcp_only_ladder.expect(461, cseq="3")
    assert not tcp_only_ladder.protocol.closing


def test_setup_without_transport_is_461(ladder: Ladder) -> None:
    ladder.peer(*setup_lines()[:2])
    ladder.expect(461)


def test_setup_of_an_unknown_track_is_404(ladder: Ladder) -> None:
    ladder.peer(*setup_lines(url="rtsp://cam/main/trackID=1"))
    ladder.expect(404)
    assert len(ladder.server.sessions) == 0


@pytest.mark.parametrize("url", ["rtsp://cam/sub/trackID=0", "rtsp://cam/main/trackID=1"])
def test_a_session_holds_one_track_of_one_stream(ladder: Ladder, url: str) -> None:
    session = ladder.set_up()
    ladder.peer(*setup_lines(url=url), f"Session: {session.id}")
    ladder.expect(459)


def test_channels_in_use_are_replaced_by_the_next_free_pair(ladder: Ladder) -> None:
    for wanted, given in [("2-3", (2, 3)), ("2-3", (0, 1)), ("3-4", (4, 5))]:
        ladder.peer(*setup_lines(f"RTP/AVP/TCP;interleaved={wanted}"))
        reply = ladder.expect(200)
        assert reply.transport["interleaved"] == f"{given[0]}-{given[1]}"
    ladder.peer(*setup_lines())
    assert ladder.expect(200).transport["interleaved"] == "6-7"


def test_channels_run_out_with_461(ladder: Ladder) -> None:
    for _ in range(128):
        ladder.peer(*setup_lines())
        ladder.expect(200)
    ladder.peer(*setup_lines())
    ladder.expect(461)


def test_a_udp_session_takes_no_channels(ladder: Ladder) -> None:
    ladder.set_up(UDP)
    ladder.peer(*setup_lines())
    assert ladder.expect(200).transport["interleaved"] == "0-1"


def test_a_second_setup_replaces_the_transport(ladder: Ladder) -> None:
    session = ladder.set_up(UDP)
    ladder.service.holds.add(SetupRequested)
    ladder.peer(*setup_lines("RTP/AVP/TCP;interleaved=0-1"), f"Session: {session.id}")
    question = ladder.expect_event(SetupRequested, session=session)
    ladder.take(ladder.protocol.answer_setup(transport_reply(question.offer), ladder.server.now))
    ladder.expect(200, session=f"{session.id};timeout=60")
    assert ladder.session is session
    assert session.transport == TCP_REPLY


def test_a_second_setup_may_keep_its_channels(ladder: Ladder) -> None:
    session = ladder.set_up()
    ladder.peer(*setup_lines("RTP/AVP/TCP;interleaved=0-1"), f"Session: {session.id}")
    assert ladder.expect(200).transport["interleaved"] == "0-1"


def test_a_playing_session_cannot_be_set_up(ladder: Ladder) -> None:
    session = ladder.play()
    ladder.peer(*setup_lines(), f"Session: {session.id}")
    ladder.expect(455, allow="PLAY, PAUSE, TEARDOWN")


# --- PLAY, PAUSE, TEARDOWN


def test_play_asks_for_the_first_packet(ladder: Ladder) -> None:
    session = ladder.set_up()
    ladder.service.holds.add(PlayRequested)
    ladder.peer("PLAY rtsp://cam/main RTSP/1.0", "CSeq: 4", f"Session: {session.id}", "Range: clock=20260101T000000Z-")
    question = ladder.expect_event(PlayRequested, session=session, control_url="rtsp://cam/main/trackID=0")
    assert session.state is SessionState.READY
    first = FirstPacket(RtpInfo(question.control_url, 7, 8), 1_266_417_440_257_000_000)
    ladder.take(ladder.protocol.answer_play(first, ladder.server.now))
    ladder.expect(200, range="clock=20100217T143720.257Z-", rtp_info="url=rtsp://cam/main/trackID=0;seq=7;rtptime=8")
    assert session.state is SessionState.PLAYING


def test_play_may_be_answered_without_a_position(ladder: Ladder) -> None:
    session = ladder.set_up()
    ladder.service.holds.add(PlayRequested)
    ladder.peer("PLAY rtsp://cam/main RTSP/1.0", "CSeq: 4", f"Session: {session.id}")
    ladder.take(ladder.protocol.answer_play(None, ladder.server.now))
    ladder.expect(200, range="npt=now-", rtp_info=None)


@pytest.mark.parametrize("value", RANGES_OF_REQUESTS)
def test_whatever_part_of_a_live_stream_is_asked_for_it_plays_from_now(ladder: Ladder, value: str) -> None:
    session = ladder.set_up()
    for cseq in ("4", "5"):  # the second time, it plays already
        ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", f"CSeq: {cseq}", f"Session: {session.id}", f"Range: {value}")
        ladder.expect(200, cseq=cseq, range=FIRST_RANGE if cseq == "4" else "npt=now-")
    assert session.state is SessionState.PLAYING


def test_a_refused_play_leaves_the_session_ready(ladder: Ladder) -> None:
    session = ladder.set_up()
    ladder.service.holds.add(PlayRequested)
    ladder.peer("PLAY rtsp://cam/main RTSP/1.0", "CSeq: 4", f"Session: {session.id}")
    ladder.take(ladder.protocol.answer_status(503, ladder.server.now))
    ladder.expect(503)
    assert session.state is SessionState.READY


def test_play_again_is_200_and_restarts_nothing(ladder: Ladder) -> None:
    session = ladder.play()
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 9", f"Session: {session.id}", "Range: npt=0.000-")
    ladder.expect(200, cseq="9", range="npt=now-", rtp_info=None)
    ladder.expect_nothing()


def test_pause_tells_the_service_once(ladder: Ladder) -> None:
    session = ladder.play()
    for _ in range(2):
        ladder.peer("PAUSE rtsp://cam/main/ RTSP/1.0", "CSeq: 9", f"Session: {session.id}")
        ladder.expect(200)
    ladder.expect_event(PlaybackPaused, session=session)
    ladder.expect_nothing()
    assert session.state is SessionState.READY


@pytest.mark.parametrize("method", ["PLAY", "PAUSE"])
def test_a_url_of_another_stream_is_404(ladder: Ladder, method: str) -> None:
    session = ladder.set_up()
    ladder.peer(f"{method} rtsp://cam/sub/ RTSP/1.0", "CSeq: 4", f"Session: {session.id}")
    ladder.expect(404)


@pytest.mark.parametrize("method", ["PLAY", "PAUSE"])
def test_without_session_the_state_is_init(ladder: Ladder, method: str) -> None:
    ladder.set_up()
    ladder.peer(f"{method} rtsp://cam/main/ RTSP/1.0", "CSeq: 4")
    ladder.expect(455, allow="SETUP, TEARDOWN")


@pytest.mark.parametrize("method", ["SETUP", "PLAY", "PAUSE", "TEARDOWN"])
@pytest.mark.parametrize("session_id", ["FFFF", "not an id"])
def test_an_unknown_session_is_454_and_the_connection_stays(ladder: Ladder, method: str, session_id: str) -> None:
    ladder.peer(f"{method} rtsp://cam/main/ RTSP/1.0", "CSeq: 4", f"Session: {session_id}", "Transport: RTP/AVP/TCP")
    ladder.expect(454, cseq="4", session=None)
    assert not ladder.protocol.closing


def test_an_empty_session_field_names_no_session(ladder: Ladder) -> None:
    ladder.peer(*setup_lines(), "Session:")
    ladder.expect(200)


def test_teardown_ends_the_session_and_keeps_the_connection(ladder: Ladder) -> None:
    session = ladder.play()
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 8", f"Session: {session.id}")
    ladder.expect(200, cseq="8", session=f"{session.id};timeout=60")
    ladder.expect_event(SessionRemoved, session=session, reason="teardown")
    assert session.state is SessionState.INIT
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 9", f"Session: {session.id}")
    ladder.expect(454)


def test_teardown_of_nothing_is_200(ladder: Ladder) -> None:
    ladder.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 8")
    ladder.expect(200)
    ladder.expect_nothing()


# --- ownership (wire case 21)


@pytest.mark.parametrize("method", ["SETUP", "PLAY", "PAUSE", "TEARDOWN"])
@pytest.mark.parametrize(
    ("transport", "host"), [("RTP/AVP/TCP", "192.0.2.7"), ("RTP/AVP/TCP", "198.51.100.9"), (UDP, "198.51.100.9")]
)
def test_a_session_of_somebody_else_does_not_exist(ladder: Ladder, method: str, transport: str, host: str) -> None:
    session = ladder.play(transport)
    thief = ladder.connect(host)
    thief.peer(f"{method} rtsp://cam/main/ RTSP/1.0", "CSeq: 1", f"Session: {session.id}", "Transport: RTP/AVP/TCP")
    thief.expect(454, session=None)
    thief.expect_nothing()
    assert session.state is SessionState.PLAYING
    assert not thief.protocol.closing


def test_a_udp_session_goes_on_with_a_new_connection_from_the_same_host(ladder: Ladder) -> None:
    session = ladder.play(UDP)
    ladder.hang_up()
    ladder.expect_nothing()
    again = ladder.connect()
    again.peer("GET_PARAMETER rtsp://cam/main/ RTSP/1.0", "CSeq: 1", f"Session: {session.id}")
    again.expect(200, session=f"{session.id};timeout=60")
    again.peer("TEARDOWN rtsp://cam/main/ RTSP/1.0", "CSeq: 2", f"Session: {session.id}")
    again.expect(200)
    again.expect_event(SessionRemoved, session=session, reason="teardown")


@pytest.mark.parametrize("method", ["SETUP", "PLAY"])
@pytest.mark.parametrize("meanwhile", ["ended", "taken over"])
def test_a_session_that_is_lost_while_a_question_is_open_is_454(ladder: Ladder, method: str, meanwhile: str) -> None:
    session = ladder.set_up(UDP)
    ladder.service.holds |= {SetupRequested, PlayRequested}
    ladder.peer(f"{method} rtsp://cam/main/ RTSP/1.0", "CSeq: 4", f"Session: {session.id}", f"Transport: {UDP}")
    if meanwhile == "ended":
        ladder.server.sessions.remove(session)
    else:
        ladder.connect().peer("OPTIONS * RTSP/1.0", "CSeq: 1", f"Session: {session.id}")
    if method == "SETUP":
        ladder.take(ladder.protocol.answer_setup(session.transport, ladder.server.now, adopt=pytest.fail))
    else:
        ladder.take(ladder.protocol.answer_play(None, ladder.server.now))
    ladder.expect(454, session=None)


def test_a_session_that_plays_by_now_cannot_be_set_up(ladder: Ladder) -> None:
    session = ladder.set_up(UDP)
    ladder.service.holds.add(SetupRequested)
    ladder.peer(*setup_lines(UDP), f"Session: {session.id}")
    session.state = SessionState.PLAYING
    ladder.take(ladder.protocol.answer_setup(session.transport, ladder.server.now))
    ladder.expect(455, allow="PLAY, PAUSE, TEARDOWN")
