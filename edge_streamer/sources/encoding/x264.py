"""H.264 by libx264 through PyAV, set for a live stream: no B-frames, no look-ahead, one frame in and one frame out.

Used by the sources that have raw pictures: `testpattern.source`, `v4l2.encoders`; `still` encodes a slate. It knows
neither clocks nor the receiver of the frames.
"""

from dataclasses import dataclass
from typing import Final

import av
import msgspec
from av.video.frame import PictureType

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError

ENCODER_NAME: Final = "libx264"
_VBV_S: Final = 0.5
"""Seconds of the nominal rate that one key frame may take beyond it: what a viewer's link must buffer."""


@dataclass(frozen=True, slots=True)
class ColourCoding:
    """What the samples mean, for the SPS (ITU-T H.264 annex E.2.1), in FFmpeg's words. It converts nothing."""

    matrix: str
    primaries: str
    transfer: str
    is_full_range: bool = False


BT709: Final = ColourCoding("bt709", "bt709", "bt709")
BT601: Final = ColourCoding("smpte170m", "smpte170m", "smpte170m")
WEBCAM_RAW: Final = ColourCoding("smpte170m", "bt709", "iec61966-2-1")
"""V4L2_COLORSPACE_SRGB, what UVC cameras give as YUYV and NV12: sRGB with the matrix of BT.601, studio range."""
WEBCAM_JPEG: Final = ColourCoding("smpte170m", "bt709", "iec61966-2-1", is_full_range=True)
"""V4L2_COLORSPACE_JPEG, what their MJPEG is when its samples are taken as they are."""


class X264Encoder:
    """One output's encoder; a new bit rate or frame rate begins a new one at the next frame."""

    def __init__(self, output: Output, colours: ColourCoding = BT709) -> None:
        """Open for `output`'s size and rates; SourceError when libx264 does not."""
        self._colours = colours
        self._output = output
        self._context = _open(output, colours)

    def encode(self, picture: av.VideoFrame, number: int, *, is_key_frame: bool) -> tuple[bytes, bool]:
        """Return the Annex B access unit of `picture` and whether it is an IDR; with `is_key_frame` it is.

        `picture` is yuv420p of the output's size and may be drawn again afterwards; `number` counts the frames.
        """
        picture.time_base = self._context.time_base  # a camera's own would scale the number
        picture.pts = number
        picture.pict_type = PictureType.I if is_key_frame else PictureType.NONE
        [packet] = self._context.encode(picture)  # zerolatency: exactly one for one
        return bytes(packet), packet.is_keyframe

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Encode for another bit rate from the next frame on, which is a key frame; SourceError: as before."""
        self._reopen(msgspec.structs.replace(self._output, bitrate_bps=bitrate_bps))

    def set_fps(self, fps: float) -> None:
        """Encode for another frame rate from the next frame on, which is a key frame; SourceError: as before."""
        self._reopen(msgspec.structs.replace(self._output, fps=fps))

    def _reopen(self, output: Output) -> None:
        self._context = _open(output, self._colours)
        self._output = output


def _open(output: Output, colours: ColourCoding) -> av.VideoCodecContext:
    try:
        context = av.CodecContext.create(ENCODER_NAME, "w")
        context.width, context.height, context.pix_fmt = output.width, output.height, "yuv420p"
        context.framerate = output.frame_rate_hz
        context.time_base = 1 / output.frame_rate_hz
        context.bit_rate = output.bitrate_bps
        context.gop_size = output.gop_frames
        context.max_b_frames = 0
        context.thread_count = 1  # a second thread would add a frame of latency, or slices
        context.profile = "Baseline"  # PyAV 14 (Debian trixie) refuses it as an option
        context.options = _options(output.bitrate_bps) | colour_options(colours)
        context.open()
    except (av.FFmpegError, ValueError) as error:  # PyAV without libx264: a ValueError
        size = f"{output.width}x{output.height} at {output.fps:g} fps and {output.bitrate_bps} bit/s"
        raise SourceError(f"{ENCODER_NAME} does not open for {size}: {error}") from None
    return context


def _options(bitrate_bps: int) -> dict[str, str]:
    return {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "sc_threshold": "0",
        "slices": "1",
        "maxrate": str(bitrate_bps),
        "bufsize": str(int(bitrate_bps * _VBV_S)),
    }


def colour_options(colours: ColourCoding) -> dict[str, str]:
    """Return libx264's options that write `colours` into the SPS."""
    return {
        "color_range": "pc" if colours.is_full_range else "tv",
        "colorspace": colours.matrix,
        "color_primaries": colours.primaries,
        "color_trc": colours.transfer,
    }
