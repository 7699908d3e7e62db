"""Reports to viewers byte by byte, and from viewers whatever they send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol.rtp.rtcp import (
    MAX_TEXT_BYTES,
    ReceptionReport,
    goodbye,
    middle_32_bits,
    ntp_from_wall_ns,
    parse_reports,
    round_trip_s,
    sender_report,
    sender_ssrc,
)
from tests.support.rtsp.rtcp import says_goodbye

SSRC = 0xD6D66271
SDES_CAM = bytes.fromhex("81ca 0003 d6d66271 01 03 63616d 00 0000")  # CNAME "cam", end of items, padding
BLOCK = bytes.fromhex("d6d66271 40 000010 0001c350 00000384 b44db705 00018000")
REPORT = ReceptionReport(
    source_ssrc=SSRC,
    fraction_lost=0.25,
    cumulative_lost=16,
    highest_sequence=0x1C350,
    jitter_ticks=900,
    last_sr=0xB44DB705,
    delay_since_last_sr_s=1.5,
)
RECEIVER_REPORT = bytes.fromhex("81c9 0007 0000002a") + BLOCK
SENDER_INFO = bytes(20)
BYE = bytes.fromhex("81cb 0001 0000002a")


class TestNtp:
    @pytest.mark.parametrize(
        ("wall_ns", "ntp"),
        [
            (0, 0x83AA7E80_00000000),
            (500_000_000, 0x83AA7E80_80000000),
            (999_999_999, 0x83AA7E80_FFFFFFFB),
            (-2_208_988_800 * 10**9, 0),
            (2_085_978_496 * 10**9, 0),  # 7 February 2036 06:28:16: era 1
            (2_085_978_495 * 10**9, 0xFFFFFFFF_00000000),
        ],
    )
    def test_vectors(self, wall_ns: int, ntp: int) -> None:
        assert ntp_from_wall_ns(wall_ns) == ntp

    def test_middle_32_bits(self) -> None:
        """The example of RFC 3550 figure 2."""
        assert middle_32_bits(0xB44DB705_20000000) == 0xB7052000


class TestSenderReport:
    def test_bytes(self) -> None:
        report = sender_report(
            ssrc=SSRC,
            ntp=0x83AA7E80_80000000,
            rtp_timestamp=0x01020304,
            packet_count=5,
            octet_count=0x1000,
            cname="cam",
        )
        sr = bytes.fromhex("80c8 0006 d6d66271 83aa7e80 80000000 01020304 00000005 00001000")
        assert report == sr + SDES_CAM

    def test_counters_wrap(self) -> None:
        report = sender_report(
            ssrc=SSRC, ntp=0, rtp_timestamp=2**32 + 1, packet_count=2**32 + 2, octet_count=2**40 + 3, cname="cam"
        )
        assert report[16:28] == bytes.fromhex("00000001 00000002 00000003")

    @pytest.mark.parametrize("cname", ["", "a", "ab", "abc", "abcd", "kamera-ü", "x" * MAX_TEXT_BYTES])
    def test_description_of_any_length_ends_in_zeros_on_a_word(self, cname: str) -> None:
        sdes = sender_report(ssrc=1, ntp=0, rtp_timestamp=0, packet_count=0, octet_count=0, cname=cname)[28:]
        text = cname.encode()
        assert sdes[:10] == bytes([0x81, 202]) + (len(sdes) // 4 - 1).to_bytes(2, "big") + bytes(
            [0, 0, 0, 1, 1, len(text)]
        )
        assert sdes[10 : 10 + len(text)] == text
        zeros = sdes[10 + len(text) :]
        assert zeros in (b"\0", b"\0\0", b"\0\0\0", b"\0\0\0\0")

    def test_too_long_a_cname(self) -> None:
        with pytest.raises(ValueError, match="256 bytes of text in RTCP, at most 255"):
            sender_report(ssrc=1, ntp=0, rtp_timestamp=0, packet_count=0, octet_count=0, cname="x" * 256)


class TestGoodbye:
    def test_bytes(self) -> None:
        bye = bytes.fromhex("80c9 0001 d6d66271") + SDES_CAM + bytes.fromhex("81cb 0001 d6d66271")
        assert goodbye(ssrc=SSRC, cname="cam") == bye

    def test_with_a_reason(self) -> None:
        said = bytes.fromhex("81cb 0004 d6d66271 08 73687574646f776e 000000")
        assert goodbye(ssrc=SSRC, cname="cam", reason="shutdown")[-20:] == said

    def test_a_reason_that_ends_on_a_word_needs_no_padding(self) -> None:
        assert goodbye(ssrc=SSRC, cname="cam", reason="end")[-12:] == bytes.fromhex("81cb 0002 d6d66271 03656e64")[-12:]

    def test_another_reader_finds_it(self) -> None:
        assert says_goodbye(goodbye(ssrc=SSRC, cname="cam", reason="shutdown"))

    def test_too_long_a_reason(self) -> None:
        with pytest.raises(ValueError, match="256 bytes"):
            goodbye(ssrc=SSRC, cname="cam", reason="x" * 256)


class TestParseReports:
    @pytest.mark.parametrize(
        "data",
        [
            RECEIVER_REPORT,
            RECEIVER_REPORT + SDES_CAM,
            SDES_CAM + RECEIVER_REPORT,
            bytes.fromhex("81c8 000c 0000002a") + SENDER_INFO + BLOCK,
            bytes.fromhex("81c9 0008 0000002a") + BLOCK + bytes(4),  # profile-specific extension
            bytes.fromhex("a1c9 0008 0000002a") + BLOCK + bytes.fromhex("00000004"),  # padding
            RECEIVER_REPORT + b"\x00\x01\x02",
            RECEIVER_REPORT + b"\x00\xc9\x00\x00",
            RECEIVER_REPORT + RECEIVER_REPORT[:-1],
            bytes.fromhex("82c9 0007 0000002a") + BLOCK,  # promises two
        ],
    )
    def test_finds_the_one_block(self, data: bytes) -> None:
        assert parse_reports(data) == [REPORT]

    def test_finds_all_blocks(self) -> None:
        both = bytes.fromhex("82c9 000d 0000002a") + 2 * BLOCK
        assert parse_reports(both + RECEIVER_REPORT) == [REPORT] * 3

    @pytest.mark.parametrize(
        ("lost", "cumulative_lost"), [("000000", 0), ("7fffff", 2**23 - 1), ("800000", -(2**23)), ("ffffff", -1)]
    )
    def test_cumulative_loss_is_signed(self, lost: str, cumulative_lost: int) -> None:
        data = RECEIVER_REPORT[:13] + bytes.fromhex(lost) + RECEIVER_REPORT[16:]
        (report,) = parse_reports(data)
        assert (report.cumulative_lost, report.fraction_lost) == (cumulative_lost, 0.25)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x81",
            RECEIVER_REPORT[:-1],
            b"\x41" + RECEIVER_REPORT[1:],  # version 1
            b"\x80" + RECEIVER_REPORT[1:],  # no blocks
            bytes.fromhex("81c9 0000"),  # not even an SSRC
            bytes.fromhex("81c9 0001 0000002a"),
            bytes.fromhex("81c8 0007 0000002a") + BLOCK,  # a sender report too short for its own information
            SDES_CAM,
            BYE,
            b"OPTIONS * RTSP/1.0\r\n\r\n",
        ],
    )
    def test_finds_nothing(self, data: bytes) -> None:
        assert parse_reports(data) == []

    @given(st.binary(max_size=200))
    def test_any_bytes_raise_nothing(self, data: bytes) -> None:
        for candidate in (data, b"\x82\xc9" + data, RECEIVER_REPORT + data):
            sender_ssrc(candidate)
            for report in parse_reports(candidate):
                assert 0 <= report.fraction_lost < 1
                assert -(2**23) <= report.cumulative_lost < 2**23

    @pytest.mark.parametrize("end", range(len(RECEIVER_REPORT)))
    def test_a_report_cut_off_anywhere_is_none(self, end: int) -> None:
        assert parse_reports(RECEIVER_REPORT[:end]) == []


class TestSenderSsrc:
    @pytest.mark.parametrize(
        ("data", "ssrc"),
        [
            (RECEIVER_REPORT, 0x2A),
            (bytes.fromhex("80c9 0001 0000002b") + SDES_CAM, 0x2B),
            (sender_report(ssrc=SSRC, ntp=1, rtp_timestamp=2, packet_count=3, octet_count=4, cname="cam"), SSRC),
            (goodbye(ssrc=SSRC, cname="cam"), SSRC),
        ],
    )
    def test_is_that_of_the_first_packet(self, data: bytes, ssrc: int) -> None:
        assert sender_ssrc(data) == ssrc

    @pytest.mark.parametrize("data", [b"", RECEIVER_REPORT[:-1], bytes.fromhex("80c9 0000"), SDES_CAM, BYE])
    def test_is_unknown_where_no_report_comes_first(self, data: bytes) -> None:
        assert sender_ssrc(data) is None


class TestRoundTrip:
    def test_is_what_neither_side_waited(self) -> None:
        assert round_trip_s(REPORT, 101.75, {0xB44DB705: 100.0}) == 0.25

    def test_is_never_negative(self) -> None:
        assert round_trip_s(REPORT, 101.25, {0xB44DB705: 100.0}) == 0.0

    @pytest.mark.parametrize("sent_at", [{}, {1: 100.0}])
    def test_is_unknown_without_the_report_it_names(self, sent_at: dict[int, float]) -> None:
        assert round_trip_s(REPORT, 102.0, sent_at) is None

    def test_is_unknown_before_the_viewer_had_a_report(self) -> None:
        unnamed = RECEIVER_REPORT[:24] + bytes(8)
        (report,) = parse_reports(unnamed)
        assert round_trip_s(report, 102.0, {0: 100.0}) is None
