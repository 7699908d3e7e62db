"""What the program of every boot (`edge_streamer.appliance`) did, as it leaves it in /run for the service.

The appliance writes the file at each boot of a device image; the service reads it for `info`, the API, the page and
the metrics. Every user of the machine may read it, so it has no secret. On a machine without a device image there is
no file.
"""

from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

STATUS_PATH: Final = Path("/run/edge_streamer-appliance/status.json")
MAX_STATUS_BYTES: Final = 1 << 20
FORM: Final = 1
"""The form of the file. A reader of another form sees no status rather than a wrong one."""

ConfigurationOrigin: TypeAlias = Literal["card", "last_good", "default"]
"""Where the configuration in effect comes from: the card's file; the one before, because the card's has a mistake; the
package's, because no card had one yet."""


class AppliedSetting(Struct, frozen=True, kw_only=True):
    """A key of a file on the card that is in effect; `text` says what it does, without a secret."""

    file: str
    key: str
    text: str


class IgnoredSetting(Struct, frozen=True, kw_only=True):
    """A key of a file on the card that has no effect, and why."""

    file: str
    key: str
    reason: str


def told(file: str, key: str, text: str) -> str:
    """Return a line for people about a key; `key` is empty where it is about the file as a whole."""
    return f"{file}: {key}: {text}" if key else f"{file}: {text}"


class ApplianceStatus(Struct, frozen=True, kw_only=True):
    """One boot of the device image.

    `slot` is "a" or "b", `data_state` what the initramfs found ("ok", "repaired", "recreated", "memory"); both are
    empty where no initramfs of the image ran. `streams` are the names that stand in URLs. `mistakes` are sentences: a
    mistake in a file of the card, or a step of this boot that failed.
    """

    form: int = FORM
    host_name: str
    serial: str
    slot: str
    data_state: str
    streams: tuple[str, ...] = ()
    applied: tuple[AppliedSetting, ...] = ()
    ignored: tuple[IgnoredSetting, ...] = ()
    mistakes: tuple[str, ...] = ()
    has_initial_password: bool
    configuration: ConfigurationOrigin


def read_appliance_status(path: Path = STATUS_PATH) -> ApplianceStatus | None:
    """Return the status of this boot; None where there is none, or none of a known form."""
    try:
        with path.open("rb") as file:
            status = msgspec.json.decode(file.read(MAX_STATUS_BYTES), type=ApplianceStatus)
    except (OSError, msgspec.DecodeError):
        return None
    return status if status.form == FORM else None
