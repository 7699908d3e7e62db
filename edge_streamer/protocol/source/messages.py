"""The messages of a source process to the server (frames, notes and snapshots) and the server's commands to it.

Called by the source processes (`encode_*`) and by the server's supervisor (`SourceParser`). A socketpair carries
messages towards the server, each a 44-byte header and a body:

    magic "eF" | kind u8 | output u8 | flags u8 | 3 zero bytes | body length u32 |
    media_time i64 | wall_ns i64 | captured_ns i64 | sent_ns i64

and, in the direction of the source, one JSON object a line (`SourceCommand`). Little-endian: both ends are on one
machine. An invalid header raises `SourceFormatError`; the supervisor then ends that child process only.
"""

import json
import struct
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES, EncodedFrame
from edge_streamer.protocol.source.ranges import BITRATE_BPS, FPS

MAX_NOTE_BYTES: Final = 64 << 10
MAX_SNAPSHOT_BYTES: Final = 16 << 20
"""A 12-megapixel JPEG of the best quality is about 8 MiB."""
MAX_OUTPUTS: Final = 8
"""Most streams that one source may feed; a camera feeds two, `main` and `sub`."""
MIN_FPS: Final = 0.001
MAX_FPS: Final = 1000.0
"""Outside of this range the server cannot tell a silent source from a slow one."""
MAX_COUNT: Final = 2**31
"""No picture is wider and no gap longer: a larger number in a note is an error."""

_HEADER: Final = struct.Struct("<2sBBBxxxIqqqq")
_Header: TypeAlias = tuple[bytes, int, int, int, int, int, int, int, int]
_MAGIC: Final = b"eF"
_Fps = Annotated[float, msgspec.Meta(ge=MIN_FPS, le=MAX_FPS)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
_T = TypeVar("_T")
_KEY_FRAME: Final = 1
_REORDERED: Final = 2


_FRAME, _NOTE, _SNAPSHOT = 1, 2, 3  # kinds of messages
_MAX_BODY_BYTES: Final = {_FRAME: MAX_ACCESS_UNIT_BYTES, _NOTE: MAX_NOTE_BYTES, _SNAPSHOT: MAX_SNAPSHOT_BYTES}


class SourceFormatError(Exception):
    """The source process violated the protocol; the message says how and at which byte."""


class SourceFrame(msgspec.Struct, frozen=True, gc=False):
    """A frame of one of a source's outputs (0 = main, 1 = sub, in the order of the request)."""

    output: int
    frame: EncodedFrame


@dataclass(frozen=True, slots=True)
class SourceNote:
    """A source's report about itself; `event` is one of

    - `ready` (`SourceReady`): frames will come; `changed` (`SourceChanged`): a command took effect
    - `waiting`: the next frame is not due yet (a file with a long gap)
    - `dropped` (`SourceDropped`): the server did not read; `discarded` (`SourceDiscarded`): the camera's buffers were
      bad
    - `unsupported`: the source refuses `command`, with the `reason` in words
    - `warning`: `text`, for the log; `failed`: `reason` in words, the process ends; `ended`: the file is over
    """

    output: int
    values: dict[str, Any]

    def read_as(self, kind: type[_T]) -> _T:
        """Return the note's values as the struct of its event; SourceFormatError when they are out of range."""
        try:
            return msgspec.convert(self.values, kind)
        except msgspec.ValidationError as error:
            raise SourceFormatError(f"output {self.output} sent an invalid note: {error}") from None


class SourceReady(msgspec.Struct, frozen=True):
    """A note `ready`: the properties of the frames to come, 0 where unknown. `encoder_reason` says in words why this
    encoder was chosen; `camera` is the camera's model or the device's name; `never_reorders` says that its pictures are
    shown in the order in which they come."""

    encoder: Annotated[str, msgspec.Meta(max_length=64)] = ""
    encoder_reason: Annotated[str, msgspec.Meta(max_length=256)] = ""
    camera: Annotated[str, msgspec.Meta(max_length=128)] = ""
    width: _Count = 0
    height: _Count = 0
    fps: _Fps = 0.0
    can_force_key_frame: bool = False
    can_set_bitrate: bool = False
    can_set_fps: bool = False
    never_reorders: bool = False


class SourceChanged(msgspec.Struct, frozen=True):
    """A note `changed`: the bit rate or the frame rate that is in effect now; None where it is unchanged.

    The bit rate that an encoder settles on may lie outside the range of a request, and is then no violation.
    """

    bitrate_bps: Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNT)] | None = None
    fps: _Fps | None = None


class SourceDropped(msgspec.Struct, frozen=True):
    """A note `dropped`: the number of frames that were made and not sent."""

    frames: _Count = 0


DiscardReason = Literal["empty", "torn", "error"]


