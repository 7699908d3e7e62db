"""One picture as a JPEG file (JFIF), for the command `snapshot`.

A JPEG is full-range BT.601 whatever the stream is, so colours are converted and not only relabelled. That and the
encoding take about 25 ms of a processor for 1080p here: once for each snapshot that is asked for, and never before.
PyAV's MJPEG encoder; no file and no clock. Called by the sources.
"""

from fractions import Fraction
from typing import Final

import av
from av.video.reformatter import ColorRange, Colorspace

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.protocol.source.messages import MAX_SNAPSHOT_BYTES
from edge_streamer.sources.ending import SourceError

MAX_PIXELS: Final = 139_264 * 256
"""ITU-T H.264 table A-1, level 6.2: no stream has larger pictures; a decoder asked for more would fill the memory."""
_QUANTIZER: Final = "3"  # of 1 to 31: 100 KiB for a 720p picture, without visible blocks
_UNSPECIFIED: Final = 2  # matrix_coefficients of ITU-T H.273 table 4
_HD_LINES: Final = 720  # a picture that does not say its matrix has BT.709 from here on, and BT.601 below


def jpeg_of_picture(picture: av.VideoFrame) -> bytes:
    """Return the picture, in any pixel format that FFmpeg converts, as a JPEG; SourceError when it cannot be."""
    _check_size(picture.width, picture.height)
    try:
        jpeg = _encoded(_in_jpeg_colours(picture))
    except (av.FFmpegError, ValueError) as error:  # PyAV without the encoder: a ValueError
        raise SourceError(f"a {picture.width}x{picture.height} picture cannot be made a JPEG: {error}") from None
    if len(jpeg) > MAX_SNAPSHOT_BYTES:
        raise SourceError(f"the JPEG has {len(jpeg)} bytes (allowed: {MAX_SNAPSHOT_BYTES})")
    return jpeg


def jpeg_of_key_frame(data: bytes) -> bytes:
    """Return a start point with its parameter sets (Annex B) as a JPEG; SourceError when it does not decode, as where
    intra refresh makes the picture whole in the course of later frames."""
    if not 0 < len(data) <= MAX_ACCESS_UNIT_BYTES:
        raise SourceError(f"a key frame of {len(data)} bytes gives no snapshot (allowed: {MAX_ACCESS_UNIT_BYTES})")
    try:
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1  # more would wait for pictures that do not come
        decoder.options = {"max_pixels": str(MAX_PIXELS)}
        pictures = decoder.decode(av.Packet(data)) + decoder.decode(None)
    except av.FFmpegError as error:
        raise SourceError(f"the key frame does not decode: {error.strerror}") from None
    if not pictures:
        raise SourceError("the key frame does not decode: there is no whole picture in it")
    return jpeg_of_picture(pictures[0])


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise SourceError(f"a picture of {width}x{height} is too large for a snapshot (allowed: {MAX_PIXELS} pixels)")


def _in_jpeg_colours(picture: av.VideoFrame) -> av.VideoFrame:
    """Go by RGB, because swscale changes the matrix between no two YUV formats."""
    is_full_range = picture.format.name.startswith("yuvj") or picture.color_range == ColorRange.JPEG
    rgb = picture.reformat(
        format="rgb24",
        src_colorspace=_matrix(picture),
        src_color_range=ColorRange.JPEG if is_full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    return rgb.reformat(format="yuvj420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG)


def _matrix(picture: av.VideoFrame) -> Colorspace:
    if picture.format.name.startswith("yuvj"):  # a picture of an MJPEG camera
        return Colorspace.ITU601
    if picture.colorspace == _UNSPECIFIED:
        return Colorspace.ITU709 if picture.height >= _HD_LINES else Colorspace.ITU601
    return Colorspace.ITU709 if picture.colorspace == Colorspace.ITU709 else Colorspace.ITU601


def _encoded(picture: av.VideoFrame) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base = Fraction(1)
    encoder.thread_count = 1
    encoder.options = {"qmin": _QUANTIZER, "qmax": _QUANTIZER}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
