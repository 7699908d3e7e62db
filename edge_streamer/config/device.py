"""The table `[device]` with its two tables: keys, types and ranges, and whether address and gateway fit together.

Called by `config.load`, and by `appliance` for what it finds on the card. No message shows a secret.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from edge_streamer.config.toml import ConfigError, expect_table, read_struct
from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings, gateway_mistake

DEVICE_TABLES: Final[Mapping[str, type[Struct]]] = {"wifi": WifiSettings, "network": NetworkSettings}
"""The tables in `[device]`, by key."""


def read_device(table: object, path: str = "device") -> DeviceSettings:
    """Return the settings of the table; every ConfigError begins with the key's dotted path under `path`."""
    written = expect_table(table, path)
    for key in DEVICE_TABLES & written.keys():
        if not isinstance(written[key], dict):  # it may be a passphrase
            raise ConfigError(f"{path}.{key}: this value is not allowed; allowed: a table, written [{path}.{key}]")
    tables = {
        key: read_struct(written[key], DEVICE_TABLES[key], f"{path}.{key}") for key in DEVICE_TABLES & written.keys()
    }
    settings = read_struct({key: value for key, value in written.items() if key not in tables}, DeviceSettings, path)
    settings = msgspec.structs.replace(settings, **tables)
    if settings.network and (mistake := gateway_mistake(settings.network)):
        raise ConfigError(f"{path}.network.gateway: {mistake}")
    return settings


def device_tables(settings: DeviceSettings) -> dict[str, dict[str, object]]:
    """Return `{dotted path: {key: value}}` for `config.toml.write_tables`, without secrets."""
    shown = msgspec.structs.asdict(settings.without_secrets())
    tables = {"device": {key: value for key, value in shown.items() if key not in DEVICE_TABLES}}
    for key in DEVICE_TABLES:
        if shown[key] is not None:
            tables[f"device.{key}"] = msgspec.structs.asdict(shown[key])
    return tables