class SourceDiscarded(msgspec.Struct, frozen=True):
    """A note `discarded`: the number of camera buffers without a whole picture since the last such note."""

    reason: DiscardReason
    buffers: _Count = 1


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """The answer to the command `snapshot`: one JPEG file."""

    output: int
    jpeg: bytes


SourceMessage: TypeAlias = SourceFrame | SourceNote | SourceSnapshot


def encode_frame_header(output: int, frame: EncodedFrame) -> bytes:
    """Return the 44 bytes that precede `frame.data`; send both with one `sendmsg`, which does not copy the frame."""
    flags = (_KEY_FRAME if frame.is_key_frame else 0) | (_REORDERED if frame.reordered else 0)
    instants = (frame.media_time, frame.wall_ns, frame.captured_ns, frame.sent_ns)
    return _HEADER.pack(_MAGIC, _FRAME, output, flags, len(frame.data), *instants)


def encode_snapshot_header(output: int, jpeg: bytes) -> bytes:
    """Return the 44 bytes that precede the JPEG."""
    return _HEADER.pack(_MAGIC, _SNAPSHOT, output, 0, len(jpeg), 0, 0, 0, 0)


def encode_note(output: int, **values: Any) -> bytes:
    """Return a whole note message; `event` names what happened."""
    body = json.dumps(values, allow_nan=False).encode()
    return _HEADER.pack(_MAGIC, _NOTE, output, 0, len(body), 0, 0, 0, 0) + body


class SourceCommand(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command for a source: `force_key_frame`, `set_bitrate` (bitrate_bps), `set_fps` (fps), `snapshot`, `stop`.

    The source answers `set_bitrate` and `set_fps` by a note `changed` or `unsupported`, and `snapshot` by a
    `SourceSnapshot` or `unsupported`. The numbers have the ranges of a request.
    """

    command: str
    output: Annotated[int, msgspec.Meta(ge=0, lt=MAX_OUTPUTS)] = 0
    bitrate_bps: Annotated[int, BITRATE_BPS] | None = None
    fps: Annotated[float, FPS] | None = None

    def encode(self) -> bytes:
        """Return the command as one JSON line."""
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "SourceCommand":
        """Return the command in one line; ValueError when it is not a command."""
        try:
            return msgspec.json.decode(line, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"not a source command: {line[:64]!r}: {error}") from None


class SourceParser:
    """Bytes of one source process in, its frames, notes and snapshots out; buffers at most one incomplete message."""

    def __init__(self, outputs: int) -> None:
        self._outputs = outputs
        self._buffer = bytearray()
        self._consumed_bytes = 0

    def receive(self, data: bytes) -> list[SourceMessage]:
        """Return the messages that `data` completes; SourceFormatError, with the byte offset, for a violation of the
        protocol."""
        self._buffer += data
        buffer = self._buffer
        messages: list[SourceMessage] = []
        start = 0
        while len(buffer) - start >= _HEADER.size:
            header = _HEADER.unpack_from(buffer, start)
            body_start = start + _HEADER.size
            end = body_start + self._body_length(start, header)
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                body = bytes(view[body_start:end])
            messages.append(self._message(start, header, body))
            start = end
        if start:
            del buffer[:start]
            self._consumed_bytes += start
        return messages

    def _body_length(self, start: int, header: _Header) -> int:
        magic, kind, output, flags, length, *_instants = header
        limit = _MAX_BODY_BYTES.get(kind, -1)
        if magic != _MAGIC or limit < 0 or output >= self._outputs or flags > _KEY_FRAME | _REORDERED:
            raise self._error(start, "is no message header")
        if not 0 < length <= limit:
            raise self._error(start, f"announces a body of {length} bytes (allowed: 1 to {limit})")
        return length

    def _message(self, start: int, header: _Header, body: bytes) -> SourceMessage:
        _magic, kind, output, flags, _length, media_time, wall_ns, captured_ns, sent_ns = header
        if kind == _FRAME:
            is_key_frame, is_reordered = bool(flags & _KEY_FRAME), bool(flags & _REORDERED)
            return SourceFrame(
                output, EncodedFrame(body, is_key_frame, media_time, wall_ns, sent_ns, is_reordered, captured_ns)
            )
        if kind == _SNAPSHOT:
            return SourceSnapshot(output, body)
        return SourceNote(output, self._note_values(start, body))

    def _note_values(self, start: int, body: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(body, type=dict[str, Any])  # strict: `json` would take NaN for a number
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._error(start, "is a note that is not a JSON object") from None

    def _error(self, start: int, what: str) -> SourceFormatError:
        offset = self._consumed_bytes + start
        return SourceFormatError(f"source byte {offset} {what}: {self._buffer[start : start + _HEADER.size].hex()}")
