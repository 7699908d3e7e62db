"""The load client's counters: cut anywhere they count the same, and they see what is missing."""

import pytest

from benchmarks.tally import (
    DatagramTally,
    InterleavedTally,
    RtpTally,
    TimedDatagramTally,
    TimedInterleavedTally,
    lateness_s,
)
from tests.support.rtsp.wire import WireError


def rtp(sequence: int, payload_bytes: int = 20) -> bytes:
    return b"\x80\x60" + sequence.to_bytes(2) + bytes(8 + payload_bytes)


def interleaved(channel: int, packet: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(packet).to_bytes(2) + packet


def media(*sequences: int) -> bytes:
    """Packets of different sizes, with a sender report among them whose "sequence" fits nowhere."""
    packets = [interleaved(0, rtp(sequence, sequence % 7)) for sequence in sequences]
    packets.insert(1, interleaved(1, b"\x80\xc8\x00\x06" + bytes(24)))
    return b"".join(packets)


def counted(tally: InterleavedTally, *reads: bytes) -> tuple[int, int, int, int]:
    for data in reads:
        buffer = tally.carry + data
        tally.count(buffer + b"stale bytes of the shared buffer", len(buffer))
    return seen(tally)


def seen(tally: RtpTally) -> tuple[int, int, int, int]:
    return tally.bytes, tally.packets, tally.gaps, tally.lost_packets


STREAM = media(65534, 65535, 0, 1, 5, 6)
EXPECTED = (len(STREAM), 6, 1, 3)


def test_counts_a_stream_read_whole():
    assert counted(InterleavedTally(0), STREAM) == EXPECTED


def test_counts_a_stream_read_byte_by_byte():
    assert counted(InterleavedTally(0), *(STREAM[i : i + 1] for i in range(len(STREAM)))) == EXPECTED


@pytest.mark.parametrize("read_bytes", [2, 3, 5, 7, 8, 9, 31])
def test_counts_a_stream_in_small_reads(read_bytes: int):
    reads = [STREAM[start : start + read_bytes] for start in range(0, len(STREAM), read_bytes)]
    assert counted(InterleavedTally(0), *reads) == EXPECTED


def test_counts_a_stream_cut_at_every_point():
    for cut in range(len(STREAM) + 1):
        assert counted(InterleavedTally(0), STREAM[:cut], STREAM[cut:]) == EXPECTED, f"cut at {cut}"


def test_counts_the_channel_that_was_agreed():
    swapped = interleaved(3, rtp(7)) + interleaved(2, rtp(100)) + interleaved(3, rtp(8))
    assert counted(InterleavedTally(3), swapped) == (len(swapped), 2, 0, 0)


def test_refuses_what_is_no_interleaved_header_with_its_bytes():
    with pytest.raises(WireError, match=r"RTSP/1\.0 200"):
        counted(InterleavedTally(0), media(1, 2) + b"RTSP/1.0 200 OK\r\n\r\n")


def test_a_late_packet_is_a_gap_that_loses_nothing():
    assert counted(InterleavedTally(0), media(10, 11, 10))[2:] == (1, 0)


def test_counts_a_run_of_datagrams_whose_last_is_shorter():
    run = rtp(9, 88) + rtp(10, 88) + rtp(11, 5)
    tally = DatagramTally()
    tally.count(run + bytes(1000), len(run), 100)
    tally.count(rtp(12), 32, 32)
    assert seen(tally) == (len(run) + 32, 4, 0, 0)


def test_sees_datagrams_that_did_not_come():
    tally = DatagramTally()
    for sequence in (65533, 65534, 2, 3):
        tally.count(rtp(sequence), 32, 32)
    assert seen(tally) == (128, 4, 1, 3)


# --- when frames came


def marked(sequence: int, timestamp: int) -> bytes:
    return b"\x80\xe0" + sequence.to_bytes(2) + timestamp.to_bytes(4) + bytes(24)


def frames_of_two(*timestamps: int) -> list[bytes]:
    packets = [(rtp(2 * index), marked(2 * index + 1, timestamp)) for index, timestamp in enumerate(timestamps)]
    return [packet for pair in packets for packet in pair]


@pytest.mark.parametrize("read_bytes", [1000, 61, 36])
def test_a_timed_reader_notes_when_each_frame_was_whole(read_bytes: int):
    stream = b"".join(interleaved(0, packet) for packet in frames_of_two(3000, 6000, 9000))
    now = iter(range(100))
    tally = TimedInterleavedTally(0, lambda: float(next(now)))
    reads = [stream[start : start + read_bytes] for start in range(0, len(stream), read_bytes)]
    assert counted(tally, *reads) == (len(stream), 6, 0, 0)
    whole_at = dict(tally.arrivals)
    for index, timestamp in enumerate((3000, 6000, 9000)):
        end = len(stream) * (index + 1) // 3
        assert whole_at.get(timestamp, -(-end // read_bytes) - 1) == -(-end // read_bytes) - 1
    assert len(tally.arrivals) >= 1


def test_a_timed_udp_reader_notes_the_markers():
    tally = TimedDatagramTally(lambda: 7.0)
    run = b"".join(frames_of_two(3000, 6000))
    tally.count(run, len(run), 32)
    assert tally.arrivals == [(3000, 7.0), (6000, 7.0)]
    assert seen(tally)[1] == 4


def test_lateness_is_against_the_earliest_frame_and_survives_the_wrap_of_timestamps():
    start = 0xFFFF_FFFF - 2999
    arrivals = [(start, 10.05), (0, 10.05 + 3000 / 90_000), (3000, 10.0 + 6000 / 90_000)]
    assert lateness_s(arrivals) == pytest.approx([0.05, 0.05, 0.0])
    assert lateness_s([]) == []
