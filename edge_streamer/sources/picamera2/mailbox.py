"""Events from the camera's threads to the source's main thread, and the descriptor that wakes it.

picamera2 calls an output in its event loop or in its encoder's thread; a call that blocks or raises there stops every
stream silently. So such a call only appends a value here: it takes no lock, waits at no limit and raises no exception.
An eventfd wakes the main thread, which sleeps in `Link.wait`. Written by `lane`, `snapshot` and `health`; read by
`session`.
"""

import os
from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from edge_streamer.sources.picamera2.clock import CaptureInstant

MAX_WAITING_FRAMES: Final = 64
"""A second of both streams of a 30 fps camera; the main thread takes them at once unless the machine stands still."""


@dataclass(frozen=True, slots=True)
class FrameEncoded:
    """An access unit in Annex B form; `encoded_ns` is CLOCK_MONOTONIC when the encoder handed it over."""

    output: int
    data: bytes
    is_key_frame: bool
    instant: CaptureInstant
    encoded_ns: int


@dataclass(frozen=True, slots=True)
class SnapshotEnded:
    """The answer to snapshot number `serial` of `output`: a JPEG, or the reason why there is none."""

    output: int
    serial: int
    jpeg: bytes = b""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ThreadDied:
    """A thread of picamera2's (or ours) ended with an exception: nothing more will come."""

    reason: str


CameraEvent: TypeAlias = FrameEncoded | SnapshotEnded | ThreadDied


class Mailbox:
    """Events in the order in which they were posted, from any thread to the one that takes them."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._events: deque[CameraEvent] = deque()  # append and popleft are atomic

    @property
    def is_full(self) -> bool:
        """Whether the mailbox holds as many frames as it may."""
        return len(self._events) >= MAX_WAITING_FRAMES

    def post(self, event: CameraEvent) -> None:
        """Put an event in and wake the reader; never blocks and never fails."""
        self._events.append(event)
        os.eventfd_write(self.fd, 1)

    def take(self) -> list[CameraEvent]:
        """Return what came since the last call."""
        try:
            os.eventfd_read(self.fd)  # before the events: what is posted from here on wakes again
        except BlockingIOError:
            return []
        return [self._events.popleft() for _ in range(len(self._events))]

    def close(self) -> None:
        """Give the descriptor back; nothing may be posted any more."""
        os.close(self.fd)
