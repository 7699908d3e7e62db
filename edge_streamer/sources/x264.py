"""H.264 by libx264 through PyAV, set for a live stream: no B-frames, no look-ahead, one frame in and one frame out.

Used by `testpattern`. Knows nothing of clocks and of who takes the frames.
"""

from typing import Final

import av
from av.video.frame import PictureType

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.request import Output

ENCODER_NAME: Final = "libx264"
_VBV_S: Final = 0.5
"""Seconds of the nominal rate that one key frame may take beyond it: what a viewer's link must buffer."""


class X264Encoder:
    """One output's encoder; a new bit rate begins a new one at the next frame."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._context = _open(output, output.bitrate_bps)

    def encode(self, picture: av.VideoFrame, number: int, *, is_key_frame: bool) -> tuple[bytes, bool]:
        """Return the Annex B access unit of `picture` and whether it is an IDR; with `is_key_frame` it is."""
        picture.pts = number
        picture.pict_type = PictureType.I if is_key_frame else PictureType.NONE
        [packet] = self._context.encode(picture)  # zerolatency: exactly one for one
        return bytes(packet), packet.is_keyframe

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Encode for another rate from the next frame on, which is a key frame."""
        self._context = _open(self._output, bitrate_bps)


def _open(output: Output, bitrate_bps: int) -> av.VideoCodecContext:
    try:
        context = av.CodecContext.create(ENCODER_NAME, "w")
        context.width, context.height, context.pix_fmt = output.width, output.height, "yuv420p"
        context.framerate = output.frame_rate_hz
        context.time_base = 1 / output.frame_rate_hz
        context.bit_rate = bitrate_bps
        context.gop_size = output.gop_frames
        context.max_b_frames = 0
        context.thread_count = 1  # a second thread would add a frame of latency, or slices
        context.options = _options(bitrate_bps)
        context.open()
    except (av.FFmpegError, ValueError) as error:  # PyAV without libx264: a ValueError
        size = f"{output.width}x{output.height} at {output.fps:g} fps and {bitrate_bps} bit/s"
        raise SourceError(f"{ENCODER_NAME} does not open for {size}: {error}") from None
    return context


def _options(bitrate_bps: int) -> dict[str, str]:
    return {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "sc_threshold": "0",
        "slices": "1",
        "maxrate": str(bitrate_bps),
        "bufsize": str(int(bitrate_bps * _VBV_S)),
        "color_range": "tv",
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
    }
