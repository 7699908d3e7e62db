"""One RTSP connection with a scripted service behind it, fed with any bytes: what the fuzz target and hypothesis share.

The service answers each question at once: `main` and `sub` exist, each with one track, and nothing else does.
"""

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo
from edge_streamer.protocol.rtsp.headers.transport import MulticastTarget, TransportOffer, TransportReply
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    FirstPacket,
    PlayRequested,
    RtspEvent,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.protocol import RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, RtspSession, SessionTable

STREAMS: Final = ("main", "sub")
SSRC: Final = 0xD6D66271
SERVER_PORTS: Final = (50000, 50001)
GROUP: Final = MulticastTarget("239.255.42.1", (51000, 51001), 1, "198.51.100.1")
FIRST_SEQ: Final = 4711
FIRST_RTPTIME: Final = 90_000
FIRST_WALL_NS: Final = 1_266_417_440_256_789_000
FIRST_RANGE: Final = "clock=20100217T143720.257Z-"
PEER_HOST: Final = "192.0.2.7"
LOCAL_HOST: Final = "192.0.2.1"
SDP: Final = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=main\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=range:npt=now-\r\na=control:*\r\n"
    b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
)


def session_ids() -> Iterable[str]:
    """Return the ids 1A2B3C40, 1A2B3C41, ... one at a time."""
    return (f"{0x1A2B3C40 + number:X}" for number in itertools.count())


def transport_reply(offer: TransportOffer) -> TransportReply:
    """Return what the scripted service answers to `offer`."""
    if offer.lower == "tcp":
        return TransportReply("tcp", SSRC, channels=offer.interleaved)
    if offer.lower == "multicast":
        return TransportReply("multicast", SSRC, target=GROUP)
    return TransportReply("udp", SSRC, client_ports=offer.client_ports, server_ports=SERVER_PORTS)


class ScriptedService:
    """Answers the questions of one protocol object; those whose type is in `holds` it leaves open."""

    def __init__(self, protocol: RtspServerProtocol) -> None:
        self.holds: set[type] = set()
        self.adopted: list[RtspSession] = []
        self._protocol = protocol

    def handle(self, events: Iterable[RtspEvent], now: float) -> list[RtspEvent]:
        """Answer what is asked, and what the answers lead to; return all events in their order."""
        waiting, seen = deque(events), []
        while waiting:
            event = waiting.popleft()
            seen.append(event)
            if type(event) not in self.holds:
                waiting.extend(self.answer(event, now))
        return seen

    def answer(self, event: RtspEvent, now: float) -> list[RtspEvent]:
        """Answer `event` if it is a question."""
        match event:
            case DescriptionRequested(path=path):
                if path not in STREAMS:
                    return self._protocol.answer_status(404, now)
                return self._protocol.answer_description(SDP, now)
            case SetupRequested(path=path, track=track, offer=offer):
                if path not in STREAMS or track != 0:
                    return self._protocol.answer_status(404, now)
                return self._protocol.answer_setup(transport_reply(offer), now, adopt=self.adopted.append)
            case PlayRequested(control_url=url):
                first = FirstPacket(RtpInfo(url, FIRST_SEQ, FIRST_RTPTIME), FIRST_WALL_NS)
                return self._protocol.answer_play(first, now)
            case _:
                return []


@dataclass(frozen=True)
class Trace:
    """All that can be seen of a run from outside."""

    events: tuple[str, ...]
    sent: bytes
    closing_kind: str
    sessions: int


def event_text(event: RtspEvent) -> str:
    """Return the event as text in which a session is its id, so that two runs compare."""
    values = ((field.name, getattr(event, field.name)) for field in fields(event))
    shown = (f"{name}={value.id if isinstance(value, RtspSession) else value!r}" for name, value in values)
    return f"{type(event).__name__}({', '.join(shown)})"


def run_connection(chunks: Iterable[bytes]) -> Trace:
    """Feed `chunks` to a new connection, close it, and return what came of it; raises only for a fault of ours."""
    ids = iter(session_ids())
    sessions = SessionTable()
    peer = ConnectionPeer(1, PEER_HOST, LOCAL_HOST)
    protocol = RtspServerProtocol(peer, sessions, new_session_id=lambda: next(ids), now=0.0)
    service = ScriptedService(protocol)
    events: list[RtspEvent] = []
    sent = b""
    for chunk in chunks:
        events += service.handle(protocol.receive(chunk, 0.0), 0.0)
        sent += protocol.data_to_send()
    events += protocol.eof(0.0)
    return Trace(tuple(event_text(event) for event in events), sent, protocol.closing_kind, len(sessions))


def check_bytes(data: bytes) -> Trace:
    """Assert that `data` means the same whole and byte by byte, and that it breaks nothing; the fuzz target's body."""
    whole = run_connection([data])
    bytewise = run_connection(data[at : at + 1] for at in range(len(data)))
    assert whole == bytewise, f"whole: {whole}\nbyte by byte: {bytewise}"
    assert whole.sent.count(b"\r\n\r\n") >= sum("RequestHandled" in text for text in whole.events)
    return whole
