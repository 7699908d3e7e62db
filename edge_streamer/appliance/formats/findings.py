"""What one file of the card says, before it is checked: values in the shape of `[device]`, and where they stand.

Each format makes a `Findings`; `card` checks the values with the ranges of `DeviceSettings`, and the first file wins.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from edge_streamer.appliance.formats.text import CardText, Secret

_FIRST: Final = ("ssid", "address")
"""The keys that a table is named after, where its file has no such table."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a file calls a key, and the line where it stands; line 0 where it cannot be said."""

    key: str
    line: int = 0


@dataclass(slots=True)
class Findings:
    """The values of a file by the keys of `DeviceSettings`, unchecked; `places` by dotted keys, such as "wifi.ssid".

    `is_readable` is False when the file has to be corrected before anything of it can be taken; then `mistakes` says
    what. Secrets that nothing was made of are in `secrets`, too.
    """

    file: CardText
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    is_readable: bool = True
    configuration: str | None = None

    def take(self, key: str, value: object, place: Place) -> None:
        """Take the value of a dotted key of `DeviceSettings`: "name", or "wifi.ssid"."""
        table, _, name = key.rpartition(".")
        target = self.values.setdefault(table, {}) if table else self.values
        target[name] = value
        self.places[key] = place
        if table and (name in _FIRST or table not in self.places):
            self.places[table] = place

    def ignore(self, key: str, reason: str) -> None:
        """Note that the file's key is not taken, and why."""
        self.ignored.append((key, reason))

    def mistake(self, place: Place, what: str) -> None:
        """Note a mistake: what was found, and what is allowed."""
        line = f", line {place.line}" if place.line else ""
        self.mistakes.append(f"{self.file.name}{line}: {place.key}: {what}")

    def unreadable(self, what: str) -> "Findings":
        """Note that nothing of the file can be taken until `what` is corrected; return the findings."""
        self.mistakes.append(what)
        self.is_readable = False
        return self
