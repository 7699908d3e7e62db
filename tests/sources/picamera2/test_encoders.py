import pytest

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.picamera2.encoders import (
    HARDWARE_ENCODER,
    SOFTWARE_ENCODER,
    choose_encoders,
    hardware_misfit,
    macroblocks_a_second,
)

MAIN = Output("main", 1280, 720, 30.0)
SUB = Output("sub", 640, 360, 15.0, 400_000)
FULL_HD = Output("main", 1920, 1080, 30.0, 6_000_000)


def names(outputs, absence=""):
    return [choice.name for choice in choose_encoders(outputs, absence)]


def test_auto_takes_hardware_where_it_is_and_says_why():
    choices = choose_encoders((MAIN, SUB), "")
    assert [choice.name for choice in choices] == [HARDWARE_ENCODER] * 2
    assert "auto" in choices[0].reason


def test_auto_takes_software_where_there_is_none_and_says_why():
    [choice] = choose_encoders((MAIN,), "there is no /dev/video11")
    assert choice.name == SOFTWARE_ENCODER
    assert "there is no /dev/video11" in choice.reason


def test_what_does_not_fit_beside_the_larger_goes_to_software():
    assert names((SUB, FULL_HD)) == [SOFTWARE_ENCODER, HARDWARE_ENCODER]
    assert "258600" not in choose_encoders((SUB, FULL_HD), "")[0].reason
    assert "13800 macroblocks a second beside 244800" in choose_encoders((SUB, FULL_HD), "")[0].reason


def test_who_insists_on_hardware_is_served_before_who_does_not():
    insisting = Output("sub", 640, 360, 15.0, encoder="hardware")
    assert names((FULL_HD, insisting)) == [SOFTWARE_ENCODER, HARDWARE_ENCODER]


def test_software_is_taken_as_configured():
    assert names((Output(encoder="software"),)) == [SOFTWARE_ENCODER]


def test_hardware_on_a_board_without_one_names_the_boards_that_have_it():
    with pytest.raises(SourceError, match=r"a Raspberry Pi 5 has no H.264 encoder.*Zero 2 W, 3A\+.*4B"):
        choose_encoders((Output(encoder="hardware"),), "a Raspberry Pi 5 has no H.264 encoder")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (Output("m", 2304, 1296, 10.0), "2304x1296 is not within its 32x32 to 1920x1920"),
        (Output("m", 1280, 720, 30.0, 24_000), "24000 bit/s is not within its 25000 to 25000000 bit/s"),
        (Output("m", 1280, 720, 30.0, 26_000_000), "26000000 bit/s"),
        (Output("m", 1920, 1080, 50.0), "408000 macroblocks a second, and it does 245760 for all: 1920x1080 at 30 fps"),
    ],
)
def test_limits_are_said_with_what_would_fit(output, said):
    assert said in hardware_misfit(output, 0)
    with pytest.raises(SourceError, match="does not fit the hardware encoder"):
        choose_encoders(
            (Output(output.name, output.width, output.height, output.fps, output.bitrate_bps, 1.0, "hardware"),), ""
        )


def test_nothing_more_fits_beside_a_full_encoder():
    assert "nothing more would fit" in hardware_misfit(SUB, 245_760)


@pytest.mark.parametrize(
    "output",
    [FULL_HD, Output("m", 1920, 1920, 15.0, 25_000_000), Output("m", 64, 64, 240.0, 25_000)],
)
def test_the_limits_themselves_fit(output):
    assert hardware_misfit(output, 0) == ""


def test_macroblocks_are_counted_whole():
    assert macroblocks_a_second(FULL_HD) == 120 * 68 * 30
    assert macroblocks_a_second(Output("m", 642, 362, 15.0)) == 41 * 23 * 15
