"""Live pictures for browsers: `/api/v1/streams/<name>/live`, a WebSocket that carries fragmented MP4.

A browser gets these messages in this order. The sequence begins again when the browser has fallen behind, when the
picture's format has changed, when the source was down, and after a gap that browsers do not pass
(`protocol.mp4.fragments.MIN_DURATION_S`):

- text `{"skipped": N}`, if frames were lost: how many were lost before the next one
- text `{"mime": "video/mp4; codecs=...", "width": W, "height": H}`, then binary: the initialization segment
- binary, one for each frame: a fragment, first that of a key frame; decode times follow the stream's clock

Between these, each second: text `{"live_s": T, "wall_s": U}`, the decode time in seconds of the newest frame of the
stream, whether or not this browser was sent it, and the UTC time of sending; while the source gives no picture, text
`{"waiting": "reason"}` instead. These overtake waiting fragments. The browser sends no message. When the stream is
replaced, the server closes with 1001, and a browser that connects again gets the successor. When the users change, it
closes every connection with 1001, and a browser that connects again is checked against the new users.

A browser is a viewer of the stream (`media.viewer.Viewer`) like any other: it starts at a key frame, and an on-demand
source runs while it watches. `stream` makes the messages, once for all browsers; `viewer` is one browser.
"""

import json
import time
from functools import partial
from http import HTTPStatus
from typing import Final

from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.protocol.http.websocket import UpgradeRefused, answer_upgrade, text_message
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.services.api.streams import STREAM_NAME
from edge_streamer.services.http.answers import HttpAnswer, SwitchAnswer, refuse
from edge_streamer.services.http.routes import Answer, Operation, Resource, Route, resource_among
from edge_streamer.services.live.stream import LiveStream
from edge_streamer.services.live.viewer import LiveViewer
from edge_streamer.services.status import TakeStatus

LOOK_INTERVAL_S: Final = 0.25
REPORT_INTERVAL_S: Final = 1.0
SILENT_AFTER_S: Final = 1.0
"""After this time without a frame, the service's status is asked whether the source is up."""

_ANSWERS: Final = {HTTPStatus.SWITCHING_PROTOCOLS: Answer("The WebSocket is open.")}
_PROBLEMS: Final = {
    HTTPStatus.BAD_REQUEST: "The request is not a valid WebSocket handshake.",
    HTTPStatus.FORBIDDEN: "A page of another site sent the request.",
    HTTPStatus.NOT_FOUND: "There is no stream of this name.",
    HTTPStatus.UPGRADE_REQUIRED: "Only a WebSocket can be opened here.",
}


class LiveRoutes:
    """The live pictures of the registry's streams, and all browsers that watch."""

    def __init__(self, loop: Loop, streams: StreamRegistry, take_status: TakeStatus) -> None:
        operation = Operation("watchStream", "Live pictures, over a WebSocket.", self._answer, _ANSWERS, _PROBLEMS)
        self.routes: Final = (Route("/api/v1/streams/{name}/live", {"GET": operation}, STREAM_NAME),)
        self._loop = loop
        self._streams = streams
        self._take_status = take_status
        self._live: dict[Stream, LiveStream] = {}
        self._viewers: dict[LiveViewer, None] = {}  # in the order of their connecting
        self._timer: Timer | None = None
        self._report_at = 0.0

    def viewers(self) -> int:
        """Return how many browsers watch, or wait for a picture."""
        return len(self._viewers)

    def close(self) -> None:
        """Close the connections of all browsers; a page connects again if its user may still watch."""
        for viewer in tuple(self._viewers):
            viewer.dismiss()

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none. The stream is looked up when a request comes."""
        return resource_among(self.routes, path)

    def _answer(self, name: str, request: HttpRequest) -> HttpAnswer:
        stream = self._streams.get(name)
        if stream is None:
            return refuse(HTTPStatus.NOT_FOUND, _PROBLEMS[HTTPStatus.NOT_FOUND])
        answer = answer_upgrade(request)
        if isinstance(answer, UpgradeRefused):
            return refuse(answer.status, answer.detail, *answer.headers)
        return SwitchAnswer(answer.headers, partial(self._begin, stream))

    # --- browsers come and go

    def _begin(self, stream: Stream, connection: TcpConnection) -> LiveViewer:
        live = self._live.setdefault(stream, LiveStream(stream))
        viewer = LiveViewer(self._loop, live, connection, self._forget)
        self._viewers[viewer] = None
        if self._timer is None:
            self._report_at = self._loop.now() + REPORT_INTERVAL_S
            self._look()
        self._loop.post(viewer.watch, connection)  # posted: only then a fault in it ends the viewer
        return viewer

    def _forget(self, viewer: LiveViewer) -> None:
        del self._viewers[viewer]
        if all(other.live is not viewer.live for other in self._viewers):
            del self._live[viewer.live.stream]

    # --- the timer of all browsers, while there are any

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_INTERVAL_S, self._look) if self._viewers else None
        for viewer in tuple(self._viewers):
            viewer.look()
        if self._loop.now() >= self._report_at:
            self._report_at += REPORT_INTERVAL_S
            for stream, live in tuple(self._live.items()):
                self._report(stream, live)

    def _report(self, stream: Stream, live: LiveStream) -> None:
        """Send the state of a stream to all its browsers."""
        viewers = [viewer for viewer in self._viewers if viewer.live is live]
        reason = self._reason_for_silence(stream)
        if self._streams.get(stream.name) is not stream:
            for viewer in viewers:
                viewer.dismiss()
        elif reason:
            for viewer in viewers:
                viewer.wait(text_message(json.dumps({"waiting": reason})))
        else:
            now = text_message(json.dumps({"live_s": live.live_s, "wall_s": time.time()}))
            for viewer in viewers:
                viewer.report(now)

    def _reason_for_silence(self, stream: Stream) -> str:
        """Return why the stream gives no picture; empty when it gives one, or a slate, which says so itself."""
        if stream.track.is_slate_shown or self._loop.now() - stream.last_frame_at <= SILENT_AFTER_S:
            return ""
        statuses = (status for status in self._take_status().streams if status.name == stream.name)
        return next((status.reason or "no picture yet" for status in statuses if not status.is_up), "")
