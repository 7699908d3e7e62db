"""A running camera: its outputs, the server's commands, and the watch for frames. Everything runs in the main thread.

`source` makes and drives it; it knows the camera by `roles` only.
"""

import time
from typing import Final, assert_never

from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.hardware_fit import hardware_misfit
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.feed import CameraFeed
from edge_streamer.sources.picamera2.health import StallWatch
from edge_streamer.sources.picamera2.mailbox import CameraEvent, FrameEncoded, Mailbox, SnapshotEnded, ThreadDied
from edge_streamer.sources.picamera2.roles import Camera
from edge_streamer.sources.picamera2.snapshot import WITHIN_S, SnapshotTaker

LOOK_AROUND_NS: Final = 100_000_000
"""How long the main thread sleeps at most: a stall is found up to this much late."""


class CameraSession:
    """From the start of the encoders to the end of the process."""

    def __init__(
        self,
        link: Link,
        camera: Camera,
        mailbox: Mailbox,
        outputs: tuple[Output, ...],
        choices: tuple[EncoderChoice, ...],
    ) -> None:
        """Start encoders and camera and say `ready`; SourceError when one does not start."""
        self._link = link
        self._camera = camera
        self._mailbox = mailbox
        self._feeds = [
            CameraFeed(link, camera, mailbox, number, output, choice)
            for number, (output, choice) in enumerate(zip(outputs, choices, strict=True))
        ]
        self._snapshots = SnapshotTaker(camera, mailbox)
        camera.start()
        self._watch = StallWatch(tuple(output.fps for output in outputs), time.monotonic())
        for feed in self._feeds:
            feed.tell_ready()

    def run(self) -> None:
        """Feed until SourceStopped; SourceError with the reason when the camera or an encoder fails."""
        while True:
            self.turn(time.monotonic_ns() + LOOK_AROUND_NS)

    def turn(self, until_ns: int) -> None:
        """Wait for a command or an event until this instant of CLOCK_MONOTONIC, and answer it."""
        for command in self._link.wait(until_ns, self._mailbox.fd):
            self._obey(command)
        now = time.monotonic()
        for event in self._mailbox.take():
            self._handle(event, now)
        self._check(now)

    def _handle(self, event: CameraEvent, now: float) -> None:
        match event:
            case FrameEncoded():
                self._watch.frame_came(event.output, now)
                self._feeds[event.output].send(event)
            case SnapshotEnded():
                self._answer_snapshot(event)
            case ThreadDied():
                raise SourceError(event.reason)
            case _:
                assert_never(event)

    def _check(self, now: float) -> None:
        for feed in self._feeds:
            feed.mend_gap()
        if (output := self._snapshots.overdue(now)) is not None:
            self._refuse(output, "snapshot", f"no frame for it within {WITHIN_S:g} s")
        if (output := self._watch.overdue(now)) is not None:
            raise SourceError(self._stall_reason(output))

    def _stall_reason(self, output: int) -> str:
        """Name the cause of a stall. An encoder that keeps its frames leaves the other no buffers, so the encoder that
        holds most of them is the cause."""
        holders = [feed.encoder.lane.frames_inside for feed in self._feeds]
        name = self._feeds[output].output.name
        what = f"no frame of {name} for {self._watch.allowed_s(output):.1f} s"
        if max(holders):
            held = self._feeds[holders.index(max(holders))]
            return f"{what}: the encoder {held.choice.name} of {held.output.name} keeps {max(holders)} frame(s)"
        return f"{what}: the camera {self._camera.model} delivers none (cable, power or driver)"

    def _obey(self, command: SourceCommand) -> None:
        feed = self._feeds[command.output]
        try:
            match command:
                case SourceCommand(command="force_key_frame"):
                    feed.force_key_frame()
                case SourceCommand(command="set_bitrate", bitrate_bps=int(bitrate_bps)):
                    feed.set_bitrate(bitrate_bps)
                    self._link.send_note(command.output, event="changed", bitrate_bps=bitrate_bps)
                case SourceCommand(command="set_fps", fps=float(fps)):
                    self._set_fps(command.output, fps)
                    self._link.send_note(command.output, event="changed", fps=fps)
                case SourceCommand(command="snapshot"):
                    self._take_snapshot(command.output)
                case _:
                    self._refuse(command.output, command.command, "a camera does not know this command")
        except SourceError as error:
            self._refuse(command.output, command.command, str(error))

    def _set_fps(self, number: int, fps: float) -> None:
        """Set the sensor to the faster output's rate; the other output leaves frames out."""
        feed = self._feeds[number]
        others = [other for other in self._feeds if other is not feed]
        used = sum(other.hardware_macroblocks for other in others)
        if feed.choice.is_hardware and (misfit := hardware_misfit(feed.with_fps(fps), used, feed.choice.limits)):
            raise SourceError(f"the hardware encoder cannot: {misfit}")
        self._camera.set_fps(max([fps, *(other.output.fps for other in others)]))
        feed.set_fps(fps)
        self._watch.rate_changed(number, fps, time.monotonic())

    def _take_snapshot(self, output: int) -> None:
        if not self._snapshots.ask(output, time.monotonic()):
            raise SourceError("another snapshot is being made")

    def _answer_snapshot(self, event: SnapshotEnded) -> None:
        if not self._snapshots.accepts(event):
            return
        if event.reason:
            self._refuse(event.output, "snapshot", event.reason)
        else:
            self._link.send_snapshot(event.output, event.jpeg)

    def _refuse(self, output: int, command: str, reason: str) -> None:
        self._link.send_note(output, event="unsupported", command=command, reason=reason)
