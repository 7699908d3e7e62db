"""The one file that keeps what people decided: /data/shared/settings.json, of which every change is atomic.

Both slots read it, so an older software may find what a newer one wrote. `FORM` stays 1 as long as keys are only added:
unknown keys, and values that this software does not understand, are left out one by one. A form that an older software
would misread gets a file of its own beside this one.

The file is for root alone: it has the passphrase of the Wi-Fi network. The admin's password is not in it; the file of
users has its hashes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from edge_streamer.appliance.durable import read_if_there, replace_if_changed
from edge_streamer.device.appliance_status import AppliedSetting, ConfigurationOrigin, IgnoredSetting
from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings

FORM: Final = 1

StructType = TypeVar("StructType", bound=Struct)


class Piece(Struct, frozen=True, kw_only=True):
    """Bytes of one sector of a file on the card that a secret covers, what is written over them, and their SHA-256."""

    file: str
    start_byte: int
    replacement: bytes
    sha256: str


class Checked(Struct, frozen=True, kw_only=True):
    """A configuration of the service that this version of the software has checked, by its digest, and its streams."""

    version: str
    sha256: str
    streams: tuple[str, ...]


class Kept(Struct, frozen=True, kw_only=True):
    """The content of settings.json.

    `configuration` is the last configuration of a card that was adopted, `origin` says whether the last card's was.
    `checked` is the service's file that need not be checked again. `card_digest` is the digest of the card's files as
    they are once their secrets are overwritten. `mac` stands for the serial number of a board without one. Two keys say
    what is still to be done, also after a power cut: `configuration_is_due` (write it for the service) and `due`
    (overwrite these pieces on the card).
    """

    form: int = FORM
    mac: str = ""
    settings: dict[str, Any] = {}
    configuration: str | None = None
    origin: ConfigurationOrigin = "default"
    checked: Checked | None = None
    card_digest: str = ""
    applied: tuple[AppliedSetting, ...] = ()
    ignored: tuple[IgnoredSetting, ...] = ()
    mistakes: tuple[str, ...] = ()
    configuration_is_due: bool = False
    due: tuple[Piece, ...] = ()

    def device_settings(self) -> DeviceSettings:
        """Return the settings of the device that this software understands."""
        values = dict(self.settings)
        tables = {
            key: _understood(values.pop(key), kind, {})
            for key, kind in (("wifi", WifiSettings), ("network", NetworkSettings))
            if isinstance(values.get(key), dict)
        }
        return _understood(values, DeviceSettings, tables) or DeviceSettings()


def kept_settings(settings: DeviceSettings) -> dict[str, Any]:
    """Return the settings as they are kept: those that are set, without the password."""
    values = msgspec.to_builtins(msgspec.structs.replace(settings, password=None))
    assert isinstance(values, dict)
    return {key: value for key, value in values.items() if value is not None}


def load_kept(path: Path) -> Kept:
    """Return what was kept, nothing when there is no file; ValueError for a file that is not whole, or OSError."""
    content = read_if_there(path)
    if content is None:
        return Kept()
    try:
        return msgspec.json.decode(content, type=Kept)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name} cannot be read ({error})") from None


def save_kept(path: Path, kept: Kept) -> None:
    """Replace the file unless it says so already; OSError leaves it as it was."""
    replace_if_changed(path, msgspec.json.format(msgspec.json.encode(kept)) + b"\n", mode=0o600)


def _understood(values: Mapping[str, Any], kind: type[StructType], more: Mapping[str, Any]) -> StructType | None:
    """Return the struct of those values that fit its fields; None when a required one does not."""
    known: dict[str, Any] = {key: value for key, value in more.items() if value is not None}
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key in types.keys() & values.keys():
        try:
            known[key] = msgspec.convert(values[key], types[key])
        except msgspec.ValidationError:
            continue
    try:
        return kind(**known)
    except TypeError:
        return None
