"""What the operator asked for, as one frozen `Config`: built-in defaults <- hardware profile <- file <- command line.

A section is a struct that lies with the code which goes by it (`services.rtsp.settings` is `[rtsp]`); this module
composes them. Their annotations give every key's meaning, unit and range to the checks, to the error messages and to
`docs/configuration.md`. A mistake is a `ConfigError` of one line that begins with the key's path. This module opens no
socket and starts nothing. Called by `cli` and `app`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from edge_streamer.accounts.settings import AuthSettings
from edge_streamer.accounts.users import Users
from edge_streamer.config.auth import load_users, path_of_users, read_auth
from edge_streamer.config.cameras import CameraConfig, camera_tables, read_cameras
from edge_streamer.config.encoder_limits import check_encoders, check_fits
from edge_streamer.config.multicast import check_multicast
from edge_streamer.config.profiles import Profile
from edge_streamer.config.streams import (
    DEFAULT_STREAMS,
    AutoStream,
    CameraStream,
    DeviceStream,
    EncodedStream,
    FileStream,
    PatternStream,
    StreamConfig,
    read_streams,
)
from edge_streamer.config.toml import (
    ConfigError,
    check_keys,
    read_file,
    read_struct,
    shown,
    write_tables,
)
from edge_streamer.media.settings import LinkSettings
from edge_streamer.runtime.address import ALLOWED_ADDRESS, Listen, ListenAddress
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.rtsp.settings import MulticastSettings, RtspSettings

__all__ = [
    "DEFAULT_STREAMS",
    "AutoStream",
    "CameraConfig",
    "CameraStream",
    "Config",
    "ConfigError",
    "DeviceStream",
    "EncodedStream",
    "FileStream",
    "Overrides",
    "PatternStream",
    "StreamConfig",
    "build_config",
    "check_encoders",
    "check_fits",
    "load_config",
    "users_path",
]

INHERITED_NAMES: Final = ("rtsp", "http")
"""What socket units may call what they listen on for us (`device.systemd`)."""


class Config(Struct, frozen=True, kw_only=True):
    """Everything the service was told, checked; `streams` in the order they were written, `cameras` by number.

    `users` is what the file of users says; empty where there is none.
    """

    rtsp: RtspSettings
    http: HttpSettings
    link: LinkSettings
    auth: AuthSettings
    multicast: MulticastSettings
    streams: dict[str, StreamConfig]
    cameras: dict[int, CameraConfig]
    users: Users

    def to_toml(self) -> str:
        """Return TOML text that loads again to this Config."""
        sections: dict[str, Struct] = {key: getattr(self, key) for key in SECTIONS}
        streams = {f"streams.{name}": stream for name, stream in self.streams.items()}
        tables = {path: msgspec.structs.asdict(struct) for path, struct in (sections | streams).items()}
        return write_tables({**tables, **camera_tables(self.cameras)})


SECTIONS: Final[Mapping[str, type[Struct]]] = {
    "rtsp": RtspSettings,
    "http": HttpSettings,
    "link": LinkSettings,
    "auth": AuthSettings,
    "multicast": MulticastSettings,
}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What stands over the file: `ADDR:PORT` as typed on the command line, None for not given; over both stands where
    systemd listens for us already, by the name that its socket unit gives (FileDescriptorName=)."""

    rtsp: str | None = None
    http: str | None = None
    inherited: Mapping[str, Listen] = field(default_factory=dict)


def load_config(path: Path | None, *, profile: Profile | None, overrides: Overrides) -> Config:
    """Return the effective configuration; without `path` that of no file. ConfigError for the first mistake."""
    tables = {} if path is None else read_file(path)
    folder = Path.cwd() if path is None else path.absolute().parent
    return build_config(tables, profile=profile, overrides=overrides, folder=folder)


def build_config(tables: Mapping[str, Any], *, profile: Profile | None, overrides: Overrides, folder: Path) -> Config:
    """Return the configuration of parsed TOML `tables`; `folder` is what relative paths are relative to."""
    check_keys(tables, [*SECTIONS, "streams", "cameras"])
    _check_inherited(overrides.inherited)
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
        streams=streams,
        cameras=read_cameras(tables.get("cameras", {}), _used_cameras(streams.values())),
        users=load_users(auth),
    )
    _check_reachability(config)
    _check_listeners(config)
    check_encoders(config.streams, profile)
    if "multicast" in config.rtsp.transports:
        check_multicast(config.multicast, len(config.streams), config.rtsp.udp_ports.as_range)
    return config


def users_path(path: Path | None) -> Path:
    """Return the file of users that the configuration at `path` (None: no file) names, or the one for who names none.

    ConfigError when that much of the configuration cannot be read; the rest of it may still be unfinished.
    """
    tables = {} if path is None else read_file(path)
    folder = Path.cwd() if path is None else path.absolute().parent
    return path_of_users(read_auth(tables.get("auth", {}), folder))


def _inherited_streams(profile: Profile | None) -> Mapping[str, Mapping[str, object]]:
    return profile.streams if profile and profile.streams else DEFAULT_STREAMS


def _used_cameras(streams: Iterable[StreamConfig]) -> frozenset[int]:
    """The numbers of the cameras that are written, and those that `auto` may become."""
    return frozenset(stream.camera for stream in streams if isinstance(stream, AutoStream | CameraStream))


def _check_inherited(inherited: Iterable[str]) -> None:
    """A socket that nobody accepts from would let its clients wait for ever."""
    for name in inherited:
        if name not in INHERITED_NAMES:
            raise ConfigError(
                f"systemd hands over a socket called {shown(name)} that nothing here serves; allowed as "
                f"FileDescriptorName= of its unit: {', '.join(INHERITED_NAMES)}"
            )


def _listen(written: Listen, overrides: Overrides, name: str, typed: str | None) -> Listen:
    if name in overrides.inherited:
        return overrides.inherited[name]
    if typed is None:
        return written
    try:
        return (ListenAddress.from_toml(typed),)
    except ValueError:
        raise ConfigError(f"--{name}: {shown(typed)} is not allowed; allowed: {ALLOWED_ADDRESS}") from None


def _check_reachability(config: Config) -> None:
    """Where nobody has to log in, what other machines can reach is opened only by a written decision."""
    if config.auth.anonymous or config.users:
        return
    for section, listen in (("rtsp", config.rtsp.listen), ("http", config.http.listen)):
        for address in listen:
            if not address.is_loopback:
                raise ConfigError(
                    f"{section}.listen: {address} can be reached from other machines and nobody has to log in; add a "
                    "user (edge-streamer user add NAME), or listen on 127.0.0.1 or [::1] only, or write anonymous = "
                    "true under [auth] in the configuration file"
                )


def _check_listeners(config: Config) -> None:
    seen: set[ListenAddress] = set()
    for section, listen in (("rtsp", config.rtsp.listen), ("http", config.http.listen)):
        for address in listen:
            if address.port != 0 and address in seen:
                raise ConfigError(f"{section}.listen: {address} is written twice; give each listener a port of its own")
            seen.add(address)
