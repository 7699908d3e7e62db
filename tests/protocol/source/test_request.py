"""What may be asked of a source, and what is said of the rest."""

import json
from fractions import Fraction

import pytest

from edge_streamer.protocol.source.request import (
    KINDS,
    CameraOptions,
    FileOptions,
    FileOutput,
    Output,
    PatternOptions,
    Request,
    SlateOptions,
    V4l2Options,
    command_line,
    parse_request,
)


def test_nothing_said_is_one_main_stream():
    assert parse_request("testpattern", [], "{}", None) == Request(
        (Output("main", 1280, 720, 30.0, 2_000_000, 1.0),), PatternOptions()
    )


def test_outputs_keep_their_order_and_options_belong_to_the_kind():
    assert [
        output.name for output in parse_request("testpattern", ['{"name":"b"}', '{"name":"a"}'], "{}", 3).outputs
    ] == [
        "b",
        "a",
    ]
    asked = parse_request("file", ['{"name": "clip"}'], '{"path": "/a b.mp4", "loop": false}', 5)
    assert asked == Request((FileOutput("clip"),), FileOptions("/a b.mp4", loop=False), 5)
    assert FileOptions("x").loop


def test_a_camera_needs_no_options_and_takes_all_of_them():
    assert parse_request("picamera2", [], "{}", None).options == CameraOptions(
        camera=0, hflip=False, vflip=False, rotation=0, sensor_mode=None, buffer_count=6, controls={}
    )
    controls = {"AfMode": "Continuous", "AeEnable": True, "LensPosition": 1.5, "AwbMode": 2, "ColourGains": (1.5, 2.0)}
    options = {
        "camera": 1, "hflip": True, "vflip": True, "rotation": 180, "sensor_mode": (2304, 1296), "buffer_count": 4,
        "controls": controls,
    }  # fmt: skip
    asked = parse_request("picamera2", ["{}", "{}"], json.dumps(options), 3)
    assert asked.options == CameraOptions(**options)


def test_a_kernels_camera_needs_its_device():
    asked = parse_request("v4l2", ["{}", "{}"], '{"device": "/dev/video0"}', 3)
    assert asked.options == V4l2Options("/dev/video0", "auto")
    assert parse_request("v4l2", [], '{"device": "/dev/x", "format": "mjpeg"}', 3).options.format == "mjpeg"


def test_an_output_says_its_encoder_and_its_overlay():
    asked = parse_request("testpattern", ['{"encoder": "software", "overlay": "%H {name}"}'], "{}", None)
    assert (asked.outputs[0].encoder, asked.outputs[0].overlay) == ("software", "%H {name}")


EVERYTHING_OF_A_CAMERA = CameraOptions(
    camera=1, hflip=True, vflip=True, rotation=180, sensor_mode=(2304, 1296), buffer_count=4,
    controls={"AfMode": "Continuous", "AeEnable": True, "LensPosition": 1.5, "AwbMode": 2, "ColourGains": (1.5, 2.0)},
)  # fmt: skip


@pytest.mark.parametrize(
    "request_",
    [
        Request((Output(),), PatternOptions()),
        Request((Output("a"), Output("b", 64, 4096, 29.97, 25_000, 0.5, "software", "%H {name}")), PatternOptions()),
        Request((FileOutput("clip"),), FileOptions('/a "b".mp4', loop=False, fps=25.0)),
        Request((Output(), Output("sub", 640, 360)), EVERYTHING_OF_A_CAMERA),
        Request((Output(encoder="hardware"),), V4l2Options("/dev/v4l/by-id/ü", "mjpeg", 12.5)),
        Request((Output(fps=1.0),), SlateOptions('no "camera" \N{REPLACEMENT CHARACTER}', 1.5e9, "high")),
    ],
    ids=lambda request_: request_.kind,
)
def test_a_command_line_is_read_back_as_the_request_it_was_made_of(request_):
    kind, option, options, *outputs = command_line(request_)
    assert (kind, option, outputs[::2]) == (request_.kind, "--options", ["--output"] * len(request_.outputs))
    assert parse_request(kind, outputs[1::2], options, None) == request_


def test_what_a_file_shows_is_the_files():
    clip = FileOutput("clip")
    assert (clip.width, clip.height, clip.fps, clip.bitrate_bps) == (0, 0, 0, 0)
    assert Request((clip,), FileOptions("x")).encoded == ()
    assert Request((Output(),), PatternOptions()).encoded == (Output(),)
    assert FileOptions("x", fps=29.97).raw_rate_hz == Fraction(2997, 100)


def test_the_kinds_are_those_of_the_command_line():
    assert KINDS == ("testpattern", "file", "picamera2", "v4l2", "slate")


