"""A browser that watches live video, as far as the server can tell: the handshake, then wsproto's client end.

It does no I/O: bytes in, bytes out, and everything heard, in order. Service tests turn a loop around it, interop tests
give it a real socket.
"""

import json
from typing import Any, Final

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from tests.support.browser.mp4_boxes import Box, parse


class Fragment:
    """A binary message that is no initialization segment."""

    def __init__(self, data: bytes) -> None:
        self.data: Final = data
        boxes = parse(data)
        moof = boxes.at("moof")
        (self.sequence,) = moof.at("mfhd").numbers("I")
        (self.decode_time,) = moof.at("traf/tfdt").numbers("Q")
        _count, _offset, self.duration, self.size_bytes, flags, self.composition = moof.at("traf/trun").numbers(
            "IiIIIi"
        )
        self.is_key_frame = not flags & 0x10000
        self.sample = boxes.at("mdat").body


class LiveBrowser:
    """See the module."""

    def __init__(self, host: str, name: str = "main", *, answers_pings: bool = True, **headers: str) -> None:
        self._websocket = WSConnection(ConnectionType.CLIENT)
        self._answers_pings = answers_pings
        self._part: bytes | str = b""
        target = f"/api/v1/streams/{name}/live"
        extra = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        self.output = self._websocket.send(Request(host=host, target=target, extra_headers=extra))
        self.status = 0
        self.close_code: int | None = None
        self.pings = 0
        self.messages: list[dict[str, Any] | Box | Fragment] = []  # said, introduced and shown, in order
        self.others: list[Event] = []
        self.file: bytes = b""  # what a recorder would have

    def receive(self, data: bytes) -> None:
        """Take what the server sent; what is to be answered goes to `output`."""
        self._websocket.receive_data(data)
        for event in self._websocket.events():
            self._take(event)

    def send(self, event: Event) -> None:
        """Say something."""
        self.output += self._websocket.send(event)

    def _take(self, event: Event) -> None:
        match event:
            case AcceptConnection():
                self.status = 101
            case RejectConnection():
                self.status = event.status_code
            case RejectData():
                pass
            case Ping():
                self.pings += 1
                if self._answers_pings:
                    self.send(event.response())
            case CloseConnection():
                self.close_code = event.code
                if self._websocket.state is ConnectionState.REMOTE_CLOSING:
                    self.send(event.response())
            case TextMessage() | BytesMessage():
                self._take_part(event)
            case _:
                self.others.append(event)

    def _take_part(self, event: TextMessage | BytesMessage) -> None:
        self._part = self._part + event.data if self._part else event.data
        if not event.message_finished:
            return
        whole, self._part = self._part, b""
        if isinstance(whole, str):
            self.messages.append(json.loads(whole))
            return
        self.file += whole
        is_fragment = whole[4:8] == b"moof"
        self.messages.append(Fragment(whole) if is_fragment else parse(whole))

    # --- what was heard

    @property
    def fragments(self) -> list[Fragment]:
        """All fragments so far."""
        return [message for message in self.messages if isinstance(message, Fragment)]

    def said(self, key: str) -> list[Any]:
        """Return what text messages have said under `key`, the first word of each."""
        texts = [message for message in self.messages if isinstance(message, dict)]
        return [text[key] for text in texts if next(iter(text)) == key]

    @property
    def order(self) -> str:
        """All messages but the reports of each second: (s)kipped, (m)ime, (i)nit, (w)aiting, (K)ey frame, (f)rame."""
        return "".join(map(_letter, self.messages)).replace("l", "")


def _letter(message: dict[str, Any] | Box | Fragment) -> str:
    match message:
        case Fragment():
            return "K" if message.is_key_frame else "f"
        case Box():
            return "i"
        case _:
            return next(iter(message))[0]
