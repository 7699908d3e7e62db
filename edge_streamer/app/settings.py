"""From the configuration to the settings of streams and services: the one place that translates its keys.

Called by `app` and `running_sources`, at the start and at every reload. It starts nothing and keeps nothing.
"""

import secrets
from collections.abc import Callable

from edge_streamer.accounts.users import Role
from edge_streamer.config.config import Config
from edge_streamer.config.streams import DeviceStream, FileStream, StreamConfig
from edge_streamer.media.stream import Stream
from edge_streamer.media.track import TrackChanges
from edge_streamer.protocol.digest import Algorithm, LoginRules
from edge_streamer.protocol.http.auth import HttpAuthenticator
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, Authorizer, LoginAuthorizer
from edge_streamer.runtime.clock_lock import ClockLock
from edge_streamer.services.http.access import AccessRules
from edge_streamer.services.supervision.spec import StreamPolicy


def stream_policy(stream: StreamConfig) -> StreamPolicy:
    """Return the rules for when the stream's source runs, and how long sessions wait for a frame."""
    return StreamPolicy(stream.on_demand, stream.linger_s, stream.give_up_after_s)


def new_stream(name: str, stream: StreamConfig, dead_after_s: float) -> Stream:
    """Return a new stream for these settings, which has no frame yet."""
    return Stream(
        name,
        dead_after_s=dead_after_s,
        link_bitrate_bps=stream.link_bitrate_bps or _encoder_bps(stream),
        skips_for_slow_readers=stream.slow_readers == "skip",
        changes=_track_changes(stream),
    )


def _track_changes(stream: StreamConfig) -> TrackChanges:
    """A file's pictures are sent as they are: they may be reordered, and have no instant of exposure."""
    if isinstance(stream, FileStream):
        return TrackChanges()
    return TrackChanges(stream.bound_reordering, ClockLock().is_locked if stream.timestamps == "sei" else None)


def _encoder_bps(stream: StreamConfig) -> int:
    """Return the rate that the encoder is asked for; 0 where frames come encoded and the rate has to be measured."""
    match stream:
        case FileStream() | DeviceStream(format="h264"):
            return 0
        case _:
            return stream.bitrate_bps


def _login_rules(config: Config) -> LoginRules:
    algorithms = (Algorithm.MD5, Algorithm.SHA_256) if config.auth.sha256 else (Algorithm.MD5,)
    return LoginRules(config.users, algorithms, basic=config.auth.basic == "always")


def authorizer_maker(config: Config) -> Callable[[], Authorizer]:
    """Return a factory that makes the authorizer of one RTSP connection."""
    if config.auth.anonymous or not config.users:
        return lambda: ALLOW_ALL
    rules = _login_rules(config)
    return lambda: LoginAuthorizer(rules, secrets.token_hex(16))


def access_rules(config: Config) -> AccessRules:
    """Return the access rules of HTTP. The key of nonces is new, so browsers authenticate again, without a prompt."""
    return AccessRules(
        config.users,
        HttpAuthenticator(_login_rules(config), secrets.token_bytes(32)),
        anonymous_role=_anonymous_role(config),
        monitoring_networks=config.auth.metrics_networks,
        is_for_this_machine=not config.users and not config.auth.anonymous,
    )


def _anonymous_role(config: Config) -> Role | None:
    """Return the role of an anonymous client; None when a login is required.

    Where no users are configured, only loopback addresses may be listened on (`config.checks`).
    """
    if config.auth.anonymous:
        return Role.VIEWER
    return None if config.users else Role.ADMIN
