"""A camera that delivers H.264: its access units are passed on, and commands go to the camera as far as it has
controls.

It feeds one output. No frame is sent before the first key frame. After a lost or torn buffer the camera is asked for a
key frame, and pictures are sent on meanwhile, because a camera's own key-frame interval can be ten seconds. Driven by
`source`.
"""

import time
from contextlib import suppress
from typing import Final

from edge_streamer.codec.h264.unit_reader import AccessUnit, AccessUnitReader, TornPictureError
from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.jpeg import jpeg_of_key_frame
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.v4l2.abi import Control
from edge_streamer.sources.v4l2.camera import Camera, Capture
from edge_streamer.sources.v4l2.device import explained
from edge_streamer.sources.v4l2.kernel import Kernel
from edge_streamer.sources.v4l2.key_frames import KeyFrameControl, find_key_frame_control
from edge_streamer.sources.v4l2.timing import encoded_frame

FIRST_KEY_FRAME_NS: Final = 15_000_000_000
"""A camera must make a key frame at least this often by itself, or viewers could not join."""

KEY_FRAME_INTERVAL_NS: Final = 500_000_000
"""How often the camera is asked for a key frame while none comes; each time is a transfer over USB."""


class NativePipeline:
    """From one camera's buffers to the server, unchanged."""

    wake_fds: Final[tuple[int, ...]] = ()

    def __init__(self, link: Link, kernel: Kernel, camera: Camera, output: Output) -> None:
        """Set what the camera lets one set."""
        self._link, self._camera, self._output = link, camera, output
        self._reader = AccessUnitReader()
        self._key_frame = b""
        self._first_ns: int | None = None
        self._lost = 0
        self._is_key_frame_due = False
        self._asked_ns = 0
        self._next_word_ns = KEY_FRAME_INTERVAL_NS
        self._is_snapshot_asked = False
        with explained(camera.path, "set-up of its encoder"):
            self._key_frames: KeyFrameControl | None = find_key_frame_control(camera.device, kernel.root)
            self._can_set_bitrate = camera.device.set_nearest(Control.BITRATE, output.bitrate_bps) is not None
            self._b_frames = camera.device.set_nearest(Control.B_FRAMES, 0) or 0  # UVC cameras have no such control
            camera.device.set_nearest(Control.GOP_SIZE, output.gop_frames)
            camera.device.set_nearest(Control.H264_I_PERIOD, output.gop_frames)
        if not self._can_set_bitrate:
            self._link.send_note(0, event="warning", text=f"{camera.path} chooses its bit rate itself")

    def announce(self) -> None:
        """Say what will come."""
        self._link.send_note(
            0,
            event="ready",
            encoder="camera",
            encoder_reason="the camera gives H.264 itself",
            camera=self._camera.device.name,
            width=self._output.width,
            height=self._output.height,
            fps=self._output.fps,
            can_force_key_frame=self._key_frames is not None,
            can_set_bitrate=self._can_set_bitrate,
            never_reorders=self._b_frames == 0,
        )

    def take(self, capture: Capture) -> bool:
        """Send the buffer's access unit; False when it held none."""
        self._first_ns = self._first_ns or capture.captured_ns
        try:
            unit = self._reader.read(bytes(capture.data))
        except TornPictureError:
            self._camera.discards.add("torn")
            return False
        if unit is not None:
            self._send(unit, capture.captured_ns)
        return unit is not None

    def collect(self) -> None:
        """Ask for a key frame when a buffer was lost, or the server lost frames."""
        lost = self._camera.discards.total + self._camera.missed
        self._is_key_frame_due |= lost != self._lost or self._link.wants_key_frame(0)
        self._lost = lost
        now_ns = time.monotonic_ns()
        if self._is_key_frame_due and now_ns - self._asked_ns >= KEY_FRAME_INTERVAL_NS:
            self._asked_ns = now_ns
            with suppress(SourceError):  # a USB camera may refuse one request and take the next
                self._force_key_frame()
                self._is_key_frame_due = False

    def obey(self, command: SourceCommand) -> None:
        """Do what the server asks, or say why not."""
        try:
            self._obey(command)
        except SourceError as refusal:
            self._refuse(command.command, str(refusal))

    def close(self) -> None:
        """Called at the end; this pipeline holds no encoder."""

    def _obey(self, command: SourceCommand) -> None:
        match command:
            case SourceCommand(command="force_key_frame"):
                if not self._force_key_frame():
                    raise SourceError("the camera offers no way to ask it for a key frame")
            case SourceCommand(command="snapshot"):
                self._is_snapshot_asked = True
                self._send_snapshot()
            case SourceCommand(command="set_bitrate", bitrate_bps=int(bitrate_bps)):
                self._set_bitrate(bitrate_bps)
            case SourceCommand(command="set_fps"):
                raise SourceError("the camera encodes itself: none of its pictures can be left out")
            case _:
                raise SourceError("a V4L2 camera does not know it")

    def _send(self, unit: AccessUnit, captured_ns: int) -> None:
        if unit.is_key_frame:
            self._key_frame = unit.data
            if self._is_snapshot_asked:
                self._send_snapshot()
        if self._key_frame:
            self._link.send_frame(0, encoded_frame(unit.data, captured_ns, unit.is_key_frame))
        elif self._first_ns is not None:
            self._await_key_frame(captured_ns - self._first_ns)

    def _await_key_frame(self, since_ns: int) -> None:
        """Report that a key frame is awaited, or the server would restart the source."""
        if since_ns > FIRST_KEY_FRAME_NS:
            raise SourceError(f"{self._camera.path} sends no key frames (IDR); choose format = mjpeg, nv12 or yuyv")
        if since_ns >= self._next_word_ns:
            self._next_word_ns = since_ns + KEY_FRAME_INTERVAL_NS
            self._link.send_note(0, event="waiting")

    def _force_key_frame(self) -> bool:
        if self._key_frames is None:
            return False
        with explained(self._camera.path, "request for a key frame"):
            self._key_frames.force()
        return True

    def _set_bitrate(self, bitrate_bps: int) -> None:
        with explained(self._camera.path, f"bit rate of {bitrate_bps} bit/s"):
            in_effect = self._camera.device.set_nearest(Control.BITRATE, bitrate_bps)
        if in_effect is None:
            raise SourceError("the camera chooses its bit rate itself")
        self._link.send_note(0, event="changed", bitrate_bps=in_effect)

    def _send_snapshot(self) -> None:
        """Decode the newest key frame; before the first, the answer waits for it."""
        if not self._key_frame:
            return
        self._is_snapshot_asked = False
        try:
            self._link.send_snapshot(0, jpeg_of_key_frame(self._key_frame))
        except SourceError as refusal:
            self._refuse("snapshot", str(refusal))

    def _refuse(self, command: str, reason: str) -> None:
        self._link.send_note(0, event="unsupported", command=command, reason=reason)
