import pytest

from edge_streamer.protocol.rtsp.faults import STATUS_OF_KIND, ProtocolErrorKind
from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.protocol.rtsp.message import REASON_PHRASES, Request, Response


def test_a_reply_is_one_bytes_object_with_the_given_fields_first() -> None:
    response = Response(200, (("Content-Type", "application/sdp"),), b"v=0\r\n")
    assert response.encode((("CSeq", "1"), ("Server", "x"))) == (
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: x\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    )


def test_a_reply_without_body_has_no_length() -> None:
    assert Response(454).encode() == b"RTSP/1.0 454 Session Not Found\r\n\r\n"


def test_an_unknown_status_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no reason phrase"):
        Response(299)


@pytest.mark.parametrize("header", [("X", "a\r\nSet: b"), ("X", "a\nb"), ("X\r", "a")])
def test_a_line_break_in_a_field_is_our_mistake(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        Response(200, (header,))


def test_headers_are_found_in_any_case_and_repeated_ones_are_a_list() -> None:
    request = Request("SETUP", "*", (("transport", "a"), ("x", "1"), ("transport", "b")), "1", b"", 0)
    assert request.header("Transport") == "a, b"
    assert request.header("X") == "1"
    assert request.header("Range") is None


def test_every_fault_that_is_answered_has_a_status_with_a_phrase() -> None:
    assert set(ProtocolErrorKind) - set(STATUS_OF_KIND) == {ProtocolErrorKind.NO_SESSION}
    assert set(STATUS_OF_KIND.values()) <= set(REASON_PHRASES)


@pytest.mark.parametrize("timeout_s", [0, -1, 91])
def test_a_client_that_keeps_to_the_advertised_time_out_must_live(timeout_s: int) -> None:
    with pytest.raises(ValueError, match="session_timeout_s"):
        RtspLimits(session_timeout_s=timeout_s)
