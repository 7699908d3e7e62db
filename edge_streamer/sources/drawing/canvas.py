"""Drawing into the planes of one 4:2:0 picture: whole bands of a repeated row, small blocks, and text.

All positions and sizes are in luma pixels and even. No numpy: a band is one slice assignment a plane, a block one a
line. BT.709 studio range. Called by `testpattern.card` and `slate.picture`.
"""

from typing import Final

import av
from av.video.reformatter import ColorRange, Colorspace

from edge_streamer.sources.drawing.font import cell_width, glyph

Colour = tuple[int, int, int]
"""Y, Cb, Cr in studio range."""

Rows = tuple[bytes, bytes, bytes]
"""One line of Y, and the line of Cb and of Cr, half as long, that belongs to it."""

_PLANES: Final = (0, 1, 2)


def flat_row(colour: Colour, width: int) -> Rows:
    """Return a line of one colour."""
    luma, cb, cr = (bytes([component]) for component in colour)
    return luma * width, cb * (width // 2), cr * (width // 2)


class Canvas:
    """A frame and its three planes; the frame is drawn again in place once its encoder has taken it."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.frame.colorspace, self.frame.color_range = Colorspace.ITU709, ColorRange.MPEG
        self._strides = [plane.line_size for plane in self.frame.planes]
        self._planes = [memoryview(plane) for plane in self.frame.planes]

    def fill(self, top: int, height: int, rows: Rows) -> None:
        """Fill the full-width band of `height` lines from `top` with one line repeated."""
        for plane, row in zip(_PLANES, rows, strict=True):
            stride = self._strides[plane]
            first, count = (top, height) if plane == 0 else (top // 2, height // 2)
            self._planes[plane][first * stride : (first + count) * stride] = row.ljust(stride, b"\0") * count

    def fill_luma(self, top: int, height: int, lines: bytes) -> None:
        """Fill the band's luma with `lines`, which is `luma_stride` x `height` bytes."""
        stride = self.luma_stride
        self._planes[0][top * stride : (top + height) * stride] = lines

    @property
    def luma_stride(self) -> int:
        """Bytes from one line of luma to the next, at least the width."""
        return int(self._strides[0])

    def put(self, plane: int, left: int, top: int, lines: tuple[bytes, ...]) -> None:
        """Put a block into a plane, in that plane's own pixels."""
        stride, pixels = self._strides[plane], self._planes[plane]
        start = top * stride + left
        for line in lines:
            pixels[start : start + len(line)] = line
            start += stride


class Label:
    """A line of monospaced text at a fixed place; only characters that changed are drawn again."""

    def __init__(self, canvas: Canvas, left: int, top: int, cell_height: int, ink: Colour, paper: Colour) -> None:
        self._canvas = canvas
        self._left, self._top = left, top
        self._height, self._width = cell_height, cell_width(cell_height)
        self._ink, self._paper = ink, paper
        self._shown = ""
        self._drawn: dict[str, tuple[tuple[bytes, ...], ...]] = {}

    def show(self, text: str) -> None:
        """Draw `text`, cut where the picture ends."""
        fitting = text[: max(0, (self._canvas.width - self._left) // self._width)]
        for index, character in enumerate(fitting):
            if self._shown[index : index + 1] != character:
                self._put(self._left + index * self._width, character)
        self._shown = fitting

    def prepare(self, characters: str) -> None:
        """Draw them now, because the first time of a large character costs milliseconds."""
        for character in characters:
            self._drawn[character] = tuple(self._coloured(plane, character) for plane in _PLANES)

    def _put(self, left: int, character: str) -> None:
        if character not in self._drawn:
            self.prepare(character)
        for plane, lines in enumerate(self._drawn[character]):
            scale = 1 if plane == 0 else 2
            self._canvas.put(plane, left // scale, self._top // scale, lines)

    def _coloured(self, plane: int, character: str) -> tuple[bytes, ...]:
        ink, paper = self._ink[plane], self._paper[plane]
        shades = bytes(paper + (ink - paper) * coverage // 255 for coverage in range(256))
        scale = 1 if plane == 0 else 2
        return tuple(row.translate(shades) for row in glyph(character, self._width // scale, self._height // scale))
