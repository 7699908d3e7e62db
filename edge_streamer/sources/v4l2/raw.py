"""A camera that delivers pictures: MJPEG, YUYV or NV12, for one or two outputs, each scaled, drawn on and encoded.

Every buffer becomes one picture, and every output scales it when a frame of the output is due. Encoding is inline: one
thread, and no queue but the encoder's own. Driven by `source`.
"""

from collections.abc import Callable, Sequence
from typing import Final

import av
import msgspec

from edge_streamer.codec.h264.unit_reader import TornPictureError
from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing.overlay import overlay_of
from edge_streamer.sources.encoding.hardware_fit import hardware_misfit, macroblocks_per_s
from edge_streamer.sources.encoding.jpeg import jpeg_of_picture
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.timing.thinning import FramePace
from edge_streamer.sources.timing.wall_clock import wall_ns_of
from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.camera import Camera, Capture
from edge_streamer.sources.v4l2.encoders import open_encoder
from edge_streamer.sources.v4l2.kernel import Kernel
from edge_streamer.sources.v4l2.modes import RATE_TOLERANCE
from edge_streamer.sources.v4l2.pixels import PictureReader, Scaler, jpeg_of
from edge_streamer.sources.v4l2.timing import encoded_frame

MAX_REASON_CHARACTERS: Final = 256  # SourceReady.encoder_reason
_SMPTE_170M: Final = 6  # matrix_coefficients of ITU-T H.273 table 4: what webcams mean, and JPEG


class RawPipeline:
    """From one camera's buffers to the access units of all outputs."""

    def __init__(
        self, link: Link, kernel: Kernel, camera: Camera, outputs: Sequence[Output], limits: EncoderLimits | None
    ) -> None:
        """Open the outputs' encoders; SourceError when one cannot be had. `limits` are the board's encoder's, if known:
        without them the devices alone say what they take."""
        self._camera = camera
        self._reader = PictureReader(camera.picture)
        self._limits = limits
        self._feeds: list[_Feed] = []
        try:
            for number, output in enumerate(outputs):
                misfit = hardware_misfit(output, self._used_beside(number), limits)
                self._feeds.append(_Feed(link, kernel, camera, number, output, misfit))
        except SourceError:
            self.close()
            raise

    @property
    def wake_fds(self) -> list[int]:
        """The descriptors of encoders that give their access units later."""
        return [feed.encoder.fd for feed in self._feeds if feed.encoder.fd is not None]

    def announce(self) -> None:
        """Say of every output what will come."""
        for feed in self._feeds:
            feed.announce()

    def take(self, capture: Capture) -> bool:
        """Encode the buffer for every output that is due; False when it held no whole picture."""
        try:
            jpeg = jpeg_of(bytes(capture.data)) if self._reader.is_jpeg else b""
            picture = self._reader.read(jpeg or capture.data)
        except TornPictureError:
            self._camera.discards.add("torn")
            return False
        for feed in self._feeds:
            feed.take(picture, jpeg, capture.captured_ns)
        return True

    def collect(self) -> None:
        """Send what the encoders gave since."""
        for feed in self._feeds:
            feed.collect()

    def obey(self, command: SourceCommand) -> None:
        """Do what the server asks of one output, or say why not."""
        feed, used = self._feeds[command.output], self._used_beside(command.output)
        feed.obey(command, lambda output: hardware_misfit(output, used, self._limits) if feed.is_hardware else "")

    def _used_beside(self, number: int) -> int:
        """Return the hardware's macroblocks a second that the other outputs take."""
        others = (feed for place, feed in enumerate(self._feeds) if place != number)
        return sum(macroblocks_per_s(feed.output) for feed in others if feed.is_hardware)

    def close(self) -> None:
        """Close the encoders."""
        for feed in self._feeds:
            feed.encoder.close()


