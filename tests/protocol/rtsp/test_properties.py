"""Any bytes: parsed or refused, never raised for, and the same whole and byte by byte."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rtsp.harness import Trace, check_bytes, run_connection

DIALOGUE = (
    b"OPTIONS rtsp://u:p@cam:554/main RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf61.7.100\r\n\r\n"
    b"DESCRIBE rtsp://cam:554/main RTSP/1.0\r\nAccept: application/sdp\r\nCSeq: 2\r\n\r\n"
    b"SETUP rtsp://cam:554/main/trackID=0 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nCSeq: 3\r\n\r\n"
    b"PLAY rtsp://cam:554/main/ RTSP/1.0\r\nRange: npt=0.000-\r\nCSeq: 4\r\nSession: 1A2B3C40\r\n\r\n"
    b"$\x01\x00\x04\x81\xc9\x00\x01\r\n"
    b"SET_PARAMETER rtsp://cam:554/main/ RTSP/1.0\r\nCSeq: 5\r\nSession: 1A2B3C40\r\nContent-Length: 3\r\n\r\na:b"
    b"TEARDOWN rtsp://cam:554/main/ RTSP/1.0\r\nCSeq: 6\r\nSession: 1A2B3C40\r\n\r\n"
)
CHANGES = (b"\x00", b"\n", b"\r", b" ", b"$", b":", b"9", b"\xff")

fragments = st.sampled_from(
    [
        *(line + b"\r\n" for line in DIALOGUE.split(b"\r\n")),
        b"\r\n",
        b"\n\n",
        b"Content-Length: 5\r\n",
        b"Require: foo\r\n",
        b'Transport: RTP/AVP;client_port=5000-5001;mode="PLAY,RECORD",RTP/AVP/TCP\r\n',
        b"$\x00\x00\x05abcde",
        b"$\x01\x00",
        b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n",
        b"RTSP/1.0",
        b" folded\r\n",
        b"\x00",
    ]
)
streams = st.lists(st.one_of(fragments, st.binary(max_size=12)), max_size=25).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(streams)
def test_streams_of_rtsp_fragments(data: bytes) -> None:
    check_bytes(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check_bytes(data)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(DIALOGUE)), max_size=8))
def test_a_dialogue_in_any_pieces(cuts: list[int]) -> None:
    ends = sorted({0, *cuts, len(DIALOGUE)})
    pieces = [DIALOGUE[start:end] for start, end in pairwise(ends)]
    assert run_connection(pieces) == run_connection([DIALOGUE])


def test_the_dialogue_is_served() -> None:
    trace = check_bytes(DIALOGUE)
    assert [line for line in trace.events if line.startswith("RequestHandled")] == [
        f"RequestHandled(method='{method}', status=200)"
        for method in ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "SET_PARAMETER", "TEARDOWN")
    ]
    assert trace.closing_kind == ""


def test_every_truncation_gives_a_beginning_of_the_whole() -> None:
    whole = run_connection([DIALOGUE])
    for end in range(len(DIALOGUE)):
        part = run_connection([DIALOGUE[:end]])
        assert whole.sent.startswith(part.sent)
        assert part.closing_kind == ""
        assert without_end(part) == whole.events[: len(without_end(part))]


def without_end(trace: Trace) -> tuple[str, ...]:
    return tuple(line for line in trace.events if "peer_closed" not in line)


def test_every_change_of_one_byte_is_parsed_or_refused_in_any_pieces() -> None:
    for at in range(len(DIALOGUE)):
        for change in (CHANGES[at % len(CHANGES)], CHANGES[at // len(CHANGES) % len(CHANGES)]):
            before, after = DIALOGUE[:at], DIALOGUE[at + 1 :]
            whole = run_connection([before + change + after])
            assert whole == run_connection([before, change, after])
            assert whole.sessions == 0
