"""One browser that watches one stream: a `Viewer` of the stream, and the owner of the connection after the upgrade.

It is made by `services.live.routes`, which also calls `look` a few times a second. Its rules:

- When a fragment has waited for more than `BEHIND_S`, all waiting fragments are dropped, and so are all later ones up
  to a key frame that finds the queue empty: a browser that is behind skips, and is never late for long.
- A browser that reads nothing counts as dead after `dead_after_s`, as any other viewer (`runtime.tcp`); a browser that
  answers no ping counts as dead, too (`protocol.http.websocket`).
"""

import json
import logging
from collections.abc import Callable
from typing import Final

from edge_streamer.logs.events import LiveViewBegan, LiveViewEnded, log_event
from edge_streamer.media.catch_up import room_of_queue
from edge_streamer.protocol.http.websocket import WebSocketClosingKind, WebSocketProtocol, text_message
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.services.live.stream import LiveStream

log = logging.getLogger(__name__)

BEHIND_S: Final = 1.0
SEND_BUFFER_S: Final = 0.5
"""Seconds of the stream that the kernel may hold besides: a skip cannot drop what is in its buffer."""
SMALLEST_SEND_BUFFER_BYTES: Final = 16 << 10


class LiveViewer:
    """A browser and its WebSocket. `on_left` is called once, when the connection has closed."""

    batch_kind = None  # each browser skips different frames

    def __init__(
        self, loop: Loop, live: LiveStream, connection: TcpConnection, on_left: Callable[["LiveViewer"], None]
    ) -> None:
        self.live = live
        self._loop = loop
        self._connection = connection
        self._on_left = on_left
        self._protocol = WebSocketProtocol(loop.now())
        self._began_at = loop.now()
        self._introduction: bytes | None = None  # the last one sent; None: another is due, with a key frame
        self._skipped_frames = 0  # since the last introduction
        connection.queue.add_limit(live.stream.write_budget_bytes)
        connection.on_overflow = self._on_overflow
        size_bytes = round(SEND_BUFFER_S * live.stream.write_budget.bytes_per_second)
        connection.set_send_buffer(max(SMALLEST_SEND_BUFFER_BYTES, size_bytes))
        log_event(log, LiveViewBegan(peer=connection.peer_host, stream=live.stream.name))

    def watch(self) -> None:
        """Join the stream, unless the browser has left or was dismissed; an on-demand source is started for it."""
        if self._connection.is_open and self._protocol.is_open:
            stream = self.live.stream
            stream.on_wanted()
            stream.join(self, self._loop.now())

    # --- the stream's calls

    def start(self, first: PacketizedFrame) -> None:
        """Called before the first frame. Does nothing: `deliver` waits for a key frame, as it does after every gap."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send the frame's fragment, or skip it."""
        fragment = self.live.fragment(frame)  # also for a frame that is skipped: its decode time is the live edge
        if self._introduction is not None and self._connection.queue.oldest_age_s(self._loop.now()) > BEHIND_S:
            self._fall_behind()  # not repeated: until the next introduction, only `look` watches what is still unsent
        if frame.is_key_frame and self._may_begin():
            self._send_key_frame(frame, fragment)
        elif self._introduction is not None and not self.live.is_after_gap(frame):
            self._connection.send_frame(fragment)
        else:  # after a gap, a browser would drop the fragments and keep showing the old picture
            self._begin_anew()
            self._skip()

    @property
    def room_bytes(self) -> int:
        """What a late browser is handed now."""
        return room_of_queue(self._connection.queue.waiting_bytes, self.live.stream.write_budget_bytes())

    def skip(self, frames: int) -> bool:
        """Go on at the start point, nearer to the live edge."""
        self._skipped_frames += frames
        self._begin_anew()
        return True

    def on_fault(self, error: Exception) -> None:
        """Report the fault, which ends the connection: one of the stream's calls raised."""
        self._loop.report_fault(error, self._connection)

    def _may_begin(self) -> bool:
        return self._introduction is not None or self._connection.queue.waiting_bytes == 0

    def _send_key_frame(self, frame: PacketizedFrame, fragment: bytes) -> None:
        introduction = self.live.introduction(frame)
        if introduction is None:
            self._begin_anew()
            self._skip()
        elif introduction is self._introduction:
            self._connection.send_frame(fragment)
        else:
            self._introduction = introduction
            self._connection.send_frame(self._skipped_message() + introduction + fragment)

    def _skipped_message(self) -> bytes:
        skipped, self._skipped_frames = self._skipped_frames, 0
        return text_message(json.dumps({"skipped": skipped})) if skipped else b""

    def _skip(self) -> None:
        self._skipped_frames += 1
        if self._connection.queue.waiting_bytes == 0:
            self.live.stream.key_frame_requests.request(self._loop.now())

    def _fall_behind(self) -> int:
        dropped = self._connection.drop_frames()
        self._skipped_frames += dropped
        self._begin_anew()
        return dropped

    def _begin_anew(self) -> None:
        self._introduction = None

    def _on_overflow(self) -> None:
        if not self._fall_behind():
            self._connection.close(CloseReason.BACKLOG)  # only a partly sent fragment or replies wait: it hardly reads

    # --- text messages beside the picture

    def report(self, message: bytes) -> None:
        """Send a text message that is the same for all browsers, if this one has a picture."""
        if self._introduction is not None and self._protocol.is_open:
            self._connection.send(message)

    def wait(self, message: bytes) -> None:
        """Send a text message that says why there is no picture; the next picture needs an introduction."""
        if self._protocol.is_open:
            self._begin_anew()
            self._connection.send(message)

    # --- the connection's calls

    def on_data(self, data: bytes) -> None:
        """Take bytes from the browser: control frames only; a message ends the connection."""
        self._protocol.receive(data, self._loop.now())
        self._flush()

    def on_sent_all(self) -> None:
        """Called when the queue is empty. Does nothing: `deliver` looks at the queue itself."""

    def on_closed(self, reason: CloseReason) -> None:
        """Leave the stream and log the end."""
        self.live.stream.leave(self)
        self._on_left(self)
        ended = self._protocol.closing_kind or reason
        peer, stream, duration_s = self._connection.peer_host, self.live.stream.name, self._loop.now() - self._began_at
        log_event(log, LiveViewEnded(reason=ended, peer=peer, stream=stream, duration_s=duration_s))

    # --- deadlines and the end

    def look(self) -> None:
        """Send pings, check deadlines and whether the browser is dead; call it a few times a second."""
        self._loop.guard(self._look, self._connection)

    def _look(self) -> None:
        now = self._loop.now()
        self._protocol.tick(now)
        self._flush()
        self._connection.look_for_death(now, is_sending=self._introduction is not None)

    def close(self, reason: CloseReason) -> None:
        """Start the closing handshake and close the connection in the next turn: the service ends."""
        self.dismiss()
        self._connection.close(reason)

    def dismiss(self) -> None:
        """Start the closing handshake; close when the browser has answered it or `CLOSE_WITHIN_S` have passed."""
        self.live.stream.leave(self)
        self._connection.drop_frames()
        self._protocol.close(self._loop.now())
        self._flush()

    def _flush(self) -> None:
        closing = self._protocol.closing
        if closing:
            self.live.stream.leave(self)  # no message may follow a close (RFC 6455 section 5.5.1)
            self._connection.drop_frames()
        self._connection.send(self._protocol.data_to_send())
        if self._protocol.closing_kind is WebSocketClosingKind.SILENT:
            self._connection.close(CloseReason.STALLED)
        elif closing:
            self._connection.close_when_sent(CloseReason.LOCAL)
