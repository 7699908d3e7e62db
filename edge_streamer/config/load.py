"""Makes the `Config`: built-in defaults <- hardware profile <- file <- command line <- sockets that systemd passes.

A mistake is a `ConfigError` of one line that begins with the key's path. Called by `cli`: at the start, and in a thread
for each reload. It reads the configuration file and the file of users; it opens no socket and starts no process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge_streamer.config.auth import load_users, path_of_users, read_auth
from edge_streamer.config.cameras import read_cameras
from edge_streamer.config.checks import check_inherited, check_listeners, check_multicast, check_reachability
from edge_streamer.config.config import SECTIONS, Config
from edge_streamer.config.device import read_device
from edge_streamer.config.encoder_limits import check_encoders
from edge_streamer.config.profiles import Profile
from edge_streamer.config.streams import DEFAULT_STREAMS, AutoStream, CameraStream, StreamConfig, read_streams
from edge_streamer.config.toml import ConfigError, check_keys, read_file, read_struct, shown
from edge_streamer.media.settings import LinkSettings
from edge_streamer.runtime.address import ALLOWED_ADDRESS, Listen, ListenAddress
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.rtsp.settings import MulticastSettings, RtspSettings


@dataclass(frozen=True, slots=True)
class Overrides:
    """Listen addresses that override the file: `ADDR:PORT` as typed on the command line, None for not given. Both are
    overridden by `inherited`, where systemd listens already, by the name that its socket unit gives
    (FileDescriptorName=)."""

    rtsp: str | None = None
    http: str | None = None
    inherited: Mapping[str, Listen] = field(default_factory=dict)


def load_config(path: Path | None, *, profile: Profile | None, overrides: Overrides) -> Config:
    """Return the effective configuration, without a file if `path` is None. ConfigError for the first mistake."""
    tables = {} if path is None else read_file(path)
    folder = Path.cwd() if path is None else path.absolute().parent
    return build_config(tables, profile=profile, overrides=overrides, folder=folder)


def build_config(tables: Mapping[str, Any], *, profile: Profile | None, overrides: Overrides, folder: Path) -> Config:
    """Return the configuration of parsed TOML `tables`; relative paths are relative to `folder`."""
    check_keys(tables, [*SECTIONS, "streams", "cameras"])
    check_inherited(overrides.inherited)
    rtsp = read_struct(tables.get("rtsp", {}), RtspSettings, "rtsp")
    http = read_struct(tables.get("http", {}), HttpSettings, "http")
    auth = read_auth(tables.get("auth", {}), folder)
    streams = read_streams(tables.get("streams"), _inherited_streams(profile), folder)
    config = Config(
        rtsp=msgspec.structs.replace(rtsp, listen=_listen(rtsp.listen, overrides, "rtsp", overrides.rtsp)),
        http=msgspec.structs.replace(http, listen=_listen(http.listen, overrides, "http", overrides.http)),
        link=read_struct(tables.get("link", {}), LinkSettings, "link"),
        auth=auth,
        multicast=read_struct(tables.get("multicast", {}), MulticastSettings, "multicast"),
        device=read_device(tables.get("device", {})),
        streams=streams,
        cameras=read_cameras(tables.get("cameras", {}), _used_cameras(streams.values())),
        users=load_users(auth),
    )
    check_reachability(config)
    check_listeners(config)
    check_encoders(config.streams, profile)
    check_multicast(config)
    return config


def users_path(path: Path | None) -> Path:
    """Return the file of users that the configuration at `path` (None: no file) names, else the default one.

    Only TOML and `[auth]` are read: ConfigError for a mistake in them; the rest may still be unfinished.
    """
    tables = {} if path is None else read_file(path)
    folder = Path.cwd() if path is None else path.absolute().parent
    return path_of_users(read_auth(tables.get("auth", {}), folder))


def _inherited_streams(profile: Profile | None) -> Mapping[str, Mapping[str, object]]:
    return profile.streams if profile and profile.streams else DEFAULT_STREAMS


def _used_cameras(streams: Iterable[StreamConfig]) -> frozenset[int]:
    """Return the numbers of the cameras that streams name, and of those that an `auto` stream may take."""
    return frozenset(stream.camera for stream in streams if isinstance(stream, AutoStream | CameraStream))


def _listen(written: Listen, overrides: Overrides, name: str, typed: str | None) -> Listen:
    if name in overrides.inherited:
        return overrides.inherited[name]
    if typed is None:
        return written
    try:
        return (ListenAddress.from_toml(typed),)
    except ValueError:
        raise ConfigError(f"--{name}: {shown(typed)} is not allowed; allowed: {ALLOWED_ADDRESS}") from None
