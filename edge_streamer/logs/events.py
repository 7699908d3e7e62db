"""The events of the log: one class an event, with the words it begins with, its level and its permanent message id.

    log_event(log, SessionEnded(reason="backlog", session="5E55...", ...))

makes one line, `session ended reason=backlog session=5E55...`, and in the journal the fields REASON, SESSION and so on
besides (`journal`). Called by `services`, `app`, `accounts` and `runtime`.

Nothing is logged per frame or per packet, and no event has a field for a credential. A new event needs a new message id
(`systemd-id128 new`), a place in `EVENTS`, an entry in `systemd/edge_streamer.catalog`
that says what to do, and a run of `make docs`. An id never changes and is never reused, since operators filter by it.
`fields` says what each field's name means.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_streamer.logs.fields import Event


def log_event(log: logging.Logger, event: Event, error: BaseException | None = None) -> None:
    """Log `event` at its level, attributed to the caller, with the traceback of `error`."""
    log.log(event.level, event, exc_info=error, stacklevel=2)


# --- the service


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStarted(Event):
    """The service listens, and its sources are being started."""

    words = "service started"
    message_id = "c8a87fa55b8740168cb5e9dc543652a8"
    version: str
    rtsp: tuple[str, ...]
    http: tuple[str, ...]
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStopping(Event):
    """The service was told to end and ends its sessions in order."""

    words = "service stopping"
    message_id = "14eba848d9d340b5b4b6ebca4f82c4c0"
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationReloaded(Event):
    """The changed configuration is in effect; the streams are those that changed."""

    words = "configuration reloaded"
    message_id = "8f741a8846d04f94824df8e89f3c7853"
    streams: tuple[str, ...]
    needs_restart: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadRefused(Event):
    """The configuration has a mistake, and nothing was changed."""

    words = "reload refused"
    message_id = "2be06fd172c24780b8e66d7f5902789a"
    level = logging.ERROR
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogWithheld(Event):
    """Nothing in the service would start these sources again: the watchdog message stops, and systemd restarts it."""

    words = "watchdog withheld"
    message_id = "999a529dd6f94d7d9762ac6c62622380"
    level = logging.ERROR
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFailed(Event):
    """A callback raised; the traceback stands with the event. The object it belonged to ends, the rest goes on."""

    words = "fault"
    message_id = "3ea1409bd85c47b5b25d0343f9ee9e5b"
    level = logging.ERROR
    handler: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingPaused(Event):
    """No descriptor was left for a connection."""

    words = "accepting paused"
    message_id = "98012c52b97041b6824dca2ec8a8c10f"
    level = logging.WARNING
    pause_s: float
    detail: str


# --- viewers


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """A viewer has set up a session."""

    words = "session opened"
    message_id = "6bb324459f52423ca96f9b6c944202b9"
    session: str
    peer: str
    stream: str
    transport: str
    client: str
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session is over, for exactly one reason."""

    words = "session ended"
    message_id = "b3e949f584f448a6ac92a57def381b95"
    reason: str
    session: str
    peer: str
    stream: str
    transport: str
    client: str
    user: str | None = None
    sent_bytes: int
    backlog_bytes: int
    backlog_age_s: float
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKicked(Event):
    """An operator ends a session; that it has ended follows. The user is the operator."""

    words = "session kicked"
    message_id = "88db0250c2064f69b6fff6a604bcbf84"
    session: str
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveViewBegan(Event):
    """A browser watches a stream on the page."""

    words = "live video began"
    message_id = "70bf6b3d71b4406ba0a6ded2c538ee37"
    peer: str
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveViewEnded(Event):
    """A browser has stopped watching."""

    words = "live video ended"
    message_id = "c5bd00a071eb410281ce260253a1908d"
    reason: str
    peer: str
    stream: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAwaitsKeyFrame(Event):
    """A viewer gets no picture before the next key frame: the frames since the last one exceed the start cache."""

    words = "session awaits key frame"
    message_id = "14c40f671d224a8a99cbf298dccba49d"
    level = logging.WARNING
    peer: str
    stream: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRefused(Event):
    """A transport that a viewer asked for cannot be opened."""

    words = "SETUP refused"
    message_id = "570770e198f1463cb88dc2567911b79d"
    level = logging.WARNING
    peer: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolViolated(Event):
    """A peer violated RTSP; at most one line a second for each address."""

    words = "protocol error"
    message_id = "f1bda2d452b546e9a00dc17edeebf0f3"
    peer: str
    kind: str
    detail: str
    withheld: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailed(Event):
    """A login failed: wrong name or password; at most one line a second for each address."""

    words = "login failed"
    message_id = "250d294c57cf45c1a4d456ba59af723d"
    level = logging.WARNING
    protocol: str
    peer: str
    user: str
    failures: int


