"""`wpa_supplicant.conf`, as people put it on the cards of Raspberry Pi OS until version 11.

Reference: wpa_supplicant.conf(5) and the parser of wpa_supplicant 2.10: `ssid` and `psk` are `"text"` up to the last
quotation mark of the line without escapes, `P"text"` with them, or hexadecimal digits.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.secret_words import is_secret_key
from edge_streamer.appliance.formats.text import CardText, Secret

_LINE: Final = re.compile(
    r"^[ \t]*(?:(?P<key>[A-Za-z0-9_]+)[ \t]*=[ \t]*(?P<value>[^\r\n]*)|(?P<end>\}))", re.MULTILINE
)
_COMMENTED: Final = re.compile(r"^[ \t]*#[ \t#]*(?P<key>[A-Za-z0-9_]+)[ \t]*=[ \t]*(?P<value>[^\r\n]*)", re.MULTILINE)
"""wpa_passphrase(8) writes the passphrase as a comment above the key that it made of it."""
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"e": b"\x1b"}
_TAKEN: Final = ("ssid", "psk", "sae_password", "key_mgmt", "scan_ssid", "priority")
_SILENT: Final = (
    "ctrl_interface",
    "update_config",
    "ap_scan",
    "proto",
    "pairwise",
    "group",
    "auth_alg",
    "ieee80211w",
    "id_str",
)
"""Keys that ask for what the device does anyway."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A value as it is written, and its characters in the file without quotation marks."""

    written: str
    start: int
    end: int
    line: int


@dataclass(slots=True)
class _Network:
    keys: dict[str, _Value] = field(default_factory=dict)

    @property
    def priority(self) -> int:
        written = self.keys["priority"].written if "priority" in self.keys else "0"
        return int(written) if re.fullmatch(r"-?\d{1,9}", written) else 0


def read_wpa_supplicant_conf(file: CardText) -> Findings:
    """Return what the file says: the country, and the network with the highest priority, else the first one."""
    findings = Findings(file)
    outside, networks = _parse(file)
    findings.secrets += [*_secrets(networks), *_commented_secrets(file)]
    chosen = max(networks, key=lambda each: each.priority, default=None)
    for key in outside.keys() - {"country", *_SILENT}:
        findings.ignore(key, "no key that the device knows")
    if chosen is None or "ssid" not in chosen.keys:
        if "country" in outside:
            findings.ignore("country", "there is no network with an ssid")
        return findings
    for network in networks:
        if network is not chosen:
            findings.ignore(f"network {_shown_ssid(network)}", "the device joins one wireless network")
    if "country" in outside:
        country = outside["country"]
        findings.take("wifi.country", country.written.strip('"'), Place("country", country.line))
    _take_network(findings, chosen.keys)
    return findings


def _take_network(findings: Findings, keys: Mapping[str, _Value]) -> None:
    findings.take("wifi.ssid", _text(keys["ssid"].written), Place("network.ssid", keys["ssid"].line))
    if "scan_ssid" in keys and keys["scan_ssid"].written == "1":
        findings.take("wifi.hidden", True, Place("network.scan_ssid", keys["scan_ssid"].line))
    for key in keys.keys() - {*_TAKEN, *_SILENT}:
        findings.ignore(f"network.{key}", "networks with a passphrase and open ones are taken")
    key = "sae_password" if "sae_password" in keys else "psk"
    if key not in keys:
        if "key_mgmt" not in keys or "NONE" not in keys["key_mgmt"].written:
            findings.take("wifi.passphrase", "", Place("network.psk", keys["ssid"].line))
        return
    value = keys[key]
    passphrase = _text(value.written) if value.written.startswith(('"', "P")) else value.written
    findings.take("wifi.passphrase", passphrase, Place(f"network.{key}", value.line))
    findings.secrets.append(Secret(value.start, value.end, "wifi.passphrase"))


def _parse(file: CardText) -> tuple[dict[str, _Value], list[_Network]]:
    """Return the keys outside of networks, and the networks in their order."""
    outside: dict[str, _Value] = {}
    networks: list[_Network] = []
    keys = outside
    for found in _LINE.finditer(file.text):
        if found["end"]:
            keys = outside
        elif found["key"] == "network" and found["value"].startswith("{"):
            networks.append(_Network())
            keys = networks[-1].keys
        else:
            keys[found["key"]] = _value(file, found["value"], found.start("value"))
    return outside, networks


def _value(file: CardText, written: str, start: int) -> _Value:
    quote = written.find('"')
    if quote in (0, 1) and written.rfind('"') > quote:
        last = written.rfind('"')
        return _Value(written[: last + 1], start + quote + 1, start + last, file.line_of(start))
    written = written.partition("#")[0].rstrip()
    return _Value(written, start, start + len(written), file.line_of(start))


def _secrets(networks: list[_Network]) -> Iterator[Secret]:
    for network in networks:
        for key, value in network.keys.items():
            if is_secret_key(key) and value.end > value.start:
                yield Secret(value.start, value.end)


def _commented_secrets(file: CardText) -> Iterator[Secret]:
    for found in _COMMENTED.finditer(file.text):
        value = _value(file, found["value"], found.start("value"))
        if is_secret_key(found["key"]) and value.end > value.start:
            yield Secret(value.start, value.end)


def _text(written: str) -> str | None:
    """Return a value that is a string, None if it is no UTF-8 or no string."""
    try:
        if written.startswith('"'):
            return written[1:-1]
        if written.startswith('P"'):
            return _ESCAPE.sub(_unescaped, written[2:-1].encode()).decode()
        return bytes.fromhex(written).decode()
    except ValueError:
        return None


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes([int(found[1], 16)])
    if found[2]:
        return bytes([int(found[2], 8) & 0xFF])
    return _ESCAPED.get(found[3], found[3])


def _shown_ssid(network: _Network) -> str:
    return repr(_text(network.keys["ssid"].written) if "ssid" in network.keys else None)[:64]
