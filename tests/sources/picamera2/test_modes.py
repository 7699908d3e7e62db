import pytest

from edge_streamer.protocol.source.request import CameraOptions, Output
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.picamera2.modes import (
    SensorMode,
    choose_sensor_mode,
    flips,
    frame_duration_us,
    sensor_modes,
    stream_names,
)

IMX708 = (
    SensorMode(1536, 864, 120.13, 10, "SRGGB10", 3072),
    SensorMode(2304, 1296, 56.03, 10, "SRGGB10", 4608),
    SensorMode(4608, 2592, 14.35, 10, "SRGGB10", 4608),
)
IMX219 = (
    SensorMode(640, 480, 206.65, 8, "SRGGB8", 1280),
    SensorMode(1640, 1232, 41.85, 8, "SRGGB8", 3280),
    SensorMode(1920, 1080, 47.57, 8, "SRGGB8", 1920),
    SensorMode(3280, 2464, 21.19, 8, "SRGGB8", 3280),
    SensorMode(1640, 1232, 41.85, 10, "SRGGB10", 3280),
    SensorMode(1920, 1080, 47.57, 10, "SRGGB10", 1920),
)


@pytest.mark.parametrize(
    ("modes", "size", "fps", "expected"),
    [
        (IMX708, (1920, 1080), 30, (2304, 1296)),
        (IMX708, (1280, 720), 56.3, (2304, 1296)),  # 56.03 is as good as 56.3
        (IMX708, (1280, 720), 100, (1536, 864)),
        (IMX708, (1920, 1080), 100, (1536, 864)),  # none is large enough: the largest that is fast enough
        (IMX708, (4608, 2592), 10, (4608, 2592)),
        (IMX219, (1280, 720), 30, (1640, 1232)),  # the widest view, and of that the fewest pixels
        (IMX219, (1920, 1080), 30, (1920, 1080)),
        (IMX219, (1920, 1080), 15, (3280, 2464)),
        (IMX219, (640, 360), 90, (640, 480)),
    ],
)
def test_the_widest_mode_that_is_large_and_fast_enough_is_taken(modes, size, fps, expected):
    mode = choose_sensor_mode(modes, size, fps, None)
    assert (mode.width, mode.height) == expected


def test_of_equal_modes_the_finer_is_taken():
    assert choose_sensor_mode(IMX219, (1280, 720), 30, None).bit_depth == 10


def test_a_wanted_mode_is_taken_even_if_another_is_better():
    assert choose_sensor_mode(IMX708, (1280, 720), 30, (1536, 864)).view_width == 3072


def test_a_mode_that_is_too_slow_or_unknown_is_an_error_with_all_modes():
    with pytest.raises(SourceError, match=r"no mode of 4608x2592 for 30 fps \(it has: 1536x864 at 120.13 fps, 2304x"):
        choose_sensor_mode(IMX708, (1280, 720), 30, (4608, 2592))
    with pytest.raises(SourceError, match="no mode for 240 fps"):
        choose_sensor_mode(IMX708, (1280, 720), 240, None)


def test_a_camera_without_modes_has_none_to_choose():
    assert choose_sensor_mode((), (1280, 720), 30, None) is None
    with pytest.raises(SourceError, match="leave sensor_mode out"):
        choose_sensor_mode((), (1280, 720), 30, (1280, 720))


def test_what_picamera2_reports_is_read_without_what_has_no_size():
    reported = [
        {"format": "MJPEG"},
        {"format": "SRGGB10", "bit_depth": 10, "size": (2304, 1296), "fps": 56.03, "crop_limits": (0, 0, 4608, 2592)},
    ]
    assert sensor_modes(reported) == (IMX708[1],)


def test_the_larger_output_is_main_whatever_its_place():
    main, sub = Output("main", 1280, 720), Output("sub", 640, 360)
    assert stream_names((main,)) == ("main",)
    assert stream_names((main, sub)) == ("main", "lores")
    assert stream_names((sub, main)) == ("lores", "main")
    assert stream_names((main, main)) == ("main", "lores")


def test_an_output_that_is_no_part_of_the_other_is_refused():
    with pytest.raises(SourceError, match=r"tall \(480x1000\) must not be wider or higher than main \(1280x720\)"):
        stream_names((Output("tall", 480, 1000), Output("main", 1280, 720)))


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (30, 33333),
        (29.97, 33367),
        (60, 16667),
        (60.5, 16666),
        (10, 66512),
    ],  # 10: `timing.thinning` leaves out the rest
)
def test_a_frame_lasts_as_long_as_the_rate_says_within_the_cameras_limits(fps, expected):
    assert frame_duration_us(fps, 16666, 66512) == expected


def test_a_rate_that_the_camera_cannot_do_is_refused_with_the_one_it_can():
    with pytest.raises(SourceError, match="at most 60 fps with these sizes, 61 are asked for"):
        frame_duration_us(61, 16666, 66512)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (CameraOptions(), (False, False)),
        (CameraOptions(rotation=180), (True, True)),
        (CameraOptions(rotation=180, hflip=True), (False, True)),
        (CameraOptions(vflip=True), (False, True)),
    ],
)
def test_a_half_turn_is_both_flips(options, expected):
    assert flips(options) == expected
