"""Live pictures for browsers: `/api/v1/streams/<name>/live`, a WebSocket that carries fragmented MP4.

What a browser gets, in this order, and again from the start when it has fallen behind, when the picture's format has
changed, when the source was away, and after a gap that browsers do not pass (`protocol.mp4.fragments.MIN_DURATION_S`):

- text `{"skipped": N}`: so many frames were lost before what follows, if any were
- text `{"mime": "video/mp4; codecs=...", "width": W, "height": H}`, then binary: the initialization segment
- binary, one a frame: a fragment, first that of a key frame; decode times follow the stream's clock

Between these, each second: text `{"live_s": T, "wall_s": U}`, the decode time in seconds of the newest frame that there
is, whether or not this browser was sent it, and the UTC time of sending; while the source gives no picture, text
`{"waiting": "reason"}` instead. These overtake fragments that wait. The browser sends nothing. A stream that has been
replaced closes with 1001: who asks again gets its successor. So does every one when users have changed: who asks again
has to be one of them.

A browser is one of the stream's viewers (`media.stream.Viewer`) like any other: it starts at a key frame, and it is
demand for a source that runs on demand. `stream` makes the messages, once for all; `viewer` is one browser.
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
"""After so long without a frame the status is asked whether the source is up."""

_ANSWERS: Final = {HTTPStatus.SWITCHING_PROTOCOLS: Answer("The WebSocket is open.")}
_PROBLEMS: Final = {
    HTTPStatus.BAD_REQUEST: "It is no WebSocket's handshake.",
    HTTPStatus.FORBIDDEN: "A page of another site asked for it.",
    HTTPStatus.NOT_FOUND: "There is no stream of this name.",
    HTTPStatus.UPGRADE_REQUIRED: "This is for WebSockets only.",
}


class LiveRoutes:
    """The live pictures of the registry's streams, and all browsers that watch one."""

    def __init__(self, loop: Loop, streams: StreamRegistry, take_status: TakeStatus) -> None:
        operation = Operation("watchStream", "Live pictures, over a WebSocket.", self._answer, _ANSWERS, _PROBLEMS)
        self.routes: Final = (Route("/api/v1/streams/{name}/live", {"GET": operation}, STREAM_NAME),)
        self._loop = loop
        self._streams = streams
        self._take_status = take_status
        self._live: dict[Stream, LiveStream] = {}
        self._viewers: dict[LiveViewer, None] = {}  # in the order in which they came
        self._timer: Timer | None = None
        self._report_at = 0.0

    def viewers(self) -> int:
        """Return how many browsers watch, or wait for a picture."""
        return len(self._viewers)

    def close(self) -> None:
        """Send all browsers away: who may still watch asks again."""
        for viewer in tuple(self._viewers):
            viewer.dismiss()

    def find(self, path: str) -> Resource | None:
        """Return the resource of a stream that there is now; None when there is nothing at `path`."""
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
        self._loop.post(viewer.watch, connection)  # when the connection is the viewer's to end
        return viewer

    def _forget(self, viewer: LiveViewer) -> None:
        del self._viewers[viewer]
        if all(other.live is not viewer.live for other in self._viewers):
            del self._live[viewer.live.stream]

    # --- the clock that all share, while there is anybody

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_INTERVAL_S, self._look) if self._viewers else None
        for viewer in tuple(self._viewers):
            viewer.look()
        if self._loop.now() >= self._report_at:
            self._report_at += REPORT_INTERVAL_S
            for stream, live in tuple(self._live.items()):
                self._report(stream, live)

    def _report(self, stream: Stream, live: LiveStream) -> None:
        """Tell all browsers of a stream how it is."""
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
        """Return why the stream's source gives no picture; empty when it does."""
        if self._loop.now() - stream.last_frame_at <= SILENT_AFTER_S:
            return ""
        statuses = (status for status in self._take_status().streams if status.name == stream.name)
        return next((status.reason or "no picture yet" for status in statuses if not status.is_up), "")
