"""What people put on the card: the settings of the device, the configuration of the service, and the secrets to remove.

`Card` is made by `read_card` from the files in one folder. It is a value: the caller keeps the settings, and
overwrites the secrets when the settings are safe on the data partition.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from edge_streamer.appliance.formats.cloud_init import read_user_data
from edge_streamer.appliance.formats.edge_streamer_toml import read_edge_streamer_toml
from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.netplan import read_network_config
from edge_streamer.appliance.formats.preseed import read_preseed
from edge_streamer.appliance.formats.text import CardText, TextError, read_card_text
from edge_streamer.appliance.formats.unused import REASONS, read_unused
from edge_streamer.appliance.formats.wpa_supplicant_conf import read_wpa_supplicant_conf
from edge_streamer.config.device import read_device
from edge_streamer.config.toml import ConfigError, write_value
from edge_streamer.device.settings import DeviceSettings, WifiSettings, is_taken

MAX_TOLD: Final = 100
"""So many mistakes, and so many keys that are not taken, are told one by one: a full file has thousands."""

Told = TypeVar("Told")


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

    def lost_secrets(self, previous: DeviceSettings, *, has_initial_password: bool) -> tuple[str, ...]:
        """Return mistakes, as `mistakes` has them, for secrets that were taken, but not by this device: the card's file
        was in another one, or its data partition was made anew. A passphrase is also for one network."""
        lost = []
        if "password" in self.taken and has_initial_password:
            lost.append(
                "device.password: it was taken from this file by another device, and this one made a password of its "
                "own; write it again"
            )
        wifi = self.settings.wifi
        is_kept = previous.wifi is not None and wifi is not None and previous.wifi.ssid == wifi.ssid
        if wifi is not None and "wifi.passphrase" in self.taken and not is_kept:
            lost.append(
                f"Wi-Fi {write_value(wifi.ssid)}: its passphrase was taken from this card by another device, or for "
                "another network; write it again"
            )
        return tuple(lost)


def _with_passphrase_of(previous: WifiSettings | None, wifi: WifiSettings) -> WifiSettings | None:
    """Return `wifi` with the passphrase of before; the network of before, if it is another one: it has a passphrase."""
    if previous is None or previous.ssid != wifi.ssid:
        return previous
    return msgspec.structs.replace(wifi, passphrase=previous.passphrase)


def read_card(folder: Path) -> Card:
    """Return what the files in `folder` say; mistakes in them are values, and no content raises.

    Of files that say the same key the first one counts, in the order of `FILE_NAMES`. A file is known by its name in
    upper or lower case, and with the `.txt` that editors add.
    """
    reading = _Reading()
    for path, kind in _known_files(folder):
        try:
            file = read_card_text(path)
        except TextError as error:
            reading.no_text(path.name, str(error), kind)
            continue
        if path.name.lower() not in _READERS and kind not in REASONS:
            reading.applied.append(Applied(path.name, "", f"read as {kind}; its name need not end in .txt"))
        reading.add(_READERS[kind](file), kind)
    return reading.card()


_READERS: Final[Mapping[str, Callable[[CardText], Findings]]] = {
    "edge-streamer.toml": read_edge_streamer_toml,
    "rpi-preseed.toml": partial(read_preseed, is_hashed=False),
    "custom.toml": partial(read_preseed, is_hashed=True),
    "user-data": read_user_data,
    "network-config": read_network_config,
    "wpa_supplicant.conf": read_wpa_supplicant_conf,
    **{kind: partial(read_unused, kind=kind) for kind in REASONS},
}

FILE_NAMES: Final = tuple(_READERS)
"""The names of the files that are read, in the order of precedence; `.txt` may follow each."""


def _known_files(folder: Path) -> list[tuple[Path, str]]:
    """Return the files that a reader is for, with the names of their readers, in the order of precedence."""
    order = list(_READERS)
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = path.name.lower()
        kind = name if name in _READERS else name.removesuffix(".txt")
        if kind in _READERS and path.is_file():
            found.append((order.index(kind), kind != name, path, kind))
    return [(path, kind) for _, _, path, kind in sorted(found)]


class _Reading:
    """Collects what the files say, checks it, and lets the first file that has a key win."""

    def __init__(self) -> None:
        self.applied: list[Applied] = []
        self._ignored: list[Ignored] = []
        self._mistakes: list[str] = []
        self._secrets: list[SecretSpan] = []
        self._values: dict[str, Any] = {}
        self._claimed: dict[str, str] = {}
        self._taken: set[str] = set()
        self._mistaken: set[str] = set()
        self._configuration: str | None = None
        self._configuration_file = ""
        self._readable: list[bool] = []

    def no_text(self, name: str, mistake: str, kind: str) -> None:
        """Note a file that is no text."""
        if kind in REASONS:
            self._ignored.append(Ignored(name, "", REASONS[kind]))
        else:
            self._mistakes.append(mistake)
            self._readable.append(False)

    def add(self, findings: Findings, kind: str) -> None:
        """Take over what a file says."""
        name = findings.file.name
        if kind not in REASONS:
            self._readable.append(findings.is_readable)
        if findings.is_readable:
            wrong = {key for key, value in findings.values.items() if not self._take(findings, key, value)}
            self._secrets += _spans(findings, wrong)
        self._mistakes += findings.mistakes
        self._ignored += [Ignored(name, key, reason) for key, reason in findings.ignored]
        if findings.configuration is not None and self._configuration is not None:
            self._ignored.append(Ignored(name, "", f"{self._configuration_file} is the configuration"))
        elif findings.configuration is not None:
            self._configuration, self._configuration_file = findings.configuration, name

    def card(self) -> Card:
        """Return what was collected."""
        return Card(
            settings=DeviceSettings(**self._values),
            configuration=self._configuration,
            applied=tuple(self.applied),
            ignored=_limited(self._ignored, lambda count: Ignored("other keys", "", f"{count} more are not taken")),
            mistakes=_limited(self._mistakes, lambda count: f"{count} more mistakes"),
            secrets=tuple(self._secrets),
            taken=frozenset(self._taken),
            mistaken=frozenset(self._mistaken),
            is_whole=bool(self._readable) and all(self._readable),
        )

    def _take(self, findings: Findings, key: str, value: object) -> bool:
        """Take one key of `DeviceSettings`; False when its value has a mistake."""
        place = findings.places.get(key, Place(key))
        if key in self._claimed:
            self._ignored.append(Ignored(findings.file.name, place.key, f"{self._claimed[key]} has it"))
            return True
        try:
            settings = read_device({key: value})
        except ConfigError as error:
            path, _, what = str(error).partition(": ")
            findings.mistake(findings.places.get(path.removeprefix("device."), place), what)
            if key in DeviceSettings.__struct_fields__:
                self._claimed[key] = findings.file.name
                self._mistaken.add(key)
            return False
        self._claimed[key] = findings.file.name
        self._values[key] = self._without_taken(key, getattr(settings, key))
        self.applied.append(Applied(findings.file.name, place.key, self._said(key)))
        return True

    def _without_taken(self, key: str, value: Any) -> Any:
        if key == "password" and is_taken(value):
            self._taken.add(key)
            return None
        if key == "wifi" and is_taken(value.passphrase):
            self._taken.add("wifi.passphrase")
            return msgspec.structs.replace(value, passphrase=None)
        return value

    def _said(self, key: str) -> str:
        """Return what a key does, for people, without secrets."""
        value = self._values[key]
        match key:
            case "name":
                return f"host name {value}"
            case "password":
                before = ", taken before" if key in self._taken else ""
                return f"password of the user admin{before}"
            case "wifi":
                return _said_wifi(value, is_taken_before="wifi.passphrase" in self._taken)
            case "network":
                gateway = f", gateway {value.gateway}" if value.gateway else ""
                return f"fixed address {value.address}{gateway}"
            case "ssh_keys":
                keys = "1 public key" if len(value) == 1 else f"{len(value)} public keys"
                return f"SSH with {keys}" if value else "SSH is off"
            case "time_zone":
                return f"time zone {value}"
            case _:
                return f"time servers {', '.join(value) or 'of DHCP or Debian'}"


def _limited(told: Sequence[Told], more: Callable[[int], Told]) -> tuple[Told, ...]:
    """Return the first `MAX_TOLD`, and how many more there are: the status of the device has to stay readable."""
    if len(told) <= MAX_TOLD:
        return tuple(told)
    return (*told[:MAX_TOLD], more(len(told) - MAX_TOLD))


def _said_wifi(wifi: WifiSettings, *, is_taken_before: bool) -> str:
    parts = [f"Wi-Fi {write_value(wifi.ssid)}"]
    if is_taken_before:
        parts.append("its passphrase was taken before")
    elif wifi.passphrase is None:
        parts.append("an open network")
    parts.append(f"country {wifi.country}" if wifi.country else "no country: only channels that are free everywhere")
    return ", ".join(parts)


def _spans(findings: Findings, wrong: set[str]) -> Iterator[SecretSpan]:
    """Yield where the file's secrets are, without those of `wrong` keys, which have to be corrected first, and without
    those that are blank."""
    file = findings.file
    end = 0
    # Of two at the same place the one with a key is first; what is inside of another one is left out.
    for secret in sorted(findings.secrets, key=lambda each: (each.start, not each.key, -each.end)):
        if secret.start < end:
            continue
        end = max(end, secret.end)
        first, last = file.byte_range(secret.start, secret.end)
        blank = secret.blank(file.text)
        is_blank = blank == file.text[secret.start : secret.end].encode()
        if not is_blank and secret.key.partition(".")[0] not in wrong:
            yield SecretSpan(file.name, first, last, blank)
