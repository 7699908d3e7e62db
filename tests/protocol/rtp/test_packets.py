"""The wire images of a frame's packets: interleaved, as runs of datagrams, and any other."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol.rtp.packets import (
    MAX_INTERLEAVED_IMAGES,
    MAX_PACKET_BYTES,
    MAX_RUN_BYTES,
    MAX_RUN_SEGMENTS,
    DatagramRun,
    PacketizedFrame,
)
from tests.support.rtsp.rtp import interleaved_packets

HEADER = bytes.fromhex("80e0 0001 00000002 d6d66271")


def frame_of(*packet_sizes: int, nal_units: tuple[bytes, ...] = ()) -> PacketizedFrame:
    """A frame of packets of these sizes, each with another filling."""
    payloads = [bytes([number % 256]) * (size - len(HEADER)) for number, size in enumerate(packet_sizes)]
    heads = [HEADER] * len(payloads)
    return PacketizedFrame(1000, 2, heads, payloads, list(packet_sizes), is_key_frame=True, nal_units=nal_units)


def assert_images_hold(frame: PacketizedFrame, packets: list[bytes]) -> None:
    assert list(interleaved_packets(frame.interleaved(2))) == [(2, packet) for packet in packets]
    assert [packet for run in frame.datagrams() for packet in datagrams_of(run)] == packets


def datagrams_of(run: DatagramRun) -> list[bytes]:
    starts = range(0, len(run.image), run.segment_bytes)
    assert len(starts) == run.packet_count
    return [run.image[start : start + run.segment_bytes] for start in starts]


def test_packets_are_head_and_payload() -> None:
    frame = PacketizedFrame(1, 2, [HEADER, HEADER + b"\x7c\x85"], [b"\x41\x9a", b"x"], [14, 15], is_key_frame=False)
    assert frame.packets() == [HEADER + b"\x41\x9a", HEADER + b"\x7c\x85x"]


def test_counts() -> None:
    frame = frame_of(60, 1372, 1372, 700)
    packets = frame.packets()
    assert frame.first_sequence == 1000
    assert frame.packet_count == len(packets)
    assert frame.packet_bytes == sum(map(len, packets))
    assert frame.payload_bytes == sum(len(packet) - 12 for packet in packets)


def test_another_image_is_made_once_of_the_nal_units() -> None:
    made: list[PacketizedFrame] = []

    def make(frame: PacketizedFrame) -> bytes:
        made.append(frame)
        return b"+".join(frame.nal_units)

    frame = frame_of(1372, 400, nal_units=(b"sps", b"pps", b"idr"))
    assert frame.image(make) == b"sps+pps+idr"
    assert frame.image(make) is frame.image(make)
    assert made == [frame]
    assert frame.image(lambda frame: b"another") == b"another"


class TestInterleaved:
    def test_bytes(self) -> None:
        frame = PacketizedFrame(1, 2, [HEADER], [b"\x41\x9a"], [14], is_key_frame=False)
        assert frame.interleaved(6) == bytes.fromhex("24 06 000e 80e0 0001 00000002 d6d66271 419a")

    def test_is_built_once_per_channel(self) -> None:
        frame = frame_of(60, 1372, 1372, 700)
        assert frame.interleaved(0) is frame.interleaved(0)
        assert frame.interleaved(168) is frame.interleaved(168)
        assert list(interleaved_packets(frame.interleaved(168))) == [(168, packet) for packet in frame.packets()]

    def test_is_kept_for_a_few_channels(self) -> None:
        frame = frame_of(60, 1372)
        images = [frame.interleaved(channel) for channel in range(MAX_INTERLEAVED_IMAGES + 1)]
        kept = [frame.interleaved(channel) is image for channel, image in enumerate(images)]
        assert kept == [True] * MAX_INTERLEAVED_IMAGES + [False]
        assert frame.interleaved(MAX_INTERLEAVED_IMAGES) == images[-1]

    @pytest.mark.parametrize("channel", [-1, 256])
    def test_a_channel_is_a_byte(self, channel: int) -> None:
        with pytest.raises(struct.error):
            frame_of(21).interleaved(channel)


class TestDatagrams:
    def test_are_built_once(self) -> None:
        frame = frame_of(1372, 1372, 1372, 900)
        assert frame.datagrams() is frame.datagrams()

    @pytest.mark.parametrize(
        ("sizes", "runs"),
        [
            ([100], [(100, 1)]),
            ([100, 100, 100], [(100, 3)]),
            ([100, 100, 60], [(100, 3)]),
            ([100, 60, 60], [(100, 2), (60, 1)]),
            ([60, 100], [(60, 1), (100, 1)]),
            ([60, 60, 100, 60], [(60, 2), (100, 2)]),
            ([60, 100, 60], [(60, 1), (100, 2)]),
            ([40] * (MAX_RUN_SEGMENTS + 1), [(40, MAX_RUN_SEGMENTS), (40, 1)]),
            ([40] * MAX_RUN_SEGMENTS + [30], [(40, MAX_RUN_SEGMENTS), (30, 1)]),
            ([1300] * 50 + [1000], [(1300, 50), (1000, 1)]),
            ([1300] * 49 + [1000], [(1300, 50)]),
        ],
    )
    def test_runs_end_where_sizes_grow_or_limits_are_reached(
        self, sizes: list[int], runs: list[tuple[int, int]]
    ) -> None:
        frame = frame_of(*sizes)
        assert [(run.segment_bytes, run.packet_count) for run in frame.datagrams()] == runs
        assert_images_hold(frame, frame.packets())

    def test_runs_stay_below_what_one_send_can_take(self) -> None:
        runs = frame_of(*[MAX_PACKET_BYTES] * 184, 600).datagrams()  # a key frame of 250 kB
        assert len(runs) == 4
        assert all(len(run.image) <= MAX_RUN_BYTES and run.packet_count <= MAX_RUN_SEGMENTS for run in runs)
        assert all(len(earlier.image) > MAX_RUN_BYTES - MAX_PACKET_BYTES for earlier, _later in pairwise(runs))

    @given(st.lists(st.integers(13, 300) | st.sampled_from([100, 1372]), min_size=1, max_size=200))
    def test_any_sizes_come_back(self, sizes: list[int]) -> None:
        frame = frame_of(*sizes)
        assert_images_hold(frame, frame.packets())
        assert all(
            len(run.image) <= MAX_RUN_BYTES and run.packet_count <= MAX_RUN_SEGMENTS for run in frame.datagrams()
        )
