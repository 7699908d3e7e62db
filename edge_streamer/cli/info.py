"""What `edge-streamer info` prints: this device, its image, its storage, and what the settings on its card did.

It reads files, without the service (`device.info`). Called by `cli.main`.
"""

from collections.abc import Iterator
from typing import Final

from edge_streamer.device.appliance_status import told
from edge_streamer.device.info import CardReport, DeviceInfo
from edge_streamer.device.storage import Storage, StorageWear
from edge_streamer.logs.text import escaped

UNKNOWN: Final = "unknown"
_ORIGINS: Final = {
    "card": "the card's",
    "last_good": "the one before, because the card's has a mistake",
    "default": "the package's",
}
_CLOCK: Final = {True: "synchronised", False: "not synchronised", None: UNKNOWN}


def to_text(info: DeviceInfo) -> str:
    """Return the table of two columns. The card's files may hold anything: no control character is in it."""
    rows = tuple(_rows(info))
    width = max(len(label) for label, _ in rows) + 2
    return "\n".join(f"{label:<{width}}{escaped(value)}" for label, value in rows)


def _rows(info: DeviceInfo) -> Iterator[tuple[str, str]]:
    yield "model", info.model or UNKNOWN
    yield "serial", info.serial or UNKNOWN
    yield "host name", info.host_name or UNKNOWN
    yield "version", info.version
    yield "kernel", info.kernel or UNKNOWN
    yield "image", _image(info)
    yield "slot", info.slot or UNKNOWN
    yield "uptime", _duration(info.uptime_s)
    yield "clock", _CLOCK[info.clock_synchronised]
    yield "storage", _storage(info.storage)
    if info.data_state is not None:
        yield "data", info.data_state
    yield from _wear(info.wear)
    if info.card is not None:
        yield from _card(info.card)


def _image(info: DeviceInfo) -> str:
    if info.image is None:
        return "none: installed as a package, or run from a checkout"
    parts = (info.image.board, info.image.version, info.image.build_time, info.image.commit[:12])
    return ", ".join(part for part in parts if part)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    minutes, _ = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h {minutes} min" if days else f"{hours} h {minutes} min"


def _storage(storage: Storage | None) -> str:
    if storage is None:
        return UNKNOWN
    written = "" if storage.written_bytes is None else f", {_bytes(storage.written_bytes)} written so far"
    return f"{storage.path}, {_bytes(storage.free_bytes)} of {_bytes(storage.total_bytes)} free{written}"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _wear(wear: tuple[StorageWear, ...]) -> Iterator[tuple[str, str]]:
    if not wear:
        yield "wear", f"{UNKNOWN}: no storage here reports it"
    for module in wear:
        used = UNKNOWN if module.life_used_ratio is None else f"at most {module.life_used_ratio:.0%} of its life time"
        yield "wear", f"{module.device}, {used}, spare blocks: {module.reserve or UNKNOWN}"


def _card(card: CardReport) -> Iterator[tuple[str, str]]:
    yield "configuration", _ORIGINS[card.configuration]
    for applied in card.applied:
        yield "applied", told(applied.file, applied.key, applied.text)
    for ignored in card.ignored:
        yield "ignored", told(ignored.file, ignored.key, ignored.reason)
    for mistake in card.mistakes:
        yield "mistake", mistake
    if card.has_initial_password:
        yield "password", "the one that this device made for itself is still in use: set your own"
