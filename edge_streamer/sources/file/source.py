"""A file as a live stream: each access unit is copied, and sent at the time that its time stamp gives.

Called by `__main__`. `clip` reads the file, `timing.schedule` says when a frame is due, `link` sends it. A file
supports neither a key frame on request nor another rate; its snapshot is the start point that was sent last.
"""

import time
from collections.abc import Iterator
from typing import Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.protocol.source.messages import MAX_FPS, MIN_FPS
from edge_streamer.protocol.source.request import FileOptions
from edge_streamer.sources.encoding.jpeg import jpeg_of_key_frame
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.file.clip import Clip, ClipFrame, read_ahead
from edge_streamer.sources.file.findings import Findings
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
    clip_format = clip.format
    remarks = list(_remarks(clip, options))
    link.send_note(
        0,
        event="ready",
        encoder="copy",
        encoder_reason="; ".join(["the H.264 of the file is sent as it is", *remarks]),
        width=clip_format.width,
        height=clip_format.height,
        fps=min(max(round(float(clip_format.rate_hz), 3), MIN_FPS), MAX_FPS),  # an average: any number
        can_force_key_frame=False,
        can_set_bitrate=False,
        can_set_fps=False,
    )
    for remark in remarks:
        link.send_note(0, event="warning", text=f"{options.path}: {remark}")
    feed = _Feed(link, clip.findings)
    for frame in read_ahead(clip.frames(loop=options.loop), FRAMES_AHEAD):
        feed.send_when_due(frame)
    feed.report()
    link.send_note(0, event="ended")


def _remarks(clip: Clip, options: FileOptions) -> Iterator[str]:
    """Yield what an operator should know of the file before it plays."""
    clip_format = clip.format
    if clip_format.is_raw and not clip_format.states_rate:
        why = "as fps says" if options.fps is not None else "which fps can change"
        yield f"the file states no rate: it is played at {float(clip_format.rate_hz):g} frames a second, {why}"
    elif options.fps is not None:
        yield f"fps is not used: the file states its own times, {float(clip_format.rate_hz):g} frames a second"
    if clip_format.rotation_degrees:
        degrees = clip_format.rotation_degrees
        yield f"the picture is to be turned by {degrees} degrees, which RTSP cannot say: it is shown as it was coded"


class _Feed:
    """Sends the clip's frames when they are due; it keeps the newest media time and key frame that were sent."""

    def __init__(self, link: Link, findings: Findings) -> None:
        self._link = link
        self._findings = findings
        self._schedule: ClipSchedule | None = None
        self._newest = -(1 << 62)
        self._key_frame = b""
        self._is_snapshot_asked = False

    def send_when_due(self, frame: ClipFrame) -> None:
        """Wait for the frame's decode time and send it with its presentation time."""
        self.report()
        now_ns = time.monotonic_ns()
        schedule = self._schedule = self._schedule or ClipSchedule(frame.decode_time, now_ns)
        self._wait(schedule.due_ns(frame.decode_time, now_ns))
        self._send(frame, schedule.origin + frame.presentation_time)

    def report(self) -> None:
        """Tell the server what was found wrong in the file since the last report."""
        findings = self._findings
        if findings.discarded:
            for reason, units in findings.discarded.items():
                self._link.send_note(0, event="discarded", reason=reason, buffers=units)
            findings.discarded.clear()
        if findings.warnings:
            for text in findings.warnings:
                self._link.send_note(0, event="warning", text=text)
            findings.warnings.clear()

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
            self._key_frame = frame.data  # with the parameter sets in force: `access_units` has put them there
            self._answer_snapshot()

    def _answer_snapshot(self) -> None:
        if not self._is_snapshot_asked or not self._key_frame:
            return
        self._is_snapshot_asked = False
        try:
            self._link.send_snapshot(0, jpeg_of_key_frame(self._key_frame))
        except SourceError as error:
            self._refuse("snapshot", str(error))
