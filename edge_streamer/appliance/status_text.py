"""What people read on the card and on the console: where the device is found, the password, what was taken.

The text has no time and nothing else that changes by itself, so it is written to the card only when there is news.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from edge_streamer.appliance.password import ADMIN
from edge_streamer.device.appliance_status import ApplianceStatus, told

STATUS_NAME: Final = "edge-streamer-status.txt"
MAX_LINES: Final = 200
"""A file with a mistake in each of its lines must not fill the partition."""

_ADDRESSES: Final = "Addresses:"
_CONFIGURATION: Final = {
    "card": "from the card",
    "last_good": "the last good one: that of the card has a mistake, see below",
    "default": "the default",
}
_DATA: Final = {
    "repaired": "The data partition was damaged and has been repaired.",
    "recreated": "The data partition was damaged beyond repair and was made anew: some settings may be lost.",
    "memory": "The data partition cannot be used: settings are lost when the power goes. Replace the card.",
}


def status_text(status: ApplianceStatus, addresses: Sequence[str], initial_password: str | None) -> str:
    """Return the text; `initial_password` is None when people set one, which is never shown."""
    head = [
        "This file is written by the device. To change something, edit edge-streamer.toml beside it.",
        "",
        *_access(status, addresses, initial_password),
        "",
        *([f"Serial number:  {status.serial}"] if status.serial else []),
        f"Configuration:  {_CONFIGURATION[status.configuration]}",
    ]
    if status.data_state in _DATA:
        head += ["", _DATA[status.data_state]]
    lists = (
        ("Mistakes (nothing else is affected by them):", status.mistakes),
        ("Applied:", (told(each.file, each.key, each.text) for each in status.applied)),
        ("Ignored:", (told(each.file, each.key, each.reason) for each in status.ignored)),
    )
    lines = [*head, *(line for title, entries in lists for line in _titled(title, entries))]
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"... and {len(lines) - MAX_LINES} more lines"]
    return "".join(f"{_printable(line)}\n" for line in lines)


def without_addresses(text: str) -> list[str]:
    """Return the lines of `status_text` that are known before the network is."""
    return [line for line in text.splitlines() if not line.startswith(_ADDRESSES)]


def console_text(status: ApplianceStatus, addresses: Sequence[str], initial_password: str | None) -> str:
    """Return the short form for the console."""
    lines = ["", *_access(status, addresses, initial_password)]
    if status.data_state in _DATA:
        lines.append(_DATA[status.data_state])
    lines += [f"Mistake: {mistake}" for mistake in status.mistakes[:10]]
    return "".join(f"{_printable(line)}\n" for line in [*lines, ""])


def _access(status: ApplianceStatus, addresses: Sequence[str], initial_password: str | None) -> list[str]:
    name = f"{status.host_name}.local"
    shown = [f"Password:       {initial_password} (made for this device; shown until it is changed)"]
    return [
        f"Camera:         {status.host_name}",
        f"Page:           http://{name}/",
        *(f"RTSP:           rtsp://{name}/{stream}" for stream in status.streams),
        f"{_ADDRESSES}      {', '.join(f'http://{_in_url(each)}/' for each in addresses) or 'none yet'}",
        f"User:           {ADMIN}",
        *(shown if initial_password else ["Password:       the one that you set"]),
    ]


def _titled(title: str, entries: Iterable[str]) -> Iterator[str]:
    for index, entry in enumerate(entries):
        if index == 0:
            yield ""
            yield title
        yield f"  {entry}"


def _in_url(address: str) -> str:
    """RFC 3986 section 3.2.2: an IPv6 address stands in brackets."""
    return f"[{address}]" if ip_address(address).version == 6 else address


def _printable(line: str) -> str:
    """A file's keys may hold anything; a control character must not reach a terminal."""
    return "".join(character if character.isprintable() else "?" for character in line)
