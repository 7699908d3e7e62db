"""The timer of viewers that start with cached frames: while a stream has late viewers, it is called every few ms.

A stream has no timer of its own (`media.audience` says what a late viewer is). Made by `app.running_sources`.
"""

from functools import partial
from typing import Final

from edge_streamer.media.stream import Stream
from edge_streamer.runtime.loop import Loop, Timer

INTERVAL_S: Final = 0.01
"""Short against a frame interval, so that paced datagrams leave in bursts of a few packets."""


class LateViewers:
    """Serves the late viewers of streams; without any, no timer runs."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._streams: dict[Stream, None] = {}
        self._timer: Timer | None = None

    def serve(self, stream: Stream) -> None:
        """Serve the late viewers of `stream` from now on."""
        stream.audience.on_late = partial(self._note, stream)

    def _note(self, stream: Stream) -> None:
        self._streams[stream] = None
        if self._timer is None:
            self._timer = self._loop.call_later(INTERVAL_S, self._hand_out)

    def _hand_out(self) -> None:
        now = self._loop.now()
        for stream in tuple(self._streams):
            if not stream.audience.catch_up(now):
                del self._streams[stream]
        self._timer = self._loop.call_later(INTERVAL_S, self._hand_out) if self._streams else None
