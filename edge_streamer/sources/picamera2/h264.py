"""picamera2's two H.264 encoders, adapted: frames are paced, settings are for a live stream, key frames come on
request.

picamera2's V4L2 class drives the hardware through /dev/video11; software is libx264 through PyAV. Each is imported from
its own module, because `picamera2.encoders.H264Encoder` is one or the other depending on the board. Only a process that
runs a camera imports this module; `rig` starts and stops the encoders.
"""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from av.video.frame import PictureType
from libcamera import controls
from picamera2 import MappedArray
from picamera2.encoders.h264_encoder import H264Encoder
from picamera2.encoders.libav_h264_encoder import LibavH264Encoder
from picamera2.outputs import Output as PicameraOutput
from picamera2.platform import Platform, get_platform
from videodev2 import V4L2_CID_MPEG_VIDEO_BITRATE, VIDIOC_S_CTRL, v4l2_control

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing.overlay import Overlay
from edge_streamer.sources.picamera2.clock import capture_instant, read_clocks
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.lane import Lane
from edge_streamer.sources.picamera2.roles import CameraEncoder
from edge_streamer.sources.v4l2.kernel import LinuxKernel
from edge_streamer.sources.v4l2.m2m import limits_of

HARDWARE_DEVICE: Final = Path("/dev/video11")  # the node of bcm2835-codec that encodes; picamera2 opens no other
HARDWARE_PROFILE: Final = "main"  # entropy coding costs the hardware nothing, and every player reads it
_WALL_CLOCK: Final = getattr(controls, "FrameWallClock", None)  # since libcamera 0.5
_VBV_S: Final = 0.5
"""Seconds of the nominal rate that one key frame may take beyond it: what a viewer's link must buffer."""
_ONE_THREAD_PIXELS_A_SECOND: Final = 1920 * 1080 * 30
"""Up to here one core of a Raspberry Pi 5 is enough, and a picture is one slice."""


def hardware_absence() -> str:
    """Return why this board has no hardware encoder, empty when it has one."""
    if get_platform() is Platform.PISP:
        return "a Raspberry Pi 5 has no H.264 encoder"
    return "" if HARDWARE_DEVICE.exists() else f"there is no {HARDWARE_DEVICE}"


def limits_of_device() -> EncoderLimits | None:
    """Return what the hardware encoder says of its limits; None where there is none, or it does not say."""
    return limits_of(LinuxKernel(), str(HARDWARE_DEVICE))


def make_encoder(output: Output, choice: EncoderChoice, lane: Lane, strip: "Strip | None") -> CameraEncoder:
    """Return the encoder of `choice`, not started."""
    kind = HardwareEncoder if choice.is_hardware else SoftwareEncoder
    encoder: CameraEncoder = kind(output, lane, strip)
    return encoder


class Strip:
    """An overlay bound to the stream of the camera into whose pictures it is drawn."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay

    def draw(self, stream: str, request: Any, wall_ns: int) -> None:
        """Draw into the luma plane, which comes first in NV12 and in YUV420."""
        with MappedArray(request, stream, reshape=False) as mapped, memoryview(mapped.array) as plane:
            self._overlay.draw(plane, request.config[stream]["stride"], wall_ns)


class LaneOutput(PicameraOutput):  # type: ignore[misc]  # picamera2 has no types
    """Where an encoder puts its access units: its lane. Runs under picamera2's locks, so it must not block or raise."""

    def __init__(self, encoder: Any, lane: Lane) -> None:
        super().__init__()
        self._encoder = encoder
        self._lane = lane

    def outputframe(
        self,
        frame: bytes,
        keyframe: bool = True,
        timestamp: int = 0,
        packet: Any = None,  # noqa: ARG002  # picamera2's signature
        audio: bool = False,  # noqa: ARG002
    ) -> None:
        """Hand on a frame; `timestamp` is microseconds since the first frame of this encoder's run."""
        sensor_us = (self._encoder.firsttimestamp or 0) + timestamp
        self._lane.deliver(frame, is_key_frame=keyframe, sensor_us=sensor_us)


