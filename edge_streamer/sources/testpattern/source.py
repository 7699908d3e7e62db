"""The test pattern: one moving picture in any number of sizes and rates, encoded as a camera would.

Called by `__main__`. It draws with `card` and `overlay`, encodes with `x264`, keeps the times of `timing.schedule` and
sends to a `link`. The encoder is always software, whatever the machine has, so that tests get the same stream
everywhere.
"""

import time

import av
import msgspec

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing.overlay import overlay_of
from edge_streamer.sources.encoding.jpeg import jpeg_of_picture
from edge_streamer.sources.encoding.x264 import ENCODER_NAME, X264Encoder
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.testpattern.card import PatternCard
from edge_streamer.sources.timing.schedule import FrameSchedule, media_time_of
from edge_streamer.sources.timing.wall_clock import wall_ns_of


def run_test_pattern(link: Link, outputs: tuple[Output, ...]) -> None:
    """Feed all outputs until SourceStopped; SourceError when an output asks for what cannot be."""
    feeds = [_Feed(link, number, output) for number, output in enumerate(outputs)]
    start_ns = time.monotonic_ns()
    for feed in feeds:
        feed.begin_at(start_ns)
    while True:
        feed = min(feeds, key=lambda feed: feed.due_ns)
        commands = link.wait(feed.due_ns)
        for command in commands:
            feeds[command.output].obey(command)
        if not commands:
            feed.emit()


class _Feed:
    """One output: its picture, its encoder, its schedule and its own count of frames."""

    def __init__(self, link: Link, number: int, output: Output) -> None:
        if output.encoder == "hardware":
            raise SourceError(f"{output.name}: the test pattern has no hardware encoder (encoder: auto or software)")
        self._link = link
        self._number = number
        self._output = output
        self._card = PatternCard(output)
        self._overlay = overlay_of(output)
        self._encoder = X264Encoder(output)
        self._frames = 0
        self._is_key_frame_asked = False
        self._is_snapshot_asked = False
        self.begin_at(0)
        self._note(
            "ready",
            encoder=ENCODER_NAME,
            encoder_reason="the test pattern is always encoded in software",
            width=output.width,
            height=output.height,
            fps=output.fps,
            can_force_key_frame=True,
            can_set_bitrate=True,
            can_set_fps=True,
            never_reorders=True,
        )

    def begin_at(self, start_ns: int) -> None:
        """Make a frame due at `start_ns` of CLOCK_MONOTONIC, and the ones after it by the output's rate."""
        self._schedule = FrameSchedule(start_ns, self._output.frame_rate_hz)

    @property
    def due_ns(self) -> int:
        """When the next frame is due, CLOCK_MONOTONIC."""
        return self._schedule.due_ns

    def emit(self) -> None:
        """Draw, encode and hand over the frame that is due; its clock shows the instant for which it is made."""
        due_ns = self.due_ns
        wall_ns = wall_ns_of(due_ns)
        is_key_frame = self._is_key_frame_asked or self._link.wants_key_frame(self._number)
        self._is_key_frame_asked = False
        picture = self._draw(due_ns, wall_ns)
        data, is_idr = self._encoder.encode(picture, self._frames, is_key_frame=is_key_frame)
        frame = EncodedFrame(
            data, is_idr, media_time_of(due_ns), wall_ns, sent_ns=time.monotonic_ns(), captured_ns=due_ns
        )
        self._link.send_frame(self._number, frame)
        self._frames += 1
        if self._is_snapshot_asked:
            self._send_snapshot(picture)
        self._schedule.advance(time.monotonic_ns())

    def obey(self, command: SourceCommand) -> None:
        """Do what the server asks, or say why it cannot be done."""
        match command:
            case SourceCommand(command="force_key_frame"):
                self._is_key_frame_asked = True
            case SourceCommand(command="snapshot"):
                self._is_snapshot_asked = True  # after the next frame, which it does not make late
            case SourceCommand(command="set_bitrate", bitrate_bps=int(bitrate_bps)):
                self._change(command.command, bitrate_bps=bitrate_bps)
            case SourceCommand(command="set_fps", fps=float(fps)):
                self._change(command.command, fps=fps)
            case _:
                self._refuse(command.command, "unknown, or its value is missing")

    def _draw(self, due_ns: int, wall_ns: int) -> av.VideoFrame:
        picture = self._card.draw(self._frames, due_ns, wall_ns)
        if self._overlay is not None:
            luma = picture.planes[0]
            self._overlay.draw(memoryview(luma), luma.line_size, wall_ns)
        return picture

    def _change(self, command: str, **values: int | float) -> None:
        """Change to a new rate, or go on as before: the running encoder is closed once the new one has opened."""
        output = msgspec.structs.replace(self._output, **values)
        try:
            if "fps" in values:
                self._encoder.set_fps(output.fps)
            else:
                self._encoder.set_bitrate(output.bitrate_bps)
        except SourceError as error:
            self._refuse(command, str(error))
            return
        if output.fps != self._output.fps:
            self._keep_to_the_beat(output)
        self._output = output
        self._note("changed", **values)

    def _keep_to_the_beat(self, output: Output) -> None:
        """Make the next frame due one new interval after the last: no gap, and no burst of frames that are late."""
        last_ns = self.due_ns - _interval_ns(self._output)
        self._output = output
        self._card.show_format(output)
        self.begin_at(max(time.monotonic_ns(), last_ns + _interval_ns(output)))

    def _send_snapshot(self, picture: av.VideoFrame) -> None:
        self._is_snapshot_asked = False
        try:
            self._link.send_snapshot(self._number, jpeg_of_picture(picture))
        except SourceError as error:
            self._refuse("snapshot", str(error))

    def _refuse(self, command: str, reason: str) -> None:
        self._note("unsupported", command=command, reason=reason)

    def _note(self, event: str, **values: str | float | None) -> None:
        self._link.send_note(self._number, event=event, **values)


def _interval_ns(output: Output) -> int:
    return int(1_000_000_000 / output.frame_rate_hz)
