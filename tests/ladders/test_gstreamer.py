"""GStreamer's rtspsrc: every transport in one field, two User-Agents, control joined by RFC 3986 since 1.24."""

from urllib.parse import urljoin, uses_netloc, uses_relative

import pytest

from tests.support.rtsp.harness import FIRST_RANGE
from tests.support.rtsp.ladder import Ladder

OFFERS = "RTP/AVP;unicast;client_port=40000-40001,RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1"


def test_the_first_offer_that_can_be_served_is_taken(ladder: Ladder) -> None:
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 3", f"Transport: {OFFERS}")
    transport = ladder.expect(200).headers["transport"]
    assert transport.startswith("RTP/AVP;unicast;client_port=40000-40001;")
    assert "," not in transport


def test_without_udp_the_tcp_offer_of_the_same_field_is_taken(tcp_only_ladder: Ladder) -> None:
    tcp_only_ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 3", f"Transport: {OFFERS}")
    assert tcp_only_ladder.expect(200).headers["transport"].startswith("RTP/AVP/TCP;unicast;interleaved=0-1;")


def test_extra_fields_and_a_second_user_agent(ladder: Ladder) -> None:
    ladder.peer(
        "OPTIONS rtsp://cam/main RTSP/1.0",
        "CSeq: 1",
        "User-Agent: GStreamer/1.24.2",
        "ClientChallenge: 9e26d33f2984236010ef6253fb1887f7",
        "CompanyID: KnKV4M4I/B2FjJ1TToLycw==",
        "GUID: 00000000-0000-0000-0000-000000000000",
        "User-Agent: RealMedia Player Version 6.0.9.1235",
    )
    ladder.expect(200, cseq="1")
    ladder.set_up()
    assert ladder.session.user_agent.startswith("GStreamer/1.24.2")


def test_onvif_mode_asks_for_a_time_and_no_rate_control(ladder: Ladder) -> None:
    session = ladder.set_up("RTP/AVP/TCP;unicast;interleaved=0-1")
    ladder.peer(
        "PLAY rtsp://cam/main/ RTSP/1.0",
        "CSeq: 4",
        f"Session: {session.id}",
        "Range: clock=19000101T000000Z-",
        "Rate-Control: yes",
    )
    ladder.expect(200, range=FIRST_RANGE)


@pytest.mark.parametrize("url", ["rtsp://cam/main", "rtsp://cam/main/", "rtsp://cam/main?x=y"])
def test_the_control_joins_to_a_url_that_can_be_set_up(
    ladder: Ladder, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("urllib.parse.uses_relative", [*uses_relative, "rtsp"])
    monkeypatch.setattr("urllib.parse.uses_netloc", [*uses_netloc, "rtsp"])
    ladder.peer(f"DESCRIBE {url} RTSP/1.0", "CSeq: 1")
    control = urljoin(ladder.expect(200).headers["content-base"], "trackID=0")
    assert control == "rtsp://cam/main/trackID=0"
    ladder.peer(f"SETUP {control} RTSP/1.0", "CSeq: 2", f"Transport: {OFFERS}")
    ladder.expect(200)


def test_a_query_behind_the_control(ladder: Ladder) -> None:
    ladder.peer("SETUP rtsp://cam/main/trackID=0?x=y RTSP/1.0", "CSeq: 2", f"Transport: {OFFERS}")
    ladder.expect(200)
    assert (ladder.session.path, ladder.session.control_url) == ("main", "rtsp://cam/main/trackID=0")
