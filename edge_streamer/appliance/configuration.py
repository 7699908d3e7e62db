"""The service's configuration: checked as the service will, adopted only when it has no mistake.

What this cannot check is the hardware: at this early time a camera may not be there yet.
"""

from collections.abc import Mapping
from typing import Any, Final

from edge_streamer.appliance.paths import Paths
from edge_streamer.config.config import Config
from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.profiles import Profile
from edge_streamer.config.toml import read_text
from edge_streamer.runtime.address import Listen, ListenAddress

DEFAULT_CONFIGURATION: Final = """\
# The default configuration: `edge-streamer check` prints all that is in effect.
"""
SOCKETS: Final[Mapping[str, Listen]] = {"rtsp": (ListenAddress("::", 554),), "http": (ListenAddress("::", 80),)}
"""What the socket units of the package listen on; the service is handed these whatever the configuration says."""


def check_configuration(content: bytes, name: str, paths: Paths, profile: Profile) -> Config:
    """Return the configuration that the service would make of `content`; ConfigError for the first mistake.

    `name` is the file's, for a fault of TOML.
    """
    tables = _with_users(read_text(content, name), paths)
    overrides = Overrides(inherited=SOCKETS)
    return build_config(tables, profile=profile, overrides=overrides, folder=paths.configuration.parent)


def _with_users(tables: Mapping[str, Any], paths: Paths) -> Mapping[str, Any]:
    """The service finds its users through the unit's credential, which is the device's file; here it is named.

    Where that file is missing, since the password could not be set, this is not the configuration's mistake.
    """
    auth = tables.get("auth", {})
    if not isinstance(auth, dict) or "users" in auth:
        return tables
    here = {"users": str(paths.users)} if paths.users.exists() else {"anonymous": True}
    return {**tables, "auth": {**auth, **here}}
