"""What this device is: model, serial number, version, slot, image, uptime, storage, clock, and the card's settings.

`edge-streamer info` prints it, `/api/v1/device` answers with it, the page and the metrics show parts of it. Its JSON is
the API's document, so the name of a field stays. A value that this machine does not tell is None: nothing is guessed.

Reading takes a millisecond, but may wait for a card that is dying: the service reads in a thread (`app.device_reader`).
"""

import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from edge_streamer import __version__
from edge_streamer.device.appliance_status import (
    STATUS_PATH,
    ApplianceStatus,
    AppliedSetting,
    ConfigurationOrigin,
    IgnoredSetting,
    read_appliance_status,
)
from edge_streamer.device.identity import read_identity
from edge_streamer.device.small_files import read_assignments, read_text
from edge_streamer.device.storage import Storage, StorageWear, read_storage, read_wear
from edge_streamer.runtime.clock_lock import clock_state

IMAGE_FILE: Final = "usr/lib/edge_streamer/image.json"
SLOT_FILE: Final = "run/edge_streamer-slot.env"
_TIMESYNC: Final = "run/systemd/timesync"
"""systemd-timesyncd makes the file `synchronized` in it, once it has set the clock (systemd-timesyncd.service(8))."""


class ImageFacts(Struct, frozen=True, kw_only=True):
    """The build of the device image. `build_time` is ISO 8601, of the sources; empty texts are not stated."""

    board: str = ""
    version: str = ""
    build_time: str = ""
    commit: str = ""
    architecture: str = ""


class CardReport(Struct, frozen=True, kw_only=True):
    """What the settings on the card did at the last boot, and whether the password that the device made for itself is
    still in use."""

    configuration: ConfigurationOrigin
    has_initial_password: bool
    applied: tuple[AppliedSetting, ...] = ()
    ignored: tuple[IgnoredSetting, ...] = ()
    mistakes: tuple[str, ...] = ()


class DeviceInfo(Struct, frozen=True, kw_only=True):
    """This device; null: unknown.

    `slot` is the half of the card that runs, "a" or "b". `data_state` is "ok", "repaired", "recreated" or "memory" (the
    data partition cannot be used, and what is changed is lost at the next start). `clock_synchronised` says whether the
    clock follows a time source. `image`, `slot`, `data_state` and `card` are null where no device image runs.
    """

    model: str | None = None
    serial: str | None = None
    host_name: str | None = None
    version: str = __version__
    kernel: str | None = None
    slot: str | None = None
    data_state: str | None = None
    image: ImageFacts | None = None
    uptime_s: float | None = None
    clock_synchronised: bool | None = None
    storage: Storage | None = None
    wear: tuple[StorageWear, ...] = ()
    card: CardReport | None = None

    def to_json(self) -> str:
        """Return it as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self)).decode()


def read_device_info(root: Path = Path("/")) -> DeviceInfo:
    """Return what can be read now; `root` is the folder that `proc`, `sys`, `run`, `usr`, `data` and `var` are in."""
    identity, slot = read_identity(root), read_assignments(root / SLOT_FILE)
    status = read_appliance_status(root / STATUS_PATH.relative_to("/"))
    system = os.uname()
    return DeviceInfo(
        model=identity.model,
        serial=identity.serial or (status.serial if status else "") or None,
        host_name=system.nodename or None,
        kernel=system.release,
        slot=slot.get("SLOT") or None,
        data_state=slot.get("DATA_STATE") or None,
        image=_image(root / IMAGE_FILE),
        uptime_s=_uptime_s(root / "proc/uptime"),
        clock_synchronised=_clock_synchronised(root / _TIMESYNC),
        storage=read_storage(root, slot.get("DATA", "")),
        wear=read_wear(root),
        card=_card(status) if status else None,
    )


def _image(file: Path) -> ImageFacts | None:
    try:
        return msgspec.json.decode(read_text(file), type=ImageFacts)
    except msgspec.DecodeError:
        return None


def _uptime_s(file: Path) -> float | None:
    """Seconds since the boot, the first number of /proc/uptime (proc_uptime(5))."""
    first = read_text(file).partition(" ")[0]
    try:
        return float(first)
    except ValueError:
        return None


def _clock_synchronised(timesync: Path) -> bool | None:
    """timesyncd's word, else the kernel's: the sandbox of the service forbids to ask the kernel (docs/systemd.md)."""
    if (timesync / "synchronized").exists():
        return True
    state = clock_state()
    if state is None and timesync.is_dir():
        return False
    return state


def _card(status: ApplianceStatus) -> CardReport:
    return CardReport(
        configuration=status.configuration,
        has_initial_password=status.has_initial_password,
        applied=status.applied,
        ignored=status.ignored,
        mistakes=status.mistakes,
    )
