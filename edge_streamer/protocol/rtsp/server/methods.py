"""What each method means (RFC 2326 section 10): a `Call` in, an `Answer` or a question for the service out.

This module handles no bytes, no pending questions and no clock: `protocol` frames, authenticates and counts the request
before, and sends the reply afterwards. Every method is checked in the same order: the session (454), its state (455),
then the method's own conditions.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from edge_streamer.protocol.rtsp.headers.public import encode_methods
from edge_streamer.protocol.rtsp.headers.range import LIVE_RANGE
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, parse_transport
from edge_streamer.protocol.rtsp.message import Request, Response
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    PlaybackPaused,
    PlayRequested,
    Question,
    RtspEvent,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, RtspSession, SessionRemoved, SessionTable
from edge_streamer.protocol.rtsp.server.states import TRANSITIONS, SessionState, allowed_methods
from edge_streamer.protocol.rtsp.target import Target, parse_target

_CHANNEL_PAIRS: Final = tuple((first, first + 1) for first in range(0, 256, 2))


@dataclass(frozen=True, slots=True)
class Call:
    """A request and all that its meaning depends on. `session` is the one it names, if this peer owns it."""

    request: Request
    session: RtspSession | None
    peer: ConnectionPeer
    sessions: SessionTable
    transports: Collection[str]
    user_agent: str

    @property
    def target(self) -> Target:
        """What the request URI means."""
        return parse_target(self.request.uri, self.peer.local_host)


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request: the reply, and the events that it caused."""

    response: Response
    events: tuple[RtspEvent, ...] = ()


def answer(call: Call) -> Answer | Question:
    """Return the request's outcome; 501 for a method that this server does not know, and the connection stays open."""
    method = METHODS.get(call.request.method)
    if method is None:
        return Answer(Response(501))
    try:
        return method(call)
    except _Refused as refused:
        return Answer(refused.response)


class _Refused(Exception):  # noqa: N818 - control flow inside this module, never seen outside
    def __init__(self, response: Response) -> None:
        self.response = response


def refusal_in_state(state: SessionState, method: str) -> Response | None:
    """Return the 455 for a method that is not valid in `state`, None for one that is."""
    if (state, method) in TRANSITIONS:
        return None
    return Response(455, (("Allow", encode_methods(allowed_methods(state))),))


def _options(_call: Call) -> Answer:
    return Answer(Response(200, (("Public", encode_methods(METHODS)),)))


def _parameter(_call: Call) -> Answer:
    """Answer GET_PARAMETER and SET_PARAMETER, which clients use as keep-alives: 200 for any URL, session and body.

    UniFi Protect drops the connection and starts again when it gets a 454 here.
    """
    return Answer(Response(200))


def _describe(call: Call) -> Question:
    target = call.target
    return DescriptionRequested(target.path, target.base_url, call.user_agent)


def _setup(call: Call) -> SetupRequested:
    _check_session(call)
    target, session = call.target, call.session
    track = target.track or 0  # a URL without track means the video (some NVRs SETUP the base URL)
    if session is not None and (session.path, session.track) != (target.path, track):
        raise _Refused(Response(459))  # RFC 2326 section 10.4: a track that cannot be bundled into this session
    return SetupRequested(target.path, track, _choose_offer(call), session)


def _play(call: Call) -> Answer | PlayRequested:
    session = _existing_session(call)
    if session.state is SessionState.PLAYING:
        return Answer(Response(200, (("Range", LIVE_RANGE),)))
    return PlayRequested(session, session.control_url)


def _pause(call: Call) -> Answer:
    session = _existing_session(call)
    was_playing = session.state is SessionState.PLAYING
    session.state = TRANSITIONS[session.state, "PAUSE"]
    return Answer(Response(200), (PlaybackPaused(session),) if was_playing else ())


def _teardown(call: Call) -> Answer:
    _check_session(call)
    if call.session is None:
        return Answer(Response(200))
    call.sessions.remove(call.session)
    return Answer(Response(200), (SessionRemoved(call.session, "teardown"),))


METHODS: Final[dict[str, Callable[[Call], Answer | Question]]] = {
    "OPTIONS": _options,
    "DESCRIBE": _describe,
    "SETUP": _setup,
    "PLAY": _play,
    "PAUSE": _pause,
    "TEARDOWN": _teardown,
    "GET_PARAMETER": _parameter,
    "SET_PARAMETER": _parameter,
}
"""All methods that are served, in the order in which Public lists them."""


def _check_session(call: Call) -> None:
    """Refuse a session that this peer does not own (454), and a method that is not valid in its state (455)."""
    if call.session is None and call.request.header("Session"):
        raise _Refused(Response(454))
    state = call.session.state if call.session else SessionState.INIT
    refusal = refusal_in_state(state, call.request.method)
    if refusal is not None:
        raise _Refused(refusal)


def _existing_session(call: Call) -> RtspSession:
    """Return the session of a PLAY or PAUSE; the URL must name its stream, the stream's base or its track."""
    _check_session(call)
    if call.session is None or call.session.path != call.target.path:  # never None: INIT has neither method
        raise _Refused(Response(404))
    return call.session


def _choose_offer(call: Call) -> TransportOffer:
    """Return the first offer that can be served, with its channels or ports decided.

    GStreamer offers UDP, multicast and TCP in one field, in the order of its preference.
    """
    offers = parse_transport(call.request.header("Transport") or "")
    offer = next((offer for offer in offers if offer.is_servable(call.transports)), None)
    if offer is None:
        raise _Refused(Response(461))  # the connection stays: ffmpeg, VLC and Media3 ask for TCP next
    return _with_free_channels(offer, call) if offer.lower == "tcp" else offer


def _with_free_channels(offer: TransportOffer, call: Call) -> TransportOffer:
    """Return the channel pair that the client asks for (168-169 for IndigoVision, an odd first channel for Qognify),
    else a free pair. Genetec and ZoneMinder name no channels and leave the choice to the server.
    """
    others = (other for other in call.sessions.of_connection(call.peer.connection_id) if other is not call.session)
    taken = {channel for other in others for channel in other.transport.channels or ()}
    wanted = [offer.interleaved] if offer.interleaved else []
    for pair in (*wanted, *_CHANNEL_PAIRS):
        if taken.isdisjoint(pair):
            return replace(offer, interleaved=pair)
    raise _Refused(Response(461))
