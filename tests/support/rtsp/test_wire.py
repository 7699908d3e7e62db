"""The tests' own RTSP client bytes: whole, byte by byte, at every split point."""

import pytest

from tests.support.rtsp.wire import (
    ClientParser,
    InterleavedPacket,
    Response,
    WireError,
    aggregate_control_url,
    encode_request,
    video_control_url,
)

STREAM = (
    b"$\x00\x00\x03abc"
    b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nbody"
    b"$\x01\x00\x00"
    b"RTSP/1.0 454 Session Not Found\r\ncseq:3\r\n\r\n"
    b"$\x00\x01\x00" + bytes(256)
)
MESSAGES = [
    InterleavedPacket(0, b"abc"),
    Response(200, "OK", {"cseq": "2", "content-length": "4"}, b"body"),
    InterleavedPacket(1, b""),
    Response(454, "Session Not Found", {"cseq": "3"}, b""),
    InterleavedPacket(0, bytes(256)),
]


def parsed(*reads: bytes) -> list[Response | InterleavedPacket]:
    parser, messages = ClientParser(), []
    for data in reads:
        parser.receive(data)
        while (message := parser.next_message()) is not None:
            messages.append(message)
    return messages


def test_reads_responses_and_packets_whole_and_byte_by_byte():
    assert parsed(STREAM) == MESSAGES
    assert parsed(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == MESSAGES


def test_reads_them_cut_at_every_point():
    for cut in range(len(STREAM) + 1):
        assert parsed(STREAM[:cut], STREAM[cut:]) == MESSAGES, f"cut at {cut}"


def test_hands_out_the_rest_once():
    parser = ClientParser()
    parser.receive(b"RTSP/1.0 200 OK\r\n\r\n$\x00\x05")
    assert isinstance(parser.next_message(), Response)
    assert parser.take_rest() == b"$\x00\x05"
    assert parser.take_rest() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"RTSP/1.0 yes OK\r\n\r\n",
        b"\x80",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n" + bytes(65 << 10),
    ],
)
def test_refuses_what_no_server_says(data: bytes):
    with pytest.raises(WireError):
        parsed(data)


def test_encodes_a_request():
    assert encode_request("SETUP", "rtsp://h/s", 3, {"Transport": "RTP/AVP"}) == (
        b"SETUP rtsp://h/s RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP\r\n\r\n"
    )


def test_reads_session_and_transport_parameters():
    headers = {"session": " 1A2B ;timeout=60", "transport": "RTP/AVP;unicast;client_port=5000-5001;ssrc=00FF"}
    response = Response(200, "OK", headers, b"")
    assert response.session_id == "1A2B"
    assert response.transport["client_port"] == "5000-5001"
    assert "unicast" in response.transport


@pytest.mark.parametrize(
    ("base", "control", "media_url"),
    [
        ({"content-base": "rtsp://h/s/"}, "trackID=0", "rtsp://h/s/trackID=0"),
        ({}, "trackID=0", "rtsp://h/asked/trackID=0"),
        ({}, "rtsp://h/elsewhere", "rtsp://h/elsewhere"),
        ({"content-base": "rtsp://h/s/"}, "*", "rtsp://h/s/"),
    ],
)
def test_resolves_the_control_url(base: dict[str, str], control: str, media_url: str):
    sdp = f"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:{control}\r\n".encode()
    assert video_control_url(Response(200, "OK", base, sdp), "rtsp://h/asked") == media_url


def test_the_aggregate_url_is_the_base_unless_the_session_names_another():
    elsewhere = b"v=0\r\na=control:rtsp://h/all\r\nm=video 0 RTP/AVP 96\r\na=control:x\r\n"
    assert aggregate_control_url(Response(200, "OK", {}, b"v=0\r\nm=video\r\n"), "rtsp://h/s") == "rtsp://h/s"
    assert aggregate_control_url(Response(200, "OK", {}, elsewhere), "rtsp://h/s") == "rtsp://h/all"
