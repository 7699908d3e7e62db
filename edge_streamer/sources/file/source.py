"""A file as a live stream: each access unit is copied, and sent at the time that its time stamp gives.

Called by `__main__`. `clip` reads the file, `timing.schedule` says when a frame is due, `link` sends it. A file
supports neither a key frame on request nor another rate; its snapshot is the key frame that was sent last.
"""

import time
from typing import Final

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES, EncodedFrame
from edge_streamer.codec.h264.nal import SLICES, TYPE_MASK, NalType, nal_headers
from edge_streamer.protocol.source.messages import MAX_FPS, MIN_FPS
from edge_streamer.protocol.source.request import FileOptions
from edge_streamer.sources.encoding.jpeg import jpeg_of_key_frame
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.file.clip import Clip, ClipFrame, read_ahead
from edge_streamer.sources.link import Link
from edge_streamer.sources.timing.schedule import ClipSchedule, instant_of
from edge_streamer.sources.timing.wall_clock import wall_ns_of

FRAMES_AHEAD: Final = 8
"""Access units that are read at once, a quarter of a second; twice as many were not cheaper."""
HEARTBEAT_NS: Final = 500_000_000
"""Interval of `waiting` notes: a file may have gaps of seconds, and the supervisor would take a silent source for dead.
"""

_REASONS: Final = {
    "force_key_frame": "a file's key frames are where they are",
    "set_bitrate": "a file is copied, not encoded",
    "set_fps": "a file has its own time stamps",
}


def run_file(link: Link, options: FileOptions) -> None:
    """Feed output 0 until the file ends (never, with `loop`) or SourceStopped; SourceError when it is no H.264."""
    clip = Clip(options.path, options.raw_rate_hz)
    link.send_note(
        0,
        event="ready",
        encoder="copy",
        encoder_reason="the H.264 of the file is sent as it is",
        width=clip.format.width,
        height=clip.format.height,
        fps=min(max(round(float(clip.format.rate_hz), 3), MIN_FPS), MAX_FPS),  # an average: any number
        can_force_key_frame=False,
        can_set_bitrate=False,
        can_set_fps=False,
    )
    feed = _Feed(link, options.path)
    for frame in read_ahead(clip.frames(loop=options.loop), FRAMES_AHEAD):
        feed.send_when_due(frame)
    link.send_note(0, event="ended")


class _Feed:
    """Sends the clip's frames when they are due; it keeps the newest media time and key frame that were sent."""

    def __init__(self, link: Link, path: str) -> None:
        self._link = link
        self._path = path
        self._schedule: ClipSchedule | None = None
        self._newest = -(1 << 62)
        self._key_frame = b""
        self._parameter_sets = b""
        self._is_snapshot_asked = False

    def send_when_due(self, frame: ClipFrame) -> None:
        """Wait for the frame's decode time and send it with its presentation time."""
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
                self._obey(command.command)
            if not commands:
                self._link.send_note(0, event="waiting")
                beat_ns += HEARTBEAT_NS

    def _obey(self, command: str) -> None:
        if command == "snapshot":
            self._is_snapshot_asked = True
            self._answer_snapshot()
        else:
            self._refuse(command, _REASONS.get(command, "unknown"))

    def _refuse(self, command: str, reason: str) -> None:
        self._link.send_note(0, event="unsupported", command=command, reason=reason)

    def _send(self, frame: ClipFrame, media_time: int) -> None:
        sent_ns = time.monotonic_ns()
        wall_ns = wall_ns_of(instant_of(media_time))
        is_reordered = media_time < self._newest
        self._newest = max(self._newest, media_time)
        self._link.send_frame(
            0, EncodedFrame(frame.data, frame.is_key_frame, media_time, wall_ns, sent_ns, is_reordered)
        )
        if frame.is_key_frame:
            self._remember(frame.data)
            self._answer_snapshot()

    def _remember(self, key_frame: bytes) -> None:
        """Keep the key frame and its parameter sets for a snapshot; raw files may have the sets at their beginning
        only."""
        self._key_frame = key_frame
        has_sps = False
        for start_code, header in nal_headers(key_frame):
            kind = header & TYPE_MASK
            if kind in SLICES:
                if has_sps:
                    self._parameter_sets = key_frame[:start_code]
                return
            has_sps = has_sps or kind == NalType.SPS

    def _answer_snapshot(self) -> None:
        if not self._is_snapshot_asked or not self._key_frame:
            return
        self._is_snapshot_asked = False
        try:
            self._link.send_snapshot(0, jpeg_of_key_frame(self._parameter_sets + self._key_frame))
        except SourceError as error:
            self._refuse("snapshot", str(error))
