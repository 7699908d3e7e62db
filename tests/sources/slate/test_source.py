"""The process of a slate as the server sees it: two key frames and an orderly end."""

import pytest

SIZE = {"name": "main", "width": 320, "height": 180, "fps": 1, "bitrate_bps": 400_000}
OPTIONS = {"reason": "the camera is gone", "since_wall_s": 1_700_000_000.0}


def test_it_hands_over_two_key_frames_and_ends(start_source, decode):
    source = start_source("slate", SIZE, **OPTIONS)
    assert source.read_to_end() == 0
    frames = source.frames[0]
    assert [frame.is_key_frame for frame in frames] == [True, True]
    assert source.notes == []
    pictures = decode(frames)
    assert [(picture.width, picture.height) for picture in pictures] == [(320, 180)] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reason": "x"}, "missing required field `since_wall_s`"),
        ({**OPTIONS, "profile": "high10"}, "high10"),
        ({**OPTIONS, "reason": "x" * 513}, "length <= 512"),
    ],
)
def test_what_it_cannot_do_is_told_in_one_line(start_source, options, said):
    source = start_source("slate", SIZE, **options)
    assert source.process.wait(20) == 2
    line = source.process.stderr.read().decode()
    assert said in line
    assert line.count("\n") == 1