class HardwareEncoder(H264Encoder):  # type: ignore[misc]  # picamera2 has no types
    """The encoder of Raspberry Pi boards up to 4, through V4L2."""

    def __init__(self, output: Output, lane: Lane, strip: Strip | None) -> None:
        super().__init__(
            bitrate=output.bitrate_bps,
            repeat=True,
            iperiod=output.gop_frames,
            framerate=output.fps,
            enable_sps_framerate=True,
            profile=HARDWARE_PROFILE,
        )
        self.lane = lane
        self._strip = strip
        self.output = LaneOutput(self, lane)

    def encode(self, stream: str, request: Any) -> None:
        """Take a frame of the camera, or leave it out; called by picamera2's event loop."""
        if _admit(self.lane, self._strip, stream, request):
            super().encode(stream, request)

    def _start(self) -> None:
        try:
            super()._start()
        except OSError:
            self._running = False  # its thread runs already, and would poll the device for ever
            raise

    def set_bitrate_live(self, bitrate_bps: int) -> bool:
        """Set the driver's control: picamera2's `bitrate` is read only at the start."""
        control = v4l2_control()
        control.id = V4L2_CID_MPEG_VIDEO_BITRATE
        control.value = bitrate_bps
        fcntl.ioctl(self.vd, VIDIOC_S_CTRL, control)
        return True


class SoftwareEncoder(LibavH264Encoder):  # type: ignore[misc]  # picamera2 has no types
    """libx264: its preset ultrafast, which is Constrained Baseline, one frame in and one frame out."""

    def __init__(self, output: Output, lane: Lane, strip: Strip | None) -> None:
        rate_hz = output.frame_rate_hz
        super().__init__(bitrate=output.bitrate_bps, repeat=True, iperiod=output.gop_frames, framerate=rate_hz)
        self.threads = _threads(output)
        self.lane = lane
        self._strip = strip
        self._is_key_frame_asked = False
        self.output = LaneOutput(self, lane)

    def encode(self, stream: str, request: Any) -> None:
        """Take a frame of the camera, or leave it out; called by picamera2's event loop."""
        if _admit(self.lane, self._strip, stream, request):
            super().encode(stream, request)

    def force_key_frame(self) -> None:
        """Make the next frame an IDR. picamera2's own way assigns a text where PyAV from 14 on wants a number."""
        self._is_key_frame_asked = True

    def set_bitrate_live(self, bitrate_bps: int) -> bool:  # noqa: ARG002  # the role's signature
        """Return False: PyAV passes no new rate to an x264 encoder that is open."""
        return False

    def _start(self) -> None:
        super()._start()
        stream: Any = self._stream
        stream.codec_context.options |= _live_options(self.bitrate)
        self._stream: Any = _KeyFrameStream(stream, self._take_key_frame_wish)

    def _take_key_frame_wish(self) -> bool:
        is_asked, self._is_key_frame_asked = self._is_key_frame_asked, False
        return is_asked


class _KeyFrameStream:
    """PyAV's stream as picamera2 uses it, with the picture type of each frame set by us."""

    def __init__(self, stream: Any, takes_wish: Callable[[], bool]) -> None:
        self._stream = stream
        self._takes_wish = takes_wish

    def encode(self, frame: Any = None) -> list[Any]:
        """Encode a frame, or without one hand over what is inside."""
        if frame is not None and self._takes_wish():
            frame.pict_type = PictureType.I
        packets: list[Any] = self._stream.encode(frame)
        return packets


def _admit(lane: Lane, strip: Strip | None, stream: str, request: Any) -> bool:
    """Draw into every frame, also into frames that are not encoded: a snapshot may be made of any frame."""
    metadata = request.request.metadata
    sensor_ns = metadata[controls.SensorTimestamp]
    sensor_wall_ns = None if _WALL_CLOCK is None else metadata.get(_WALL_CLOCK)
    instant = capture_instant(sensor_ns, sensor_wall_ns, read_clocks())
    if strip is not None:
        strip.draw(stream, request, instant.wall_ns)
    return lane.admit(sensor_ns, instant)


def _threads(output: Output) -> int:
    """Return 1, or 0 for as many as there are cores, each with a slice of the picture."""
    return 1 if output.width * output.height * output.fps <= _ONE_THREAD_PIXELS_A_SECOND else 0


def _live_options(bitrate_bps: int) -> dict[str, str]:
    return {
        "profile": "baseline",
        "forced-idr": "1",
        "sc_threshold": "0",
        "maxrate": str(bitrate_bps),
        "bufsize": str(int(bitrate_bps * _VBV_S)),
        "color_range": "tv",
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
    }
