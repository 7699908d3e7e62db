"""Events of one RTSP connection for its service: four questions, and reports of what has happened.

`FirstPacket` is the answer to `PlayRequested`.

The service must answer a question (`answer_...` of `RtspServerProtocol`) before the connection goes on.
"""

from dataclasses import dataclass

from edge_streamer.protocol.rtsp.faults import ProtocolErrorKind
from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer
from edge_streamer.protocol.rtsp.message import Headers
from edge_streamer.protocol.rtsp.server.session import RtspSession, SessionRemoved


@dataclass(frozen=True, slots=True)
class DescriptionRequested:
    """Question: the SDP of the stream at `path` (no outer slashes), or a status. `base_url` will be Content-Base."""

    path: str
    base_url: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class SetupRequested:
    """Question: a transport for `offer`, or a status. `session` is set when its transport is to be replaced."""

    path: str
    track: int
    offer: TransportOffer
    session: RtspSession | None


@dataclass(frozen=True, slots=True)
class PlayRequested:
    """Question: the first packet that `session` will get, or a status. `control_url` is for the RTP-Info."""

    session: RtspSession
    control_url: str


@dataclass(frozen=True, slots=True)
class FirstPacket:
    """The packet that a session gets next, and when it was captured: UTC in ns since 1970."""

    rtp_info: RtpInfo
    wall_ns: int


@dataclass(frozen=True, slots=True)
class RefusalRequested:
    """Question: when to refuse a wrong password, with status 401 and `challenges`; the connection waits for it.

    `user` is the name that the peer sent: any characters, and not necessarily the name of a user.
    """

    user: str
    challenges: Headers


@dataclass(frozen=True, slots=True)
class PlaybackPaused:
    """A playing session is READY again; the reply to PAUSE is queued."""

    session: RtspSession


@dataclass(frozen=True, slots=True)
class InterleavedReceived:
    """Payload on a channel of `session`: RTCP on the second channel of the pair, unspecified data on the first."""

    channel: int
    payload: bytes
    session: RtspSession


@dataclass(frozen=True, slots=True)
class RequestHandled:
    """A reply was queued. `method` is one that this server knows, or "other"."""

    method: str
    status: int


@dataclass(frozen=True, slots=True)
class ProtocolErrorOccurred:
    """The peer made a mistake; `detail` is safe to log."""

    kind: ProtocolErrorKind
    detail: str


Question = DescriptionRequested | SetupRequested | PlayRequested | RefusalRequested

RtspEvent = Question | PlaybackPaused | SessionRemoved | InterleavedReceived | RequestHandled | ProtocolErrorOccurred
