"""The test pattern: one moving picture in any number of sizes and rates, encoded as a camera would.

Called by `__main__`. Draws with `picture`, encodes with `x264`, is due by `pacing`, hands over to a `link`.
"""

import time

from edge_streamer.media.frame import EncodedFrame, SourceCommand
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.pacing import FrameSchedule, media_time_of
from edge_streamer.sources.picture import PatternCard
from edge_streamer.sources.request import Output
from edge_streamer.sources.x264 import ENCODER_NAME, X264Encoder


def run_test_pattern(link: Link, outputs: tuple[Output, ...]) -> None:
    """Feed all outputs until SourceStopped; SourceError when the encoder does not open."""
    feeds = [_Feed(link, number, output) for number, output in enumerate(outputs)]
    start_ns = time.monotonic_ns()
    schedules = [FrameSchedule(start_ns, output.frame_rate_hz) for output in outputs]
    while True:
        schedule, feed = min(zip(schedules, feeds, strict=True), key=lambda pair: pair[0].due_ns)
        commands = link.wait(schedule.due_ns)
        for command in commands:
            feeds[command.output].obey(command)
        if not commands:
            feed.emit(schedule.due_ns)
            schedule.advance(time.monotonic_ns())


class _Feed:
    """One output: its picture, its encoder and its own count of frames."""

    def __init__(self, link: Link, number: int, output: Output) -> None:
        self._link = link
        self._number = number
        self._card = PatternCard(output)
        self._encoder = X264Encoder(output)
        self._frames = 0
        self._is_key_frame_asked = False
        link.send_note(
            number,
            event="ready",
            encoder=ENCODER_NAME,
            width=output.width,
            height=output.height,
            fps=output.fps,
            can_force_key_frame=True,
        )

    def emit(self, due_ns: int) -> None:
        """Draw, encode and hand over the frame of the instant `due_ns`, which its clock shows."""
        wall_ns = time.time_ns() - time.monotonic_ns() + due_ns
        is_key_frame = self._is_key_frame_asked or self._link.wants_key_frame(self._number)
        self._is_key_frame_asked = False
        picture = self._card.draw(self._frames, due_ns, wall_ns)
        data, is_idr = self._encoder.encode(picture, self._frames, is_key_frame=is_key_frame)
        sent_ns = time.monotonic_ns()
        self._link.send_frame(self._number, EncodedFrame(data, is_idr, media_time_of(due_ns), wall_ns, sent_ns))
        self._frames += 1

    def obey(self, command: SourceCommand) -> None:
        """Do what the server asks, or say that it cannot be done."""
        match command.command, command.bitrate_bps:
            case "force_key_frame", _:
                self._is_key_frame_asked = True
            case "set_bitrate", int(bitrate_bps):
                self._set_bitrate(bitrate_bps)
            case name, _:
                self._link.send_note(self._number, event="unsupported", command=name)

    def _set_bitrate(self, bitrate_bps: int) -> None:
        try:
            self._encoder.set_bitrate(bitrate_bps)
        except SourceError:  # the encoder that runs goes on
            self._link.send_note(self._number, event="unsupported", command="set_bitrate")