class _Feed:
    """One output; `misfit` is why the board's encoder cannot make it, empty where it can."""

    def __init__(self, link: Link, kernel: Kernel, camera: Camera, number: int, output: Output, misfit: str) -> None:
        self._link, self._camera = link, camera
        self._number, self.output = number, output
        self._overlay = overlay_of(output)
        is_nv12 = camera.picture.pixel_format == PixelFormat.NV12
        chosen = open_encoder(kernel, output, prefers_nv12=is_nv12, misfit=misfit)
        self.encoder, self.is_hardware, self._reason = chosen.encoder, chosen.is_hardware, chosen.reason
        self._scaler = Scaler(output.width, output.height, self.encoder.pixel_format)
        self._pace = FramePace(output.fps, float(camera.rate_hz))
        self._is_key_frame_asked = False
        self._is_snapshot_asked = False
        self._has_warned = False

    def announce(self) -> None:
        """Say what will come."""
        self._link.send_note(
            self._number,
            event="ready",
            encoder=self.encoder.name,
            encoder_reason=self._reason[:MAX_REASON_CHARACTERS],
            camera=self._camera.device.name,
            width=self.output.width,
            height=self.output.height,
            fps=self.output.fps,
            can_force_key_frame=self.encoder.can_force_key_frame,
            can_set_bitrate=self.encoder.can_set_bitrate,
            can_set_fps=True,
            never_reorders=True,
        )

    def take(self, picture: av.VideoFrame, jpeg: bytes, captured_ns: int) -> None:
        """Encode the camera's picture, whose file is `jpeg` where it has one, if one is due."""
        if not self._pace.takes(captured_ns):
            return
        own = self._scaler.scale(picture)
        if self._overlay is not None:
            self._overlay.draw(memoryview(own.planes[0]), own.planes[0].line_size, wall_ns_of(captured_ns))
        if self._is_snapshot_asked:
            self._is_snapshot_asked = False
            self._send_snapshot(own, jpeg)
        is_key_frame = self._is_key_frame_asked or self._link.wants_key_frame(self._number)
        self._is_key_frame_asked = False
        if not self.encoder.submit(own, captured_ns, is_key_frame=is_key_frame):
            self._warn_of_slowness()
        self.collect()

    def collect(self) -> None:
        """Send the access units that are there."""
        for unit in self.encoder.collect():
            self._link.send_frame(self._number, encoded_frame(unit.data, unit.captured_ns, unit.is_key_frame))

    def obey(self, command: SourceCommand, misfit_of: Callable[[Output], str]) -> None:
        """Do what the server asks, or say why not; `misfit_of` says why this output's encoder cannot be another one."""
        try:
            self._obey(command, misfit_of)
        except SourceError as refusal:
            self._refuse(command.command, str(refusal))

    def _obey(self, command: SourceCommand, misfit_of: Callable[[Output], str]) -> None:
        match command:
            case SourceCommand(command="force_key_frame") if self.encoder.can_force_key_frame:
                self._is_key_frame_asked = True
            case SourceCommand(command="snapshot"):
                self._is_snapshot_asked = True
            case SourceCommand(command="set_bitrate", bitrate_bps=int(bitrate_bps)):
                output = self._fitting(misfit_of, bitrate_bps=bitrate_bps)
                in_effect = self.encoder.set_bitrate(bitrate_bps)
                self.output = output
                self._link.send_note(self._number, event="changed", bitrate_bps=in_effect)
            case SourceCommand(command="set_fps", fps=float(fps)):
                self._set_fps(self._fitting(misfit_of, fps=fps))
            case _:
                raise SourceError("neither the camera nor its encoder can do it")

    def _fitting(self, misfit_of: Callable[[Output], str], **changes: float) -> Output:
        """Return the output with these changes; SourceError when the board's encoder cannot make it."""
        output = msgspec.structs.replace(self.output, **changes)
        if misfit := misfit_of(output):
            raise SourceError(f"the hardware encoder cannot: {misfit}")
        return output

    def _set_fps(self, output: Output) -> None:
        """Leave frames out; the outputs share the camera's own rate, which cannot change while it streams."""
        if output.frame_rate_hz > self._camera.rate_hz * (1 + RATE_TOLERANCE):
            raise SourceError(f"the camera was opened at {float(self._camera.rate_hz):g} fps: no more can be had")
        self.encoder.set_fps(output.fps)
        self.output = output
        self._pace = FramePace(output.fps, float(self._camera.rate_hz))
        self._link.send_note(self._number, event="changed", fps=output.fps)

    def _send_snapshot(self, own: av.VideoFrame, jpeg: bytes) -> None:
        """The camera's own JPEG is the best there is, where it shows what this output shows."""
        is_same = (own.width, own.height) == (self._camera.picture.width, self._camera.picture.height)
        try:
            if not (jpeg and is_same and self._overlay is None):
                own.colorspace = _SMPTE_170M
                jpeg = jpeg_of_picture(own)
            self._link.send_snapshot(self._number, jpeg)
        except SourceError as refusal:
            self._refuse("snapshot", str(refusal))

    def _warn_of_slowness(self) -> None:
        if not self._has_warned:
            text = f"{self.encoder.name} is slower than the camera and leaves pictures out; choose a lower rate or size"
            self._link.send_note(self._number, event="warning", text=text)
        self._has_warned = True

    def _refuse(self, command: str, reason: str) -> None:
        self._link.send_note(self._number, event="unsupported", command=command, reason=reason)
