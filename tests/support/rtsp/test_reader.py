"""`RtspReader` against a server that says what it is told to: each request is answered with the next prepared bytes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.rtsp.reader import RtspReader, SequenceGap

SDP = b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n"
Answer = bytes | Callable[[str], bytes]


def response(cseq: int, headers: str = "", body: bytes = b"") -> bytes:
    return f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def rtp(sequence: int) -> bytes:
    return b"\x80\xe0" + sequence.to_bytes(2) + (90_000).to_bytes(4) + (7).to_bytes(4) + b"payload"


def interleaved(channel: int, packet: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(packet).to_bytes(2) + packet


@contextmanager
def scripted_server(*answers: Answer) -> Iterator[str]:
    """Answer one request after the other, then close; yield the URL."""

    def serve() -> None:
        peer = listener.accept()[0]
        with peer:
            for answer in answers:
                request = peer.recv(65536).decode()
                peer.sendall(answer(request) if callable(answer) else answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{listener.getsockname()[1]}/main"
        finally:
            thread.join()


def test_plays_over_tcp_and_sees_the_gap():
    play = response(4) + b"".join(interleaved(4, rtp(s)) for s in (65535, 0, 3)) + interleaved(5, b"\x80\xc8report")
    setup = response(3, "Session: 1A2B;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n")
    with scripted_server(response(1), response(2, body=SDP), setup, play) as url, RtspReader(url) as reader:
        reader.start()
        packets = list(reader.packets(count=4))
        assert reader.wait_closed() >= packets[-1].arrived
    assert [packet.kind for packet in packets] == ["rtp", "rtp", "rtp", "rtcp"]
    first = packets[0]
    assert (first.sequence, first.rtp_timestamp, first.ssrc) == (65535, 90_000, 7)
    assert first.has_marker
    assert first.payload == b"payload"
    assert reader.gaps == [SequenceGap(1, 3, packets[2].arrived)]
    assert reader.rtp_packets == 3


def test_plays_over_udp_to_the_ports_it_asked_for():
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("127.0.0.1", 0))
    client_ports: list[int] = []

    def setup(request: str) -> bytes:
        ports = request.partition("client_port=")[2].partition("\r\n")[0]
        client_ports.extend(map(int, ports.split("-")))
        rtcp_port = sender.getsockname()[1]
        return response(3, f"Session: 1A2B\r\nTransport: RTP/AVP;unicast;server_port={rtcp_port - 1}-{rtcp_port}\r\n")

    def play(_request: str) -> bytes:
        sender.sendto(rtp(1), ("127.0.0.1", client_ports[0]))
        sender.sendto(b"\x80\xc8report", ("127.0.0.1", client_ports[1]))
        return response(4)

    server = scripted_server(response(1), response(2, body=SDP), setup, play)
    with sender, server as url, RtspReader(url, "udp") as reader:
        reader.start()
        assert sorted(packet.kind for packet in reader.packets(count=2)) == ["rtcp", "rtp"]
        reader.send_rtcp(b"receiver report")
        sender.settimeout(5)
        assert sender.recv(100) == b"receiver report"
    assert client_ports[0] % 2 == 0
    assert client_ports[1] == client_ports[0] + 1


def test_media_before_the_response_is_kept():
    with scripted_server(interleaved(0, rtp(1)) + response(1)) as url, RtspReader(url) as reader:
        assert reader.options().status == 200
        assert reader.next_rtp().sequence == 1


def test_a_server_that_closes_is_a_connection_error():
    with scripted_server(b"") as url, RtspReader(url) as reader, pytest.raises(ConnectionError, match="closed"):
        reader.options()


def test_silence_ends_in_time():
    with scripted_server(response(1), b"") as url, RtspReader(url, timeout_s=0.05) as reader:
        reader.options()
        assert list(reader.packets(seconds=0.01)) == []
        with pytest.raises(TimeoutError):
            reader.next_rtp()
        reader.send(b"x")


def test_an_answer_to_another_request_is_no_answer():
    with scripted_server(response(9)) as url, RtspReader(url) as reader, pytest.raises(AssertionError, match="asked 1"):
        reader.options()


def test_play_that_is_refused_names_the_step():
    refused = b"RTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n"
    with (
        scripted_server(response(1), refused) as url,
        RtspReader(url) as reader,
        pytest.raises(AssertionError, match="describe answered 404"),
    ):
        reader.start()
