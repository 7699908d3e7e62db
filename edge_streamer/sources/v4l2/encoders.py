"""Which encoder an output gets, and one interface for both: the kernel's (`m2m`) and libx264 (`x264`).

`auto` takes the kernel's encoder where one opens for this output, else libx264. The note `ready` or the SourceError
lists in words the encoders that were tried and why each was rejected. Used by `raw`.
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import av

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.x264 import ENCODER_NAME, WEBCAM_RAW, X264Encoder
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.kernel import Kernel
from edge_streamer.sources.v4l2.m2m import Encoded, M2mEncoder, find_encoders


class Encoder(Protocol):
    """One output's encoder: pictures go in, access units come out, now or a little later, in order."""

    @property
    def name(self) -> str:
        """What status and metrics call it."""

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the pictures that it takes."""

    @property
    def fd(self) -> int | None:
        """A descriptor that is readable when an access unit came out; None when none is ever late."""

    @property
    def can_force_key_frame(self) -> bool:
        """Whether `submit` makes an IDR when it is asked to."""

    @property
    def can_set_bitrate(self) -> bool:
        """Whether the rate changes while it runs."""

    def submit(self, picture: av.VideoFrame, captured_ns: int, *, is_key_frame: bool) -> bool:
        """Encode a picture, as an IDR when `is_key_frame`; False when it is left out because others still wait."""

    def collect(self) -> list[Encoded]:
        """Return the access units that came out."""

    def set_bitrate(self, bitrate_bps: int) -> int:
        """Change the rate and return what is in effect; SourceError when it cannot be."""

    def set_fps(self, fps: float) -> None:
        """Say that pictures come at another rate; SourceError when it cannot be."""

    def close(self) -> None:
        """Give everything back."""


@dataclass(frozen=True, slots=True)
class ChosenEncoder:
    """An encoder that is open, and why it was taken."""

    encoder: Encoder
    reason: str
    is_hardware: bool = False


def open_encoder(kernel: Kernel, output: Output, *, prefers_nv12: bool, misfit: str = "") -> ChosenEncoder:
    """Open the encoder that `output.encoder` asks for; SourceError names what was looked for and not found.

    `misfit` is why the board's encoder cannot make this output, as its hardware profile says; empty where it can.
    """
    if output.encoder == "software":
        return ChosenEncoder(SoftwareEncoder(output), "software was asked for")
    if misfit and output.encoder == "hardware":
        raise SourceError(f"{output.name} does not fit the hardware encoder: {misfit}")
    if misfit:
        return ChosenEncoder(SoftwareEncoder(output), f"the hardware encoder does not fit: {misfit}")
    encoder, refusals = _open_hardware(kernel, output, prefers_nv12=prefers_nv12)
    if encoder is not None:
        return ChosenEncoder(encoder, f"{encoder.device_path} encodes H.264 in hardware", is_hardware=True)
    looked = f"looked for /dev/video* with H264 out and NV12 or YU12 in: {'; '.join(refusals) or 'there is none'}"
    if output.encoder == "hardware":
        raise SourceError(f"encoder = hardware, but no encoder of the kernel takes this stream ({looked})")
    return ChosenEncoder(SoftwareEncoder(output), f"no hardware encoder ({looked})")


def _open_hardware(kernel: Kernel, output: Output, *, prefers_nv12: bool) -> tuple[M2mEncoder | None, list[str]]:
    refusals: list[str] = []
    for node in find_encoders(kernel):
        try:
            return M2mEncoder(kernel, node, output, prefers_nv12=prefers_nv12), refusals
        except SourceError as refusal:
            refusals.append(str(refusal))
    return None, refusals


class SoftwareEncoder:
    """libx264: each access unit is there as soon as its picture was submitted."""

    name = ENCODER_NAME
    pixel_format = "yuv420p"
    fd = None
    can_force_key_frame = True
    can_set_bitrate = True

    def __init__(self, output: Output) -> None:
        self._x264 = X264Encoder(output, WEBCAM_RAW)
        self._number = 0
        self._done: deque[Encoded] = deque()

    def submit(self, picture: av.VideoFrame, captured_ns: int, *, is_key_frame: bool) -> bool:
        """Encode it at once."""
        data, is_idr = self._x264.encode(picture, self._number, is_key_frame=is_key_frame)
        self._number += 1
        self._done.append(Encoded(data, is_idr, captured_ns))
        return True

    def collect(self) -> list[Encoded]:
        """Return what was encoded since."""
        done = list(self._done)
        self._done.clear()
        return done

    def set_bitrate(self, bitrate_bps: int) -> int:
        """Encode for another rate from the next picture on, which is a key frame."""
        self._x264.set_bitrate(bitrate_bps)
        return bitrate_bps

    def set_fps(self, fps: float) -> None:
        """Share the bits among another number of pictures, from the next on, which is a key frame."""
        self._x264.set_fps(fps)

    def close(self) -> None:
        """Called at the end; libx264 holds only memory, which is freed with the object."""