# --- sources


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStarted(Event):
    """The process of a source was started; its first frame comes when the camera is ready."""

    words = "source started"
    message_id = "fb8479c66b504b188572d284e4b566f5"
    kind: str
    source_pid: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRestarted(Event):
    """The process of a source that had failed was started again."""

    words = "source restarted"
    message_id = "1a96cb43ad384f8eb4c2a879a096c685"
    kind: str
    source_pid: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUp(Event):
    """Frames arrive."""

    words = "source up"
    message_id = "41a98d49600f483882ea0d6df244067d"
    kind: str
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailed(Event):
    """A source has ended or was ended, and is started again after `retry_s`."""

    words = "source failed"
    message_id = "4ae51bd8c4df4e4796cf83893029dba9"
    level = logging.WARNING
    kind: str
    streams: tuple[str, ...]
    reason: str
    retry_s: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStalled(Event):
    """A source ran and delivered nothing: it was ended, and is started again after `retry_s`."""

    words = "source stalled"
    message_id = "bf211d21127347e88b1e2125754e0920"
    level = logging.WARNING
    kind: str
    streams: tuple[str, ...]
    reason: str
    retry_s: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamGivenUp(Event):
    """A stream had no picture for `give_up_after_s`: its sessions are ended. Its source is still started again."""

    words = "stream given up"
    message_id = "e464eb56b352448cb3229b630d37f629"
    level = logging.ERROR
    stream: str
    no_frame_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlateShown(Event):
    """A stream has no picture: its viewers get a still one that says so, of `size_bytes`, once a second."""

    words = "slate shown"
    message_id = "411cefb3666a4f238f6f1ac2fc4a0162"
    level = logging.WARNING
    stream: str
    size_bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlateEnded(Event):
    """The slate has ended: the picture has `returned`, no viewer is left (`off`), or the source is stopped (`stop`)."""

    words = "slate ended"
    message_id = "4d86d3c9d49d4efda371078cd1c62b41"
    stream: str
    reason: str
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlateFailed(Event):
    """No slate can be encoded for a stream without a picture: its viewers get nothing."""

    words = "slate failed"
    message_id = "c3f56eb478ab4af190dbce1450b65225"
    level = logging.WARNING
    stream: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTurnedOff(Event):
    """No client watches a source on demand any more: its process is ended."""

    words = "source turned off"
    message_id = "a81e1bfb7106415ca7d6a57c8166227f"
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEnded(Event):
    """The process of a source has ended as planned."""

    words = "source ended"
    message_id = "fe9444e7e196478390a81041bef62e2f"
    streams: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNoted(Event):
    """A source reports on itself: it is ready and with what encoder, what was changed, what it cannot do."""

    words = "source note"
    message_id = "eea59a68aedf4099a6576cda06e94037"
    stream: str
    note: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWarned(Event):
    """A running source warns of something that an operator should know."""

    words = "source warning"
    message_id = "63be3bd8745e47e89aa13aced44be0f1"
    level = logging.WARNING
    stream: str
    note: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComplained(Event):
    """A line that a source's process wrote to standard error; at most twenty a second."""

    words = "source complains"
    message_id = "096a01ddaf0a458082557b6d691a0263"
    level = logging.WARNING
    streams: tuple[str, ...]
    text: str


EVENTS: Final[tuple[type[Event], ...]] = (
    ServiceStarted,
    ServiceStopping,
    ConfigurationReloaded,
    ReloadRefused,
    WatchdogWithheld,
    HandlerFailed,
    AcceptingPaused,
    SessionOpened,
    SessionEnded,
    SessionKicked,
    LiveViewBegan,
    LiveViewEnded,
    SessionAwaitsKeyFrame,
    SetupRefused,
    ProtocolViolated,
    LoginFailed,
    SourceStarted,
    SourceRestarted,
    SourceUp,
    SourceFailed,
    SourceStalled,
    StreamGivenUp,
    SlateShown,
    SlateEnded,
    SlateFailed,
    SourceTurnedOff,
    SourceEnded,
    SourceNoted,
    SourceWarned,
    SourceComplained,
)
"""All events, in the order of docs/logs.md."""
