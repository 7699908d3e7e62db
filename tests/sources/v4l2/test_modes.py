"""Which format of a camera is taken, and what is said when none fits."""

from fractions import Fraction

import pytest

from edge_streamer.protocol.source.request import Output, V4l2Options
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.abi import BufferType, PixelFormat
from edge_streamer.sources.v4l2.device import ControlRange, Device, RateRange, SizeRange
from edge_streamer.sources.v4l2.modes import Mode, capture_type, choose_format, read_modes
from tests.support.v4l2.stand_in import Offer, StandInCamera, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec

HD = Output()
SUB = Output(name="sub", width=640, height=360, fps=15)


def mode(pixel_format, width, height, *rates):
    ranges = tuple(RateRange(Fraction(rate), Fraction(rate)) for rate in rates)
    return Mode(pixel_format, SizeRange(width, width, height, height), ranges)


WEBCAM = [
    mode(PixelFormat.YUYV, 640, 480, 30, 15),
    mode(PixelFormat.YUYV, 1280, 720, 10),
    mode(PixelFormat.MJPEG, 640, 480, 30),
    mode(PixelFormat.MJPEG, 1280, 720, "10000000/333333", 15),
    mode(PixelFormat.MJPEG, 1920, 1080, 30),
]
WITH_H264 = [*WEBCAM, mode(PixelFormat.H264, 1280, 720, 30)]
WITH_NV12 = [*WITH_H264, mode(PixelFormat.NV12, 1280, 720, 30)]


@pytest.mark.parametrize(
    ("modes", "outputs", "asked", "taken"),
    [
        (WEBCAM, [HD], "auto", PixelFormat.MJPEG),
        (WITH_H264, [HD], "auto", PixelFormat.H264),
        (WITH_NV12, [HD], "auto", PixelFormat.H264),
        (WITH_NV12, [HD, SUB], "auto", PixelFormat.NV12),
        (WITH_H264, [Output(overlay="%H:%M")], "auto", PixelFormat.MJPEG),
        (WITH_H264, [Output(encoder="software")], "auto", PixelFormat.MJPEG),
        (WITH_H264, [Output(encoder="hardware")], "auto", PixelFormat.H264),
        (WITH_NV12, [HD], "mjpeg", PixelFormat.MJPEG),
        (WEBCAM, [Output(width=640, height=480)], "auto", PixelFormat.YUYV),
        (WEBCAM, [Output(width=1280, height=720, fps=10)], "auto", PixelFormat.YUYV),
        (WEBCAM, [Output(width=640, height=480, fps=15), HD], "auto", PixelFormat.YUYV),  # the faster sets the rate
        (WEBCAM, [Output(fps=29.97)], "auto", PixelFormat.MJPEG),
        ([mode(PixelFormat.YUYV, 1280, 720)], [HD], "auto", PixelFormat.YUYV),  # it does not say its rates
    ],
)
def test_the_best_format_that_reaches_size_and_rate_is_taken(modes, outputs, asked, taken):
    assert choose_format(modes, outputs, V4l2Options("/dev/video0", asked), "/dev/video0") == taken


def refusal(modes, *outputs, asked="auto"):
    with pytest.raises(SourceError) as failure:
        choose_format(modes, outputs, V4l2Options("/dev/video0", asked), "/dev/video0")
    return str(failure.value)


def test_what_is_not_offered_is_answered_with_what_is():
    assert refusal(WEBCAM[:3], Output(fps=60)) == (
        "/dev/video0 does not offer 1280x720 at 60 fps as h264 or nv12 or yuyv or mjpeg; it offers YUYV 1280x720 "
        "(10 fps); YUYV 640x480 (30, 15 fps); MJPG 640x480 (30 fps)"
    )


def test_a_long_offer_is_cut_to_what_is_near():
    modes = [mode(PixelFormat.YUYV, 160 + 16 * number, 120, 30) for number in range(20)]
    said = refusal(modes, Output(width=320, height=240))
    assert said.count("YUYV") == 8
    assert "YUYV 320x120" in said
    assert said.endswith("; and 12 more")


def test_a_camera_with_nothing_for_us_says_so():
    assert refusal([], HD).endswith("it offers no format that is known here")


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ([HD, SUB], "feeds one stream"),
        ([Output(overlay="x")], "leaves no picture to draw the overlay on"),
        ([Output(encoder="software")], "encoder = software was asked for"),
    ],
)
def test_h264_of_the_camera_is_refused_where_it_cannot_serve(outputs, reason):
    assert reason in refusal(WITH_H264, *outputs, asked="h264")


def test_ranges_of_sizes_and_rates_are_read(tmp_path):
    kernel = StandInKernel(tmp_path)
    offer = Offer(PixelFormat.NV12, {(640, 360): (60,)}, stepwise=(64, 1920, 16, 64, 1080, 8))
    device = Device(kernel, kernel.plug(0, StandInCamera([offer])))
    [found] = read_modes(device, BufferType.CAPTURE, (640, 360))
    assert found.size == SizeRange(64, 1920, 64, 1080, 16, 8)
    assert found.reaches(640, 360, Fraction(60))
    assert not found.reaches(640, 360, Fraction(30))
    assert not found.reaches(641, 360, Fraction(60))
    assert str(found) == "NV12 64x64 to 1920x1080 (60 fps)"
    device.close()


def test_a_range_of_rates_holds_what_lies_between():
    ranged = Mode(PixelFormat.YUYV, SizeRange(64, 64, 64, 64), (RateRange(Fraction(5), Fraction(60)),))
    assert ranged.reaches(64, 64, Fraction(25))
    assert not ranged.reaches(64, 64, Fraction(61))
    assert str(ranged) == "YUYV 64x64 (5 to 60 fps)"


def test_an_encoder_is_no_camera(tmp_path):
    kernel = StandInKernel(tmp_path)
    device = Device(kernel, kernel.plug(11, StandInCodec()))
    with pytest.raises(SourceError, match="is no camera; `edge-streamer probe` lists the cameras"):
        capture_type(device)
    device.close()


@pytest.mark.parametrize(("value", "nearest"), [(0, 10), (10, 10), (36, 35), (99, 90), (37, 35), (38, 40)])
def test_a_control_takes_the_nearest_value_of_its_steps(value, nearest):
    assert ControlRange(10, 90, 5).nearest(value) == nearest
