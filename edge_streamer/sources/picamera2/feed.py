"""One output of the camera: its current encoder, its frames to the link, and the server's commands for it.

Runs in the main thread. It knows neither the other output nor the camera's health; `source` does.
"""

from typing import Final

import msgspec

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.hardware_fit import bitrate_misfit, macroblocks_per_s
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.lane import Lane
from edge_streamer.sources.picamera2.mailbox import FrameEncoded, Mailbox
from edge_streamer.sources.picamera2.roles import Camera, CameraEncoder
from edge_streamer.sources.timing.schedule import media_time_of

_FAILURES_OF_A_START: Final = (OSError, RuntimeError)  # a device's, picamera2's


class CameraFeed:
    """Starts its encoder, replaces it where a change needs that, and keeps media time advancing over all of them."""

    def __init__(
        self, link: Link, camera: Camera, mailbox: Mailbox, number: int, output: Output, choice: EncoderChoice
    ) -> None:
        """Start the encoder; with `auto`, software where the hardware's does not start. SourceError when none does."""
        self._link = link
        self._camera = camera
        self._mailbox = mailbox
        self._number = number
        self._is_key_frame_awaited = False
        self._media_time = -1
        self.output = output
        self.choice, self.encoder = self._start(choice)

    @property
    def hardware_macroblocks(self) -> int:
        """What this output takes of the hardware encoder's macroblocks a second."""
        return macroblocks_per_s(self.output) if self.choice.is_hardware else 0

    def tell_ready(self) -> None:
        """Say what frames will come."""
        self._link.send_note(
            self._number,
            event="ready",
            encoder=self.choice.name,
            encoder_reason=self.choice.reason[:256],
            camera=self._camera.model[:128],
            width=self.output.width,
            height=self.output.height,
            fps=self.output.fps,
            can_force_key_frame=True,
            can_set_bitrate=True,
            can_set_fps=True,
            never_reorders=True,
        )

    def send(self, event: FrameEncoded) -> None:
        """Hand a frame to the link; ask for a key frame where one would end a gap."""
        if event.is_key_frame:
            self._is_key_frame_awaited = False
        self._media_time = max(self._media_time + 1, media_time_of(event.instant.captured_ns))
        self._link.send_frame(
            self._number,
            EncodedFrame(
                event.data,
                event.is_key_frame,
                self._media_time,
                event.instant.wall_ns,
                event.encoded_ns,
                captured_ns=event.instant.captured_ns,
            ),
        )
        if self._link.wants_key_frame(self._number):
            self.force_key_frame()

    def mend_gap(self) -> None:
        """Report frames that found no room in the mailbox; frames after such a gap are dropped up to a key frame."""
        if lost := self.encoder.lane.take_lost_frames():
            self._link.send_note(self._number, event="dropped", frames=lost)
            self._is_key_frame_awaited = False  # one that was on its way may be among them
            self.force_key_frame()

    def force_key_frame(self) -> None:
        """Ask the encoder for an IDR, once until it has come."""
        if not self._is_key_frame_awaited:
            self._is_key_frame_awaited = True
            self.encoder.force_key_frame()

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Change the rate without a gap, with an IDR where the encoder must be replaced; SourceError when it cannot."""
        output = msgspec.structs.replace(self.output, bitrate_bps=bitrate_bps)
        if self.choice.is_hardware and (misfit := bitrate_misfit(bitrate_bps, self.choice.limits)):
            raise SourceError(f"the hardware encoder cannot: {misfit}")
        try:
            if self.encoder.set_bitrate_live(bitrate_bps):
                self.output = output
                return
        except OSError as error:
            raise SourceError(f"the encoder refused {bitrate_bps} bit/s: {error}") from None
        self._replace(output)

    def set_fps(self, fps: float) -> None:
        """Take the frames of another rate from the next one on, which is an IDR. SourceError when it cannot."""
        self._replace(self.with_fps(fps))

    def with_fps(self, fps: float) -> Output:
        """Return what this output would be at another rate."""
        return msgspec.structs.replace(self.output, fps=fps)

    def _start(self, choice: EncoderChoice) -> tuple[EncoderChoice, CameraEncoder]:
        encoder = self._make(self.output, choice)
        try:
            self._camera.start_encoder(self._number, encoder)
        except _FAILURES_OF_A_START as error:
            if not choice.is_hardware or self.output.encoder == "hardware":
                raise SourceError(f"the encoder {choice.name} of {self.output.name} does not start: {error}") from None
            return self._start(EncoderChoice(is_hardware=False, reason=f"auto: {choice.name} does not start: {error}"))
        return choice, encoder

    def _replace(self, output: Output) -> None:
        """Put an encoder for `output` in the place of the running one, which goes on when the new one fails."""
        encoder = self._make(output, self.choice)
        try:
            self._camera.replace_encoder(self._number, self.encoder, encoder)
        except _FAILURES_OF_A_START as error:
            raise SourceError(f"a new {self.choice.name} does not start: {error}") from None
        self.encoder, self.output = encoder, output
        self._is_key_frame_awaited = False  # the first frame of an encoder is an IDR

    def _make(self, output: Output, choice: EncoderChoice) -> CameraEncoder:
        lane = Lane(self._number, output.fps, self._mailbox)
        return self._camera.make_encoder(self._number, output, choice, lane)
