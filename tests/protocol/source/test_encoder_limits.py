"""The limits of a board's encoder, as a profile has them and as they travel; and the unit they are in."""

import msgspec
import pytest

from edge_streamer.protocol.source.encoder_limits import EncoderLimits, macroblocks
from edge_streamer.protocol.source.request import (
    CameraOptions,
    Output,
    Request,
    V4l2Options,
    command_line,
    parse_request,
)

VENUS = EncoderLimits(
    kind="v4l2_m2m", max_width=3840, max_height=2160, max_macroblocks_per_s=1_944_000, max_bitrate_bps=160_000_000
)


@pytest.mark.parametrize(
    "options", [CameraOptions(encoder_limits=VENUS), V4l2Options("/dev/video0", encoder_limits=VENUS)]
)
def test_the_limits_travel_in_a_cameras_request(options: CameraOptions | V4l2Options) -> None:
    kind, _, written, _, output = command_line(Request((Output(),), options))
    assert parse_request(kind, [output], written, None).options == options


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "gpu"}, "kind"),
        ({"max_width": 15}, "max_width"),
        ({"max_macroblocks_per_s": 1484}, "max_macroblocks_per_s"),
        ({"max_bitrate_bps": 0}, "max_bitrate_bps"),
        ({"min_width": 32}, "unknown field `min_width`"),
    ],
)
def test_limits_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(msgspec.structs.asdict(VENUS) | changes, EncoderLimits)


@pytest.mark.parametrize(
    ("width", "height", "count"), [(16, 16, 1), (18, 16, 2), (1280, 720, 3600), (1920, 1080, 120 * 68)]
)
def test_macroblocks_at_the_edges_count_whole(width: int, height: int, count: int) -> None:
    assert macroblocks(width, height) == count