@pytest.mark.parametrize(
    ("kind", "outputs", "options", "said"),
    [
        ("camera", [], "{}", "unknown source kind 'camera' .known: testpattern, file, picamera2, v4l2, slate."),
        ("file", ["{}", "{}"], '{"path": "x"}', "a file source feeds at most 1 output"),
        ("testpattern", ["{}"] * 9, "{}", "feeds at most 8"),
        ("file", [], "{}", "--options {}: Object missing required field `path`"),
        ("file", [], '{"path": "x", "lop": 1}', "unknown field `lop`"),
        ("file", [], '{"path": ""}', "length >= 1"),
        ("file", [], '{"path": "x", "fps": 0}', "fps"),
        ("file", ['{"width": 640}'], '{"path": "x"}', "unknown field `width`"),
        ("testpattern", [], '{"path": "x"}', "unknown field `path`"),
        ("testpattern", [], "{", "--options {: "),
        ("testpattern", ['{"encoder": "gpu"}'], "{}", "Invalid enum value 'gpu'"),
        ("testpattern", ['{"overlay": 1}'], "{}", "overlay"),
        ("picamera2", ["{}"] * 3, "{}", "a picamera2 source feeds at most 2"),
        ("picamera2", [], '{"camera": -1}', "camera"),
        ("picamera2", [], '{"camera": "0"}', "Expected `int`"),
        ("picamera2", [], '{"rotation": 90}', "rotation"),
        ("picamera2", [], '{"sensor_mode": [2304]}', "sensor_mode"),
        ("picamera2", [], '{"sensor_mode": [2304, 0]}', "sensor_mode"),
        ("picamera2", [], '{"buffer_count": 1}', ">= 2 - at .*buffer_count"),
        ("picamera2", [], '{"buffer_count": 13}', "<= 12 - at .*buffer_count"),
        ("picamera2", [], '{"controls": {"AfMode": null}}', "controls"),
        ("picamera2", [], '{"controls": {"AfMode": {}}}', "controls"),
        ("picamera2", [], '{"controls": {' + ", ".join(f'"c{n}": 1' for n in range(65)) + "}}", "controls"),
        ("picamera2", [], '{"controls": {"x": [' + "1," * 64 + "1]}}", "controls"),
        ("picamera2", [], '{"device": "/dev/video0"}', "unknown field `device`"),
        ("slate", ["{}"] * 2, '{"reason": "", "since_wall_s": 0}', "a slate source feeds at most 1"),
        ("slate", [], "{}", "missing required field `reason`"),
        ("v4l2", ["{}"] * 3, '{"device": "x"}', "a v4l2 source feeds at most 2"),
        ("v4l2", [], "{}", "missing required field `device`"),
        ("v4l2", [], '{"device": ""}', "device"),
        ("v4l2", [], '{"device": "/dev/video0", "format": "rgb"}', "format"),
        ("testpattern", ['{"hight": 4}'], "{}", "unknown field `hight`"),
        ("testpattern", ['{"width": 641}'], "{}", "multiple of 2.*width"),
        ("testpattern", ['{"height": 62}'], "{}", "height"),
        ("testpattern", ['{"width": 4098}'], "{}", "width"),
        ("testpattern", ['{"fps": 0}'], "{}", "fps"),
        ("testpattern", ['{"fps": 121}'], "{}", "fps"),
        ("testpattern", ['{"bitrate_bps": 24999}'], "{}", "bitrate_bps"),
        ("testpattern", ['{"name": "a b"}'], "{}", "name"),
        ("testpattern", ['{"bitrate_bps": 1e9}'], "{}", "bitrate_bps"),
        ("testpattern", ['{"gop_s": 0}'], "{}", "gop_s"),
        ("testpattern", ['{"name": ""}'], "{}", "name"),
        ("testpattern", ["[]"], "{}", "--output"),
    ],
)
def test_what_cannot_be_asked_is_one_line_that_says_why(kind, outputs, options, said):
    with pytest.raises(ValueError, match=said) as raised:
        parse_request(kind, outputs, options, None)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("fps", "rate"), [(30.0, Fraction(30)), (29.97, Fraction(30000, 1001)), (12.5, Fraction(25, 2))]
)
def test_a_frame_rate_is_the_ratio_it_stands_for(fps, rate):
    assert abs(Output(fps=fps).frame_rate_hz - rate) < Fraction(1, 30_000)


@pytest.mark.parametrize(("fps", "gop_s", "frames"), [(30.0, 1.0, 30), (15.0, 2.0, 30), (10.0, 0.01, 1)])
def test_a_group_of_pictures_has_whole_frames(fps, gop_s, frames):
    assert Output(fps=fps, gop_s=gop_s).gop_frames == frames
