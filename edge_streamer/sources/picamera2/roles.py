"""The interfaces of the camera and of an encoder, behind which picamera2 stands.

`rig` and `h264` implement them; `feed`, `snapshot` and `session` know only these and so run without picamera2.
"""

from collections.abc import Callable
from typing import Any, Protocol

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.lane import Lane


class CameraEncoder(Protocol):
    """One run of one encoder."""

    lane: Lane

    def force_key_frame(self) -> None:
        """Make the next frame an IDR."""

    def set_bitrate_live(self, bitrate_bps: int) -> bool:
        """Change the rate without a restart; False when this encoder cannot, OSError when its device refuses."""

    def stop(self) -> None:
        """Hand over what is inside and end; may take half a second."""


class CapturedRequest(Protocol):
    """A frame of all streams, kept back from the camera."""

    def save(self, name: str, file_output: Any, *, format: str) -> None:  # noqa: A002  # picamera2's name
        """Write the picture of the stream `name` as a file."""

    def release(self) -> None:
        """Give the buffers back to the camera."""


class CaptureJob(Protocol):
    """picamera2's promise of a request."""

    def get_result(self) -> CapturedRequest:
        """Return the request; raises what went wrong."""


class Camera(Protocol):
    """One camera, open and configured; its outputs are counted as they were asked for."""

    model: str
    stream_names: tuple[str, ...]

    def make_encoder(self, number: int, output: Output, choice: EncoderChoice, lane: Lane) -> CameraEncoder:
        """Return an encoder for output `number`, not started."""

    def start_encoder(self, number: int, encoder: CameraEncoder) -> None:
        """Let the camera's frames into an encoder; OSError or RuntimeError when it does not start."""

    def replace_encoder(self, number: int, old: CameraEncoder, new: CameraEncoder) -> None:
        """Put `new` in the place of `old` between two frames; `old` goes on when `new` does not start."""

    def start(self) -> None:
        """Let frames flow; SourceError when the camera refuses."""

    def set_fps(self, fps: float) -> None:
        """Set the sensor's rate; SourceError when the sensor is not so fast."""

    def capture(self, done: Callable[[CaptureJob], None]) -> None:
        """Call `done` in a thread of picamera2's with the next frame, which it must release."""

    def stop(self) -> None:
        """Stop encoders and camera, and close it."""
