"""The test card: what it shows, and that it is one picture in all sizes."""

import datetime

import pytest

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.testpattern.card import PatternCard

WALL_NS = int(datetime.datetime(2031, 4, 5, 6, 7, 8, tzinfo=datetime.UTC).timestamp()) * 1_000_000_000
SECOND_NS = 1_000_000_000


def luma(picture, top, bottom):
    """The lines from `top` to `bottom` of 720, without the padding."""
    plane, width = picture.planes[0], picture.width
    data = bytes(plane)
    lines = range(picture.height * top // 720, picture.height * bottom // 720)
    return [data[line * plane.line_size : line * plane.line_size + width] for line in lines]


def drawn(number=0, instant_ns=0, wall_ns=WALL_NS, **output):
    return PatternCard(Output(**output)).draw(number, instant_ns, wall_ns)


CLOCK, BARS, LOWER = (370, 480), (24, 290), (508, 548)


def test_the_clock_changes_with_the_millisecond_and_with_nothing_else():
    assert luma(drawn(wall_ns=WALL_NS), *CLOCK) == luma(drawn(number=5, instant_ns=99, wall_ns=WALL_NS + 999), *CLOCK)
    assert luma(drawn(wall_ns=WALL_NS), *CLOCK) != luma(drawn(wall_ns=WALL_NS + 1_000_000), *CLOCK)


def test_a_card_drawn_again_shows_the_same_as_a_new_one():
    card = PatternCard(Output())
    card.draw(9_999_999, 77 * SECOND_NS, WALL_NS - SECOND_NS)
    again = card.draw(10, 3 * SECOND_NS, WALL_NS)
    new = drawn(10, 3 * SECOND_NS, WALL_NS)
    assert luma(again, 0, 656) == luma(new, 0, 656)
    assert bytes(again.planes[1]) == bytes(new.planes[1])
    assert bytes(again.planes[2]) == bytes(new.planes[2])


def test_the_frame_number_is_written_out():
    assert luma(drawn(number=1), *LOWER) != luma(drawn(number=2), *LOWER)


def test_a_new_rate_is_written_over_the_old_one():
    card = PatternCard(Output(fps=119.88))
    card.show_format(Output(fps=5))
    again, new = card.draw(0, 0, WALL_NS), drawn(fps=5)
    assert luma(again, 0, 656) == luma(new, 0, 656)
    assert luma(new, 310, 356) != luma(drawn(fps=6), 310, 356)


def test_the_bars_move_with_time():
    assert luma(drawn(instant_ns=0), *BARS) != luma(drawn(instant_ns=SECOND_NS), *BARS)


@pytest.mark.parametrize("instant_ns", [0, 5 * SECOND_NS + 1, 86_400 * SECOND_NS])
def test_two_sizes_show_the_same_bars_at_the_same_instant(instant_ns):
    large, small = (drawn(instant_ns=instant_ns, width=w, height=w * 9 // 16) for w in (1280, 640))
    wide, narrow = luma(large, 284, 285)[0], luma(small, 284, 286)[0]
    same = sum(abs(wide[2 * column] - narrow[column]) < 3 for column in range(640))
    assert same > 600


def test_all_colours_stay_in_studio_range():
    picture = drawn(width=1280, height=720)
    assert all(16 <= level <= 235 for line in luma(picture, 0, 720) for level in set(line))
    for plane in picture.planes[1:]:
        assert set(bytes(plane)) <= set(range(16, 241))


def test_no_two_pictures_have_the_same_snow():
    card = PatternCard(Output(width=640, height=360))
    snow = [tuple(luma(card.draw(number, 0, WALL_NS), 664, 696)) for number in range(100)]
    assert len(set(snow)) == len(snow)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (66, 1080), (3840, 64), (360, 640), (1918, 1078), (642, 362)])
def test_odd_shapes_are_drawn_without_complaint(width, height):
    card = PatternCard(Output(name="a-very-long-name-for-a-stream", width=width, height=height))
    for instant_s in range(0, 20, 3):
        assert card.draw(1, instant_s * SECOND_NS, WALL_NS).height == height
