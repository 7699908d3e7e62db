"""What a stream's source is, and what a board's encoder can make: at the limit and one over it."""

import pytest

from edge_streamer.config import ConfigError, EncodedStream, FileStream, check_fits, resolve_source
from edge_streamer.profiles import Encoder

ENCODER = Encoder(
    kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
)
FULL_HD = EncodedStream(width=1920, height=1080, fps=30)
SUB = EncodedStream(width=640, height=360, fps=15)


def test_auto_is_the_test_pattern_where_there_is_no_camera_source() -> None:
    assert resolve_source(EncodedStream(source="auto")) == "testpattern"
    assert resolve_source(EncodedStream(source="testpattern")) == "testpattern"
    assert resolve_source(FileStream(path="/a.mp4")) == "file"


@pytest.mark.parametrize(
    "streams",
    [
        {},
        {"main": FULL_HD},
        {"main": EncodedStream(width=1280, height=720, fps=68)},
        {"main": EncodedStream(width=1080, height=1920, fps=30, bitrate_bps=25_000_000)},
        {"main": EncodedStream(), "sub": SUB},
    ],
)
def test_streams_up_to_the_limit_fit(streams: dict[str, EncodedStream]) -> None:
    check_fits(streams, ENCODER)


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        (
            {"main": EncodedStream(width=1922)},
            "streams.main.width: 1922 is more than this board's encoder takes; what fits: up to 1920",
        ),
        (
            {"main": EncodedStream(height=2160)},
            "streams.main.height: 2160 is more than this board's encoder takes; what fits: up to 1920",
        ),
        (
            {"main": EncodedStream(bitrate_bps=30_000_000)},
            "streams.main.bitrate_bps: 30000000 is more than this board's encoder takes; what fits: up to 25000000",
        ),
        (
            {"main": EncodedStream(fps=69)},
            "streams.main.fps: 69 at 1280x720 is too much for this board's encoder: 248400 macroblocks/s for all "
            "streams, it makes 245760; what fits: up to 68",
        ),
        (
            {"sub": SUB, "main": FULL_HD},
            "streams.main.fps: 30 at 1920x1080 is too much for this board's encoder: 258600 macroblocks/s for all "
            "streams, it makes 245760; what fits: up to 28",
        ),
        (
            dict.fromkeys(("a", "b", "c"), FULL_HD),
            "streams.a.fps: 30 at 1920x1080 is too much for this board's encoder: 734400 macroblocks/s for all "
            "streams, it makes 245760; what fits: a smaller width and height",
        ),
    ],
)
def test_streams_over_the_limit_say_what_would_fit(streams: dict[str, EncodedStream], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_fits(streams, ENCODER)
    assert str(error.value) == message


def test_what_is_said_to_fit_fits() -> None:
    check_fits({"sub": SUB, "main": EncodedStream(width=1920, height=1080, fps=28)}, ENCODER)
