"""A file as a live stream: each access unit is sent when its own clock says, copied and not encoded.

Called by `__main__`. `clip` reads, `pacing` says when, `link` takes. A file cannot be asked for a key frame.
"""

import time
from typing import Final

from edge_streamer.media.frame import MAX_ACCESS_UNIT_BYTES, MAX_FPS, EncodedFrame
from edge_streamer.sources.clip import Clip, ClipFrame
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link
from edge_streamer.sources.pacing import ClipSchedule, instant_of
from edge_streamer.sources.request import FileOptions, Output

HEARTBEAT_NS: Final = 500_000_000
"""A file may stand still for seconds; who waits on purpose says so before anybody takes it for dead."""
LOWEST_FPS: Final = 0.001
"""The rate is an average that a file with strange time stamps may have anything for."""


def run_file(link: Link, output: Output, options: FileOptions) -> None:
    """Feed output 0 until the file ends (never, with `loop`) or SourceStopped; SourceError when it is no H.264."""
    clip = Clip(options.path, output.frame_rate_hz)
    link.send_note(
        0,
        event="ready",
        encoder="copy",
        width=clip.format.width,
        height=clip.format.height,
        fps=min(max(round(float(clip.format.rate_hz), 3), LOWEST_FPS), MAX_FPS),
        can_force_key_frame=False,
    )
    feed = _Feed(link, options.path)
    for frame in clip.frames(loop=options.loop):
        feed.send_when_due(frame)
    link.send_note(0, event="ended")


class _Feed:
    """Where the clip stands in the time of the machine, and the newest picture that was sent."""

    def __init__(self, link: Link, path: str) -> None:
        self._link = link
        self._path = path
        self._schedule: ClipSchedule | None = None
        self._newest = -(1 << 62)

    def send_when_due(self, frame: ClipFrame) -> None:
        """Wait for the frame's decode time and send it under its presentation time."""
        if len(frame.data) > MAX_ACCESS_UNIT_BYTES:
            raise SourceError(
                f"{self._path} has an access unit of {len(frame.data)} bytes (allowed: {MAX_ACCESS_UNIT_BYTES})"
            )
        now_ns = time.monotonic_ns()
        schedule = self._schedule = self._schedule or ClipSchedule(frame.decode_time, now_ns)
        self._wait(schedule.due_ns(frame.decode_time, now_ns))
        self._send(frame, schedule.origin + frame.presentation_time)

    def _wait(self, due_ns: int) -> None:
        beat_ns = time.monotonic_ns() + HEARTBEAT_NS
        while (commands := self._link.wait(min(due_ns, beat_ns))) or beat_ns < due_ns:
            for command in commands:
                self._link.send_note(0, event="unsupported", command=command.command)
            if not commands:
                self._link.send_note(0, event="waiting")
                beat_ns += HEARTBEAT_NS

    def _send(self, frame: ClipFrame, media_time: int) -> None:
        sent_ns = time.monotonic_ns()
        wall_ns = time.time_ns() - sent_ns + instant_of(media_time)
        is_reordered = media_time < self._newest
        self._newest = max(self._newest, media_time)
        self._link.send_frame(
            0, EncodedFrame(frame.data, frame.is_key_frame, media_time, wall_ns, sent_ns, is_reordered)
        )
