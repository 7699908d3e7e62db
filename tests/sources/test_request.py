"""What may be asked of a source, and what is said of the rest."""

from fractions import Fraction

import pytest

from edge_streamer.sources.request import FileOptions, Output, PatternOptions, Request, parse_request


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
    assert asked == Request((Output("clip"),), FileOptions("/a b.mp4", loop=False), 5)
    assert FileOptions("x").loop


@pytest.mark.parametrize(
    ("kind", "outputs", "options", "said"),
    [
        ("camera", [], "{}", "unknown source kind 'camera' .known: testpattern, file."),
        ("file", ["{}", "{}"], '{"path": "x"}', "a file source feeds at most 1 output"),
        ("testpattern", ["{}"] * 9, "{}", "feeds at most 8"),
        ("file", [], "{}", "--options {}: Object missing required field `path`"),
        ("file", [], '{"path": "x", "lop": 1}', "unknown field `lop`"),
        ("file", [], '{"path": ""}', "length >= 1"),
        ("testpattern", [], '{"path": "x"}', "unknown field `path`"),
        ("testpattern", [], "{", "--options {: "),
        ("testpattern", ['{"hight": 4}'], "{}", "unknown field `hight`"),
        ("testpattern", ['{"width": 641}'], "{}", "multiple of 2.*width"),
        ("testpattern", ['{"height": 62}'], "{}", "height"),
        ("testpattern", ['{"fps": 0}'], "{}", "fps"),
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
