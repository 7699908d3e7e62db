"""One still picture as two IDR access units, by libx264 through PyAV, in the profile that the caller names.

Used by `slate.source`. The two have the same quality, or the picture would pulse when they are sent by turns: a
constant quantizer instead of a bit rate: the finest whose access unit takes at most a second of the output's bit rate,
since a slate is sent once a second. x264 lets `idr_pic_id` alternate, as ITU-T H.264 7.4.3 requires of IDRs in a
row.
"""

from typing import Final

import av
from av.video.frame import PictureType

from edge_streamer.codec.h264.nal import TYPE_MASK, NalType, annex_b, split_access_unit
from edge_streamer.protocol.source.ranges import SlateProfile
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.x264 import BT709, ENCODER_NAME, colour_options
from edge_streamer.sources.ending import SourceError

_QUANTIZERS: Final = (34, 40, 46, 51)
_SENT: Final = frozenset((NalType.SPS, NalType.PPS, NalType.IDR_SLICE))
_FEATURES: Final[dict[SlateProfile, str]] = {
    "baseline": "cabac=0:8x8dct=0",
    "main": "cabac=1:8x8dct=0",
    "high": "cabac=1:8x8dct=1",
}
"""x264 states the lowest profile that its features need, so that each profile needs the feature that only it has."""


def encode_still(picture: av.VideoFrame, output: Output, profile: SlateProfile) -> list[bytes]:
    """Return two Annex B access units of `picture`, each with SPS, PPS and one IDR slice, of different `idr_pic_id`.

    `picture` is yuv420p of the output's size, and the SPS states the output's frame rate. Where even the coarsest
    quantizer makes too many bytes, its access units are returned. SourceError when libx264 does not open.
    """
    units: list[bytes] = []
    for quantizer in _QUANTIZERS:
        context = _open(output, profile, quantizer)
        units = [_encoded(context, picture, number) for number in range(2)]
        if max(map(len, units)) * 8 <= output.bitrate_bps:
            break
    return units


def _open(output: Output, profile: SlateProfile, quantizer: int) -> av.VideoCodecContext:
    try:
        context = av.CodecContext.create(ENCODER_NAME, "w")
        context.width, context.height, context.pix_fmt = output.width, output.height, "yuv420p"
        context.framerate = output.frame_rate_hz
        context.time_base = 1 / output.frame_rate_hz
        context.max_b_frames = 0
        context.thread_count = 1
        context.profile = profile.capitalize()
        context.options = _options(profile, quantizer)
        context.open()
    except (av.FFmpegError, ValueError) as error:  # PyAV without libx264: a ValueError
        raise SourceError(f"{ENCODER_NAME} does not open for {output.width}x{output.height}: {error}") from None
    return context


def _options(profile: SlateProfile, quantizer: int) -> dict[str, str]:
    return {
        "preset": "veryfast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "qp": str(quantizer),
        "x264-params": f"{_FEATURES[profile]}:weightp=0:slices=1:ref=1",
    } | colour_options(BT709)


def _encoded(context: av.VideoCodecContext, picture: av.VideoFrame, number: int) -> bytes:
    picture.time_base = context.time_base
    picture.pts = number
    picture.pict_type = PictureType.I
    [packet] = context.encode(picture)
    units = [nal for nal in split_access_unit(bytes(packet)) if nal[0] & TYPE_MASK in _SENT]  # no SEI: x264's version
    return annex_b(units)
