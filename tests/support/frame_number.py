"""Reads the two machine-readable strips of the test pattern off decoded pictures. Used by tests and benchmarks.

Pure Python on the luma plane, no numpy. Each cell is judged by the mean of its inner half, so a picture that went
through 400 kbit/s still reads. The geometry is `edge_streamer.sources.testpattern.strips`.
"""

from itertools import pairwise
from typing import Final

import av

from edge_streamer.sources.testpattern.strips import BLACK, WHITE, Strip, cell_edges, strip_height, strip_top

_MIDDLE: Final = (BLACK + WHITE) // 2


def read_frame_number(frame: av.VideoFrame) -> int:
    """Return the frame number (low 32 bits) that the top strip of a decoded 8-bit 4:2:0 picture says."""
    return _read(frame, Strip.FRAME_NUMBER)


def read_wall_ms(frame: av.VideoFrame) -> int:
    """Return the low 32 bits of the wall clock in milliseconds that the bottom strip says."""
    return _read(frame, Strip.WALL_MS)


def milliseconds_since(wall_ms: int, now_wall_ms: int) -> int:
    """Return how long ago a strip's `wall_ms` was, within half of its 49-day cycle either way."""
    return (now_wall_ms - wall_ms + (1 << 31)) % (1 << 32) - (1 << 31)


def _read(frame: av.VideoFrame, strip: Strip) -> int:
    plane = frame.planes[0]
    luma, stride = memoryview(plane), plane.line_size
    height = strip_height(frame.height)
    first = strip_top(strip, frame.height) + height // 4
    lines = range(first, first + max(1, height // 2))
    edges = cell_edges(frame.width)
    value = 0
    for start, end in pairwise(edges):
        quarter = (end - start) // 4
        inner = [sum(luma[line * stride + start + quarter : line * stride + end - quarter]) for line in lines]
        value = value << 1 | (sum(inner) > _MIDDLE * len(lines) * (end - start - 2 * quarter))
    return value
