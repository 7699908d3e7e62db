"""What people put on the card: the settings of the device, the configuration of the service, and the secrets to remove.

`Card` is made by `read_card` from the files in one folder. It is a value: whoever calls this keeps the settings, and
overwrites the secrets when the settings are safe on the data partition.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from edge_streamer.device.settings import DeviceSettings, WifiSettings


@dataclass(frozen=True, slots=True)
class Applied:
    """A key that was taken: its file, the key as the file calls it, and what it does, without secrets."""

    file: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A key, or a file (`key` empty), that was not taken though nothing is wrong with it, and why."""

    file: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class SecretSpan:
    """The place of a secret in a file as it is on the disk, and the bytes, as many, to write over it.

    With the replacement the file still parses, and `read_card` reads the value as one that was taken before.
    """

    file: str
    start_byte: int
    end_byte: int
    replacement: bytes

    def __post_init__(self) -> None:
        if len(self.replacement) != self.end_byte - self.start_byte:
            raise ValueError("a replacement has the length of its secret")


@dataclass(frozen=True, slots=True)
class Card:
    """What the files on the card say.

    `configuration` is the TOML text for the service, None if no readable file has one; its lines have the numbers that
    they have on the card. `taken` are the secrets of `DeviceSettings` ("password", "wifi.passphrase") whose place on
    the card is there, but empty, because they were taken before; `mistaken` are the keys of `DeviceSettings` that have
    a mistake. `is_whole` is False when a file of settings could not be read, or none is there: then a key that is
    missing here was not taken away by anybody.
    """

    settings: DeviceSettings = field(default_factory=DeviceSettings)
    configuration: str | None = None
    applied: tuple[Applied, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    mistakes: tuple[str, ...] = ()
    secrets: tuple[SecretSpan, ...] = ()
    taken: frozenset[str] = field(default_factory=frozenset)
    mistaken: frozenset[str] = field(default_factory=frozenset)
    is_whole: bool = False

    def settings_after(self, previous: DeviceSettings) -> DeviceSettings:
        """Return the settings to keep, when `previous` are those that were kept before.

        The card says what the device is: a key that is no longer on it is gone. What stays from before are secrets that
        were taken, keys that have a mistake, and, if not all of the card could be read, every key that is missing. A
        passphrase stays with the network that it was written for.
        """
        values = msgspec.structs.asdict(self.settings)
        before = msgspec.structs.asdict(previous)
        for key, value in values.items():
            if value is None and (key in self.mistaken or key in self.taken or not self.is_whole):
                values[key] = before[key]
        if self.settings.wifi and "wifi.passphrase" in self.taken:
            values["wifi"] = _with_passphrase_of(previous.wifi, self.settings.wifi)
        return DeviceSettings(**values)


def redacted(content: bytes, spans: Iterable[SecretSpan]) -> bytes:
    """Return a file's content, of the same length, without the secrets at `spans`."""
    changed = bytearray(content)
    for span in spans:
        changed[span.start_byte : span.end_byte] = span.replacement
    return bytes(changed)


def _with_passphrase_of(previous: WifiSettings | None, wifi: WifiSettings) -> WifiSettings | None:
    """Return `wifi` with the passphrase of before; the network of before, if it is another one: it has a passphrase."""
    if previous is None or previous.ssid != wifi.ssid:
        return previous
    return msgspec.structs.replace(wifi, passphrase=previous.passphrase)
