"""What the board's encoder can make, and what would fit where it cannot."""

import pytest

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.hardware_fit import bitrate_misfit, hardware_misfit, macroblocks_per_s

PI = EncoderLimits(
    kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
)
SUB = Output("sub", 640, 360, 15.0, 400_000)
FULL_HD = Output("main", 1920, 1080, 30.0, 6_000_000)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (Output("m", 2304, 1296, 10.0), "2304x1296 is more than its 1920x1920"),
        (Output("m", 64, 1922, 10.0), "64x1922 is more than its 1920x1920"),
        (Output("m", 1280, 720, 30.0, 26_000_000), "26000000 bit/s is more than its 25000000 bit/s"),
        (Output("m", 1920, 1080, 50.0), "408000 macroblocks a second, and it does 245760 for all: 1920x1080 at 30 fps"),
    ],
)
def test_limits_are_said_with_what_would_fit(output, said):
    assert said in hardware_misfit(output, 0, PI)
    assert hardware_misfit(output, 0, None) == ""


def test_nothing_more_fits_beside_a_full_encoder():
    said = hardware_misfit(SUB, 245_760, PI)
    assert "13800 macroblocks a second beside 245760 of the other stream" in said
    assert "nothing more would fit" in said


@pytest.mark.parametrize(
    "output",
    [FULL_HD, Output("m", 1920, 1920, 15.0, 25_000_000), Output("m", 64, 64, 120.0, 25_000)],
)
def test_the_limits_themselves_fit(output):
    assert hardware_misfit(output, 0, PI) == ""


def test_any_bit_rate_fits_an_encoder_that_does_not_say():
    assert bitrate_misfit(50_000_000, None) == bitrate_misfit(25_000_000, PI) == ""


def test_macroblocks_are_counted_whole():
    assert macroblocks_per_s(FULL_HD) == 120 * 68 * 30
    assert macroblocks_per_s(Output("m", 642, 362, 15.0)) == 41 * 23 * 15
