"""The machine-readable strips, drawn and read, and read again after a hard compression."""

import time
from itertools import pairwise

import av
import pytest

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.x264 import X264Encoder
from edge_streamer.sources.testpattern.card import PatternCard
from edge_streamer.sources.testpattern.strips import Strip, cell_edges, strip_height, strip_row, strip_top
from tests.support.frame_number import milliseconds_since, read_frame_number, read_wall_ms

SIZES = [(1280, 720), (1920, 1080), (640, 360), (642, 362), (320, 240), (360, 640), (64, 64)]
NUMBERS = [0, 1, 0x80000000, 0xFFFFFFFF, 0xAAAAAAAA, 0x12345678]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_cells_are_even_and_cover_the_width(width, height):
    edges = cell_edges(width)
    assert (len(edges), edges[0], edges[-1]) == (33, 0, width)
    assert all(edge % 2 == 0 for edge in edges)
    assert all(end > start for start, end in pairwise(edges))
    assert strip_top(Strip.WALL_MS, height) + strip_height(height) == height


def test_at_1280_a_cell_is_larger_than_a_macroblock():
    assert min(end - start for start, end in pairwise(cell_edges(1280))) >= 16
    assert strip_height(720) >= 16


def test_the_first_cell_is_the_most_significant_bit():
    row = strip_row(0x80000001, cell_edges(64))
    assert row == b"\xeb\xeb" + b"\x10" * 60 + b"\xeb\xeb"


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_drawn_is_read(width, height, number):
    picture = PatternCard(Output(width=width, height=height)).draw(number, 0, number * 1_000_000 + 999_999)
    assert (read_frame_number(picture), read_wall_ms(picture)) == (number, number)


@pytest.mark.parametrize(
    ("width", "height", "fps", "bitrate_bps"),
    [(640, 360, 15, 400_000), (640, 360, 30, 150_000), (1280, 720, 30, 400_000)],
)
def test_strips_survive_the_compression(width, height, fps, bitrate_bps):
    output = Output(width=width, height=height, fps=fps, bitrate_bps=bitrate_bps)
    card, encoder = PatternCard(output), X264Encoder(output)
    decoder = av.CodecContext.create("h264", "r")
    wall_ns, drawn, read = time.time_ns(), [], []
    for index in range(40):
        number, instant_ns = 99_999_980 + index, index * 1_000_000_000 // fps
        picture = card.draw(number, instant_ns, wall_ns + instant_ns)
        drawn.append((number, (wall_ns + instant_ns) // 1_000_000 % (1 << 32)))
        data, _is_key_frame = encoder.encode(picture, index, is_key_frame=False)
        read += decoder.decode(av.Packet(data))
    read += decoder.decode(None)
    assert [(read_frame_number(picture), read_wall_ms(picture)) for picture in read] == drawn


@pytest.mark.parametrize(
    ("then", "now", "age"),
    [(1000, 1234, 234), (1000, 900, -100), (0xFFFFFFFF, (1 << 32) + 9, 10), (5, 5 + (1 << 40), 0)],
)
def test_the_age_of_a_picture_survives_the_wrap(then, now, age):
    assert milliseconds_since(then, now) == age
