"""What a board's encoder can make: at the limit, one over it, and who is not asked."""

from pathlib import Path

import pytest

from edge_streamer.config.encoder_limits import check_encoders, check_fits
from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.profiles import Board, Profile, boards_with_encoder
from edge_streamer.config.streams import (
    AutoStream,
    CameraStream,
    DeviceStream,
    EncodedStream,
    FileStream,
    PatternStream,
    StreamConfig,
)
from edge_streamer.config.toml import ConfigError, read_text
from edge_streamer.protocol.source.encoder_limits import EncoderLimits

ENCODER = EncoderLimits(
    kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
)
FULL_HD = EncodedStream(width=1920, height=1080, fps=30)
SUB = EncodedStream(width=640, height=360, fps=15)
BOARD = Profile(board=Board(name="board"), encoder=ENCODER)
BOARD_WITHOUT = Profile(board=Board(name="bare-board", title="Bare Board"))
GENERIC = Profile(board=Board(name="generic"))


def too_much(streams: dict[str, StreamConfig], profile: Profile = BOARD) -> str:
    with pytest.raises(ConfigError) as error:
        check_encoders(streams, profile)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


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
    assert str(error.value) == f'{message}, or encoder = "software"'


def test_what_is_said_to_fit_fits() -> None:
    check_fits({"sub": SUB, "main": EncodedStream(width=1920, height=1080, fps=28)}, ENCODER)


@pytest.mark.parametrize("encoder", ["auto", "hardware"])
@pytest.mark.parametrize("kind", [CameraStream, lambda **keys: DeviceStream(device="/dev/video0", **keys)])
def test_a_cameras_pictures_must_fit(kind: type[CameraStream], encoder: str) -> None:
    assert too_much({"main": kind(width=2048, encoder=encoder)}).startswith("streams.main.width: 2048 is more than")


def test_all_cameras_share_one_encoder() -> None:
    full_hd = {"width": 1920, "height": 1080}
    streams: dict[str, StreamConfig] = {
        "csi": CameraStream(**full_hd, fps=20),
        "usb": DeviceStream(device="/dev/video0", **full_hd, fps=20),
    }
    assert too_much(streams).startswith("streams.csi.fps: 20 at 1920x1080 is too much")


@pytest.mark.parametrize(
    "stream",
    [
        CameraStream(width=4096, height=2160, fps=60, encoder="software"),
        DeviceStream(device="/dev/video0", width=4096, encoder="software"),
        DeviceStream(device="/dev/video0", width=4096, format="h264"),
        PatternStream(width=4096),
        AutoStream(width=4096),
        FileStream(path="/a.mp4"),
    ],
)
def test_what_does_not_come_near_the_encoder_is_not_measured_by_it(stream: StreamConfig) -> None:
    check_encoders({"main": stream, "camera": CameraStream()}, BOARD)


@pytest.mark.parametrize("profile", [None, GENERIC])
def test_nothing_is_said_of_a_board_that_nothing_is_known_of(profile: Profile | None) -> None:
    check_encoders({"main": CameraStream(width=4096, encoder="hardware")}, profile)


def test_hardware_on_a_board_without_it_names_the_boards_that_have_it() -> None:
    streams: dict[str, StreamConfig] = {"main": CameraStream(), "sub": CameraStream(encoder="hardware")}
    assert too_much(streams, BOARD_WITHOUT) == (
        'streams.sub.encoder: "hardware" is not allowed: Bare Board has no H.264 encoder; write "auto" or "software", '
        f"or take a board that has one: {', '.join(boards_with_encoder())}"
    )


@pytest.mark.parametrize("encoder", ["auto", "software"])
def test_a_board_without_an_encoder_encodes_in_software(encoder: str) -> None:
    check_encoders({"main": CameraStream(width=4096, encoder=encoder)}, BOARD_WITHOUT)


def test_a_written_camera_is_checked_with_the_configuration() -> None:
    written = read_text(b'[streams.main]\nsource = "picamera2"\nwidth = 2048', "file")
    build_config(written, profile=None, overrides=Overrides(), folder=Path("/"))
    with pytest.raises(ConfigError, match=r"streams\.main\.width: 2048 is more than this board's encoder takes"):
        build_config(written, profile=BOARD, overrides=Overrides(), folder=Path("/"))
