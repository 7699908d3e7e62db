"""Access units into packets: whole and fragmented NAL units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.nal import NalUnit
from edge_streamer.protocol.rtp.packetizers.h264 import MIN_PACKET_BYTES, H264Packetizer
from edge_streamer.protocol.rtp.packets import (
    MAX_PACKET_BYTES,
    MAX_RUN_BYTES,
    PacketizedFrame,
)
from tests.support.rtsp.h264_depacketizer import access_units
from tests.support.rtsp.rtp import RtpPacket, interleaved_packets

SPS = bytes.fromhex("6742c00dda05066840000003004000000f23c50aa8")
PPS = b"\x68\xce\x3c\x80"
SEI = b"\x06\x05\x01\xaa\x80"
SSRC = 0xD6D66271
FULL_FRAGMENT_BYTES = MAX_PACKET_BYTES - 14


def packetizer(first_sequence: int = 1000, max_packet_bytes: int = MAX_PACKET_BYTES) -> H264Packetizer:
    return H264Packetizer(ssrc=SSRC, first_sequence=first_sequence, max_packet_bytes=max_packet_bytes)


def packetize(*nal_units: NalUnit) -> PacketizedFrame:
    return packetizer().packetize(nal_units, 90_000)


def parsed(frame: PacketizedFrame) -> list[RtpPacket]:
    return [RtpPacket.parse(packet) for packet in frame.packets()]


def p_slice(size_bytes: int) -> bytes:
    return (b"\x41" + bytes(range(1, 256)) * (1 + size_bytes // 255))[:size_bytes]


def idr(size_bytes: int) -> bytes:
    return b"\x65" + p_slice(size_bytes)[1:]


class TestSingleNalUnitPacket:
    def test_bytes(self) -> None:
        frame = packetizer(first_sequence=0x1234).packetize([b"\x41\x9a\x02"], 0x0102_0304)
        assert frame.packets() == [bytes.fromhex("80e0 1234 01020304 d6d66271 419a02")]

    def test_several_slices_are_several_packets(self) -> None:
        packets = parsed(packetize(p_slice(100), p_slice(MAX_PACKET_BYTES - 12), p_slice(1)))
        assert [len(packet.payload) for packet in packets] == [100, MAX_PACKET_BYTES - 12, 1]
        assert [packet.marker for packet in packets] == [False, False, True]
        assert {(packet.timestamp, packet.ssrc, packet.payload_type) for packet in packets} == {(90_000, SSRC, 96)}

    def test_payload_type(self) -> None:
        frame = H264Packetizer(ssrc=1, first_sequence=1, payload_type=127).packetize([p_slice(3000)], 0)
        assert [packet.payload_type for packet in parsed(frame)] == [127] * 3


class TestFragments:
    def test_bytes(self) -> None:
        frame = packetizer(0xFFFF, max_packet_bytes=64).packetize([idr(102)], 5)
        body = idr(102)[1:]
        assert frame.packets() == [
            bytes.fromhex("8060 ffff 00000005 d6d66271 7c85") + body[:50],
            bytes.fromhex("8060 0000 00000005 d6d66271 7c05") + body[50:100],
            bytes.fromhex("80e0 0001 00000005 d6d66271 7c45") + body[100:],
        ]

    @pytest.mark.parametrize(
        ("size_bytes", "last_bytes"),
        [
            (MAX_PACKET_BYTES - 11, 2),
            (1 + 2 * FULL_FRAGMENT_BYTES, FULL_FRAGMENT_BYTES),
            (2 + 2 * FULL_FRAGMENT_BYTES, 1),
        ],
    )
    def test_all_are_full_but_the_last(self, size_bytes: int, last_bytes: int) -> None:
        *full, last = packetize(p_slice(size_bytes)).packets()
        assert full
        assert {len(packet) for packet in full} == {MAX_PACKET_BYTES}
        assert len(last) == 14 + last_bytes

    @pytest.mark.parametrize("first_byte", [0x65, 0x41, 0x01, 0xE1])
    def test_keep_importance_type_and_forbidden_bit(self, first_byte: int) -> None:
        nal = bytes([first_byte]) + p_slice(4000)[1:]
        assert access_units(packetize(nal).packets()) == [[nal]]


class TestParameterSetsAndSei:
    @pytest.mark.parametrize("leading", [[SPS], [SPS, PPS], [SPS, PPS, PPS], [SPS, PPS, SEI], [SEI, SEI], []])
    def test_each_has_a_packet_of_its_own(self, leading: list[bytes]) -> None:
        packets = parsed(packetize(*leading, idr(50)))
        assert [packet.payload for packet in packets] == [*leading, idr(50)]
        assert [packet.marker for packet in packets] == [False] * len(leading) + [True]

    def test_an_access_unit_may_be_nothing_else(self) -> None:
        assert [packet.marker for packet in parsed(packetize(SPS, PPS))] == [False, True]

    def test_a_long_one_is_fragmented(self) -> None:
        big_sps = SPS + b"\xff" * MAX_PACKET_BYTES
        frame = packetize(big_sps, PPS)
        assert frame.packet_count == 3
        assert access_units(frame.packets()) == [[big_sps, PPS]]

    @pytest.mark.parametrize(
        ("nal_units", "run_packets"),
        [
            ((SPS, PPS, idr(17_000)), [2, 13]),
            ((SPS, PPS, SEI, idr(17_000)), [2, 1, 13]),
            ((SPS, PPS, SEI[:3], idr(17_000)), [2, 1, 13]),
            ((SPS, PPS, PPS, idr(900)), [2, 1, 1]),
        ],
    )
    def test_a_shorter_one_shares_the_run_of_datagrams_before_it(
        self, nal_units: tuple[bytes, ...], run_packets: list[int]
    ) -> None:
        """One run is one system call for each viewer over UDP."""
        assert [run.packet_count for run in packetize(*nal_units).datagrams()] == run_packets


class TestPacketizer:
    def test_sequence_wraps_and_goes_on_over_frames(self) -> None:
        line = packetizer(first_sequence=65_530)
        packets = [packet for index in range(5) for packet in line.packetize([p_slice(4000)], index).packets()]
        sequences = [RtpPacket.parse(packet).sequence for packet in packets]
        assert sequences == [*range(65_530, 65_536), *range(9)]
        assert line.packetize([p_slice(9)], 5).first_sequence == 9

    def test_sequence_is_zero_after_the_last(self) -> None:
        line = packetizer(first_sequence=65_535)
        assert line.packetize([p_slice(9)], 0).first_sequence == 65_535
        assert line.packetize([p_slice(9)], 0).first_sequence == 0

    @pytest.mark.parametrize(("given_ticks", "sent_ticks"), [(2**32 + 7, 7), (-1, 2**32 - 1)])
    def test_timestamps_wrap(self, given_ticks: int, sent_ticks: int) -> None:
        frame = packetizer().packetize([p_slice(9)], given_ticks)
        assert frame.rtp_timestamp == parsed(frame)[0].timestamp == sent_ticks

    def test_nothing_is_no_access_unit(self) -> None:
        with pytest.raises(ValueError, match="without NAL units"):
            packetizer().packetize([], 0)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("ssrc", -1),
            ("ssrc", 2**32),
            ("first_sequence", -1),
            ("first_sequence", 65_536),
            ("payload_type", 128),
            ("max_packet_bytes", MIN_PACKET_BYTES - 1),
            ("max_packet_bytes", MAX_RUN_BYTES + 1),
        ],
    )
    def test_numbers_must_fit_their_fields(self, field: str, value: int) -> None:
        with pytest.raises(ValueError, match=f"{field} is {value}"):
            H264Packetizer(**{"ssrc": 1, "first_sequence": 1, field: value})

    @given(
        st.lists(st.tuples(st.integers(0, 255), st.integers(0, 400)), min_size=1, max_size=12),
        st.integers(MIN_PACKET_BYTES, 300),
        st.integers(0, 65_535),
    )
    def test_any_access_unit_comes_back(
        self, shapes: list[tuple[int, int]], max_packet_bytes: int, first_sequence: int
    ) -> None:
        nal_units = [bytes([first]) + p_slice(more + 1)[1:] for first, more in shapes if 1 <= first & 31 <= 23]
        if not nal_units:
            return
        line = packetizer(first_sequence, max_packet_bytes)
        frame = line.packetize([memoryview(nal) for nal in nal_units], 1)
        packets = frame.packets()
        assert access_units(packets) == [nal_units]
        assert max(map(len, packets)) <= max_packet_bytes
        assert [RtpPacket.parse(packet).marker for packet in packets] == [False] * (len(packets) - 1) + [True]
        following = (first_sequence + len(packets)) % 65_536
        assert line.packetize([p_slice(9)], 2).first_sequence == following


class TestPacketizedFrame:
    def test_counts(self) -> None:
        frame = packetize(SPS, PPS, idr(5000), idr(10))
        packets = frame.packets()
        assert frame.first_sequence == 1000
        assert frame.packet_count == len(packets)
        assert frame.packet_bytes == sum(map(len, packets))
        assert frame.payload_bytes == sum(len(packet) - 12 for packet in packets)

    def test_keeps_what_it_was_made_of(self) -> None:
        frame = packetizer().packetize((SPS, PPS, idr(5000)), 1, is_key_frame=True)
        assert frame.nal_units == (SPS, PPS, idr(5000))
        assert frame.is_key_frame

    def test_a_slice_is_one_run_of_datagrams(self) -> None:
        (run,) = packetize(p_slice(17_000)).datagrams()
        assert (run.segment_bytes, run.packet_count) == (MAX_PACKET_BYTES, 13)

    def test_images_outlive_the_access_unit(self) -> None:
        access_unit = bytearray(p_slice(3000))
        frame = packetize(memoryview(access_unit))
        image, before = frame.interleaved(0), list(interleaved_packets(frame.interleaved(0)))
        access_unit[:] = bytes(3000)
        assert list(interleaved_packets(image)) == before
