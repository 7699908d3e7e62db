import pytest

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.picamera2.encoders import (
    HARDWARE_ENCODER,
    SOFTWARE_ENCODER,
    choose_encoders,
)

PI = EncoderLimits(
    kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
)
MAIN = Output("main", 1280, 720, 30.0)
SUB = Output("sub", 640, 360, 15.0, 400_000)
FULL_HD = Output("main", 1920, 1080, 30.0, 6_000_000)


def names(outputs, absence="", limits=PI):
    return [choice.name for choice in choose_encoders(outputs, absence, limits)]


def test_auto_takes_hardware_where_it_is_and_says_why():
    choices = choose_encoders((MAIN, SUB), "", PI)
    assert [choice.name for choice in choices] == [HARDWARE_ENCODER] * 2
    assert "auto" in choices[0].reason
    assert choices[0].limits == PI


def test_auto_takes_software_where_there_is_none_and_says_why():
    [choice] = choose_encoders((MAIN,), "there is no /dev/video11", PI)
    assert choice.name == SOFTWARE_ENCODER
    assert "there is no /dev/video11" in choice.reason


def test_what_does_not_fit_beside_the_larger_goes_to_software():
    assert names((SUB, FULL_HD)) == [SOFTWARE_ENCODER, HARDWARE_ENCODER]
    assert "258600" not in choose_encoders((SUB, FULL_HD), "", PI)[0].reason
    assert "13800 macroblocks a second beside 244800" in choose_encoders((SUB, FULL_HD), "", PI)[0].reason


def test_who_insists_on_hardware_is_served_before_who_does_not():
    insisting = Output("sub", 640, 360, 15.0, encoder="hardware")
    assert names((FULL_HD, insisting)) == [SOFTWARE_ENCODER, HARDWARE_ENCODER]


def test_software_is_taken_as_configured():
    assert names((Output(encoder="software"),)) == [SOFTWARE_ENCODER]


def test_hardware_on_a_board_without_one_says_what_to_write():
    with pytest.raises(SourceError, match=r'Pi 5 has no H.264 encoder; write encoder = "auto" or "software"'):
        choose_encoders((Output(encoder="hardware"),), "a Raspberry Pi 5 has no H.264 encoder", None)


def test_hardware_that_does_not_fit_is_not_had():
    with pytest.raises(SourceError, match="main does not fit the hardware encoder: 1920x1080 at 50 fps is 408000"):
        choose_encoders((Output("main", 1920, 1080, 50.0, encoder="hardware"),), "", PI)


def test_hardware_of_unknown_limits_is_tried():
    assert names((FULL_HD, Output("sub", 1920, 1080, 120.0)), limits=None) == [HARDWARE_ENCODER] * 2
