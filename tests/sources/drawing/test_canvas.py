"""Drawing into planes, with and without padding at the ends of lines."""

import pytest

from edge_streamer.sources.drawing.canvas import Canvas, Label, flat_row

INK, PAPER = (235, 100, 150), (16, 128, 128)


def plane_lines(canvas, plane):
    picture = canvas.frame.planes[plane]
    data = bytes(picture)
    return [data[line * picture.line_size :][: picture.width] for line in range(picture.height)]


@pytest.fixture(params=[(640, 360), (642, 362)])
def canvas(request):
    canvas = Canvas(*request.param)
    canvas.fill(0, canvas.height, flat_row(PAPER, canvas.width))
    return canvas


def test_a_band_covers_its_lines_in_all_planes_and_no_others(canvas):
    canvas.fill(10, 6, flat_row(INK, canvas.width))
    for plane, (first, end) in enumerate([(10, 16), (5, 8), (5, 8)]):
        lines = plane_lines(canvas, plane)
        length = len(lines[0])
        for number, line in enumerate(lines):
            colour = INK if first <= number < end else PAPER
            assert line == bytes([colour[plane]]) * length


def test_a_block_lands_where_it_was_put(canvas):
    canvas.put(0, 4, 2, (b"ab", b"cd"))
    lines = plane_lines(canvas, 0)
    assert (lines[2][3:7], lines[3][3:7]) == (b"\x10ab\x10", b"\x10cd\x10")
    assert set(lines[1] + lines[4]) == {16}


def test_luma_lines_are_taken_as_they_are(canvas):
    canvas.fill_luma(2, 2, b"\x55" * (2 * canvas.luma_stride))
    lines = plane_lines(canvas, 0)
    assert set(lines[2] + lines[3]) == {0x55}
    assert set(lines[1] + lines[4]) == {16}


def test_a_label_draws_only_what_changed(canvas):
    label = Label(canvas, 20, 20, 36, INK, PAPER)
    label.show("10:00")
    canvas.fill(0, canvas.height, flat_row(PAPER, canvas.width))
    label.show("10:01")
    touched = {column for line in plane_lines(canvas, 0) for column, level in enumerate(line) if level != 16}
    assert touched
    assert min(touched) >= 20 + 4 * 24
    assert max(touched) < 20 + 5 * 24


def test_text_is_cut_at_the_edge_of_the_picture(canvas):
    Label(canvas, canvas.width - 50, 0, 36, INK, PAPER).show("8" * 100)
    Label(canvas, canvas.width - 10, 0, 36, INK, PAPER).show("8")
    assert set(plane_lines(canvas, 0)[36]) == {16}


def test_ink_and_paper_are_the_colours_that_were_asked_for(canvas):
    Label(canvas, 0, 0, 72, INK, PAPER).show("I")
    assert {min(line) for line in plane_lines(canvas, 0)} == {16}
    assert max(map(max, plane_lines(canvas, 0))) == 235
    assert min(map(min, plane_lines(canvas, 1))) == 100
    assert max(map(max, plane_lines(canvas, 2))) == 150


def test_a_picture_says_what_its_colours_mean(canvas):
    assert (canvas.frame.colorspace, canvas.frame.color_range) == (1, 1)
