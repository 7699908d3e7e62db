"""The effective configuration as one frozen `Config`, and its TOML.

A section is a struct beside the code that uses it (`services.rtsp.settings` is `[rtsp]`); this module composes them.
The annotations of the structs state each key's meaning, unit and range for the checks, the error messages and
`docs/configuration.md`. `config.load` makes a `Config`; `app` passes its parts on.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from edge_streamer.accounts.settings import AuthSettings
from edge_streamer.accounts.users import Users
from edge_streamer.config.cameras import CameraConfig, camera_tables
from edge_streamer.config.device import device_tables
from edge_streamer.config.streams import StreamConfig
from edge_streamer.config.toml import write_tables
from edge_streamer.device.settings import DeviceSettings
from edge_streamer.media.settings import LinkSettings
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.rtsp.settings import MulticastSettings, RtspSettings


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration, checked; `streams` in the order of the file, `cameras` by number.

    `users` are the users of their file; empty where there is no file.
    """

    rtsp: RtspSettings
    http: HttpSettings
    link: LinkSettings
    auth: AuthSettings
    multicast: MulticastSettings
    device: DeviceSettings
    streams: dict[str, StreamConfig]
    cameras: dict[int, CameraConfig]
    users: Users

    def to_toml(self) -> str:
        """Return TOML text that loads again to this Config; the secrets of `[device]` are left out."""
        sections: dict[str, Struct] = {key: getattr(self, key) for key in SECTIONS if key != "device"}
        streams = {f"streams.{name}": stream for name, stream in self.streams.items()}
        tables = {path: msgspec.structs.asdict(struct) for path, struct in (sections | streams).items()}
        device = device_tables(self.device) if self.device != DeviceSettings() else {}
        return write_tables({**tables, **camera_tables(self.cameras), **device})


SECTIONS: Final[Mapping[str, type[Struct]]] = {
    "rtsp": RtspSettings,
    "http": HttpSettings,
    "link": LinkSettings,
    "auth": AuthSettings,
    "multicast": MulticastSettings,
    "device": DeviceSettings,
}
