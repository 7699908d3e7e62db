"""The service's configuration: checked as the service will, adopted only when it has no mistake.

Importing this module takes longer than the rest of a boot, so `taking` does so only when there is something to check.
At this early time a camera may not be there yet, and one may be plugged in years later. So streams of source `auto` are
checked with every kind of camera that this board can have, and with none.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from edge_streamer.app.source_plan import plan_sources
from edge_streamer.appliance.paths import Paths
from edge_streamer.config.config import Config
from edge_streamer.config.encoder_limits import check_encoders
from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.profiles import Profile, select_profile
from edge_streamer.config.streams import AutoStream
from edge_streamer.config.toml import ConfigError, read_text
from edge_streamer.device.board import read_board
from edge_streamer.device.cameras import FoundCamera
from edge_streamer.runtime.address import Listen, ListenAddress

SOCKETS: Final[Mapping[str, Listen]] = {"rtsp": (ListenAddress("::", 554),), "http": (ListenAddress("::", 80),)}
"""What the socket units of the package listen on; the service is handed these whatever the configuration says."""


def mistake_in(content: bytes, name: str, paths: Paths) -> tuple[str, tuple[str, ...]]:
    """Return the first mistake that the service would find in `content`, else an empty text and the streams' names.

    `name` is the file's, for a fault of TOML. ConfigError when it is no mistake of the configuration: there is no
    hardware profile.
    """
    profile = _profile()
    try:
        tables = _with_users(read_text(content, name), paths)
        overrides = Overrides(inherited=SOCKETS)
        config = build_config(tables, profile=profile, overrides=overrides, folder=paths.configuration.parent)
        _check_with_cameras(config, profile)
    except ConfigError as error:
        return str(error), ()
    return "", tuple(config.streams)


def _check_with_cameras(config: Config, profile: Profile) -> None:
    """ConfigError when the service would refuse to start with a camera that may be there when it starts."""
    for cameras in _possible_cameras(config, profile):
        sources = plan_sources(config.streams, config.cameras, cameras, profile.encoder)
        check_encoders({name: stream for source in sources for name, stream in source.streams.items()}, profile)


def _possible_cameras(config: Config, profile: Profile) -> Iterator[tuple[FoundCamera, ...]]:
    """Yield what `device.cameras.find_cameras` may find: nothing, a USB camera, or each CSI camera that is named.

    Streams that name a second CSI camera are not for a USB camera, which all of them would share.
    """
    numbers = {stream.camera for stream in config.streams.values() if isinstance(stream, AutoStream)}
    yield ()
    if numbers <= {0}:
        yield (FoundCamera("v4l2", 0, "/dev/video0", "USB camera"),)
    if profile.camera_connector is not None:
        yield tuple(FoundCamera("picamera2", number, "", "CSI camera") for number in sorted(numbers))


@cache
def _profile() -> Profile:
    """The profile that the service will use."""
    return select_profile(None, read_board())


def _with_users(tables: Mapping[str, Any], paths: Paths) -> Mapping[str, Any]:
    """The service finds its users through the unit's credential, which is the device's file; here it is named.

    Where that file is missing, since the password could not be set, this is not the configuration's mistake.
    """
    auth = tables.get("auth", {})
    if not isinstance(auth, dict) or "users" in auth:
        return tables
    here = {"users": str(paths.users)} if paths.users.exists() else {"anonymous": True}
    return {**tables, "auth": {**auth, **here}}
