"""From a camera's buffer to a picture that an encoder takes: unpacked, decoded, scaled, by FFmpeg through PyAV.

Bytes in, `av.VideoFrame` out; every picture that is given out is its taker's own. Used by `raw`.
"""

from typing import Final

import av
from av.video.reformatter import ColorRange, VideoReformatter

from edge_streamer.codec.h264.unit_reader import TornPictureError
from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.device import PictureFormat

_START_OF_IMAGE: Final = b"\xff\xd8"  # ITU-T T.81 table B.1
_END_OF_IMAGE: Final = b"\xff\xd9"
_RAW_NAMES: Final = {PixelFormat.YUYV: "yuyv422", PixelFormat.NV12: "nv12"}


def jpeg_of(data: bytes) -> bytes:
    """Return the JPEG without the padding that cameras put behind it; TornPictureError when it is not whole."""
    end = data.rfind(_END_OF_IMAGE)
    if not data.startswith(_START_OF_IMAGE) or end < 0:
        raise TornPictureError
    return data[: end + len(_END_OF_IMAGE)]


class PictureReader:
    """Makes pictures of the buffers of one format."""

    def __init__(self, picture: PictureFormat) -> None:
        self._picture = picture
        self._raw_name = _RAW_NAMES.get(PixelFormat(picture.pixel_format), "")
        self._jpeg = None if self._raw_name else av.CodecContext.create("mjpeg", "r")
        if self._jpeg is not None:
            self._jpeg.thread_count = 1  # a second thread would hold a frame back

    @property
    def is_jpeg(self) -> bool:
        """Whether the buffers are JPEG files."""
        return self._jpeg is not None

    def read(self, data: memoryview | bytes) -> av.VideoFrame:
        """Return the picture; TornPictureError when it is not whole."""
        return self._unpack(memoryview(data)) if self._jpeg is None else self._decode(bytes(data))

    def _decode(self, jpeg: bytes) -> av.VideoFrame:
        assert self._jpeg is not None
        try:
            frames = self._jpeg.decode(av.Packet(jpeg))
        except av.FFmpegError:
            raise TornPictureError from None
        wanted = (self._picture.width, self._picture.height)
        if len(frames) != 1 or (frames[0].width, frames[0].height) != wanted:
            raise TornPictureError
        return frames[0]

    def _unpack(self, data: memoryview) -> av.VideoFrame:
        frame = av.VideoFrame(self._picture.width, self._picture.height, self._raw_name)
        start = 0
        for plane in frame.planes:
            lines = plane.height
            copy_plane(data[start:], self._picture.stride_bytes, memoryview(plane), plane.line_size, lines)
            start += self._picture.stride_bytes * lines
        return frame


class Scaler:
    """Makes the picture of one output out of the camera's."""

    def __init__(self, width: int, height: int, pixel_format: str) -> None:
        self._target = (width, height, pixel_format)
        self._reformatter = VideoReformatter()

    def scale(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return a studio-range picture in the output's size and format; the caller owns it.

        The matrix stays as it is, BT.601 for webcams, and the stream says so: a conversion would cost more than all
        other steps together.
        """
        width, height, pixel_format = self._target
        is_full_range = picture.format.name.startswith("yuvj")
        scaled = self._reformatter.reformat(
            picture,
            width,
            height,
            pixel_format,
            src_color_range=ColorRange.JPEG if is_full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
        )
        return _copy(picture) if scaled is picture else scaled


def copy_plane(source: memoryview, source_stride: int, target: memoryview, target_stride: int, lines: int) -> None:
    """Copy `lines` lines between two planes whose lines may begin at different distances."""
    if source_stride == target_stride:
        target[: lines * target_stride] = source[: lines * source_stride]
        return
    length = min(source_stride, target_stride)
    for line in range(lines):
        to, from_ = line * target_stride, line * source_stride
        target[to : to + length] = source[from_ : from_ + length]


def _copy(picture: av.VideoFrame) -> av.VideoFrame:
    copy = av.VideoFrame(picture.width, picture.height, picture.format.name)
    for source, target in zip(picture.planes, copy.planes, strict=True):
        copy_plane(memoryview(source), source.line_size, memoryview(target), target.line_size, target.height)
    return copy
