"""`rpi-preseed.toml` of Raspberry Pi Imager 2 (rpi-preseed, `config_version = "1.1"`), and the `custom.toml` that
Raspberry Pi OS 12 reads (raspberrypi-sys-mods, `config_version = 1`): nearly the same keys.

They differ in what a password is when `password_encrypted` is not written: a hash in `custom.toml`, clear text in
`rpi-preseed.toml`.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.secret_words import is_secret_key, secrets_by_form
from edge_streamer.appliance.formats.text import CardText, Secret
from edge_streamer.appliance.formats.toml_text import Path, TomlScanner, read_toml
from edge_streamer.config.toml import ConfigError

HASH_REASON: Final = "a hash of a Unix password cannot log in to RTSP or HTTP; write [device] password"
USER_REASON: Final = "the device has one administrator, admin, and no other Unix login"
KEY_REASON: Final = "SSH lets in public keys only"
NO_LOCALE_REASON: Final = "the device has no keyboard and speaks English"
NO_COMMANDS_REASON: Final = "the device runs no commands of the card"

_REASONS: Final[Mapping[Path, str]] = {
    ("user", "name"): USER_REASON,
    ("user", "passwordless_sudo"): USER_REASON,
    ("user", "groups"): USER_REASON,
    ("ssh", "ssh_import_id"): "the device fetches nothing from other machines; write the key itself",
    ("ethernet", "interface"): "the settings are for every Ethernet port",
    ("ethernet", "dns_search"): "the device looks up no names of a local domain",
    ("time", "fallback_ntp"): "Debian's time servers are the fallback",
    ("locale",): NO_LOCALE_REASON,
    ("ca_certificates",): "the device calls no server that needs them",
    ("mounts",): "the device mounts nothing else",
    ("connect",): "Raspberry Pi Connect is not on the device",
    ("interfaces",): "the image sets the board's interfaces",
    ("boot",): "the image has its own boot partitions",
    ("packages",): "the image is complete and read-only",
    ("runcmd",): NO_COMMANDS_REASON,
    ("debug",): "the log of the device is complete without it",
}
_TAKEN: Final[Mapping[Path, str]] = {
    ("wlan", "ssid"): "wifi.ssid",
    ("wlan", "hidden"): "wifi.hidden",
    ("wlan", "country"): "wifi.country",
    ("locale", "timezone"): "time_zone",
    ("time", "ntp"): "ntp_servers",
}


def read_preseed(file: CardText, *, is_hashed: bool) -> Findings:
    """Return what the file says; `is_hashed` is what a password is if the file does not say it."""
    findings = Findings(file)
    try:
        tables, scanner = read_toml(file)
    except ConfigError as error:
        return findings.unreadable(str(error))
    version = tables.pop("config_version", "1.1")
    if str(version).partition(".")[0] != "1":
        place = Place("config_version", scanner.line_of(("config_version",)))
        findings.mistake(place, "another version; allowed: 1, 1.0 or 1.1")
        findings.is_readable = False
        return findings
    _Preseed(findings, scanner, _flat(tables), is_hashed=is_hashed).read()
    return findings


class _Preseed:
    """Goes through the keys of one file; what no step has taken or explained is an unknown key."""

    def __init__(self, findings: Findings, scanner: TomlScanner, values: dict[Path, Any], *, is_hashed: bool) -> None:
        self._findings = findings
        self._scanner = scanner
        self._values = values
        self._is_hashed = is_hashed

    def read(self) -> None:
        self._note_secrets()
        self._host_name()
        self._password()
        self._ssh()
        self._wifi()
        self._ethernet()
        for path, key in _TAKEN.items():
            self._move(path, key)
        for path in self._values:
            reason = _REASONS.get(path) or _REASONS.get(path[:1])
            self._findings.ignore(".".join(path), reason or "no key that the device knows")

    def _move(self, path: Path, key: str) -> None:
        if path in self._values:
            self._findings.take(key, self._values.pop(path), self._place(path))

    def _place(self, path: Path) -> Place:
        return Place(".".join(path), self._scanner.line_of(path))

    def _ignore(self, path: Path, reason: str) -> None:
        if self._values.pop(path, None) is not None:
            self._findings.ignore(".".join(path), reason)

    def _note_secrets(self) -> None:
        keys: dict[Path, str] = {("wlan", "password"): "wifi.passphrase"}
        if not self._has_hash():
            keys["user", "password"] = "password"
        found = self._findings.secrets
        for leaf in self._scanner.leaves:
            is_number = not leaf.is_string and self._findings.file.text[leaf.start : leaf.end].isdigit()
            if is_secret_key(leaf.path[-1]) and (leaf.is_string or is_number):
                form: Literal["text", "number"] = "number" if is_number else "text"
                found.append(Secret(leaf.start, leaf.end, keys.get(leaf.path, ""), form))
        found += secrets_by_form(self._findings.file.text)

    def _host_name(self) -> None:
        path = ("system", "hostname")
        if path in self._values:
            self._findings.take("name", first_label(self._values.pop(path)), self._place(path))

    def _has_hash(self) -> bool:
        is_hash = self._values.get(("user", "password_encrypted"), self._is_hashed)
        return is_hash is True or str(self._values.get(("user", "password"), "")).startswith("$")

    def _password(self) -> None:
        has_hash = self._has_hash()
        self._values.pop(("user", "password_encrypted"), None)
        if has_hash:
            self._ignore(("user", "password"), HASH_REASON)
        self._move(("user", "password"), "password")

    def _ssh(self) -> None:
        keys, enabled = ("ssh", "authorized_keys"), ("ssh", "enabled")
        was_written = enabled in self._values
        is_enabled = self._values.pop(enabled, True)
        if is_enabled is False:
            self._ignore(keys, "ssh.enabled is false")
        elif keys not in self._values and was_written:
            self._findings.ignore("ssh.enabled", f"{KEY_REASON}; give one")
        if self._values.pop(("ssh", "password_authentication"), False) is True:
            self._findings.ignore("ssh.password_authentication", KEY_REASON)
        self._move(keys, "ssh_keys")

    def _wifi(self) -> None:
        """`key_mgmt` says whether a passphrase is needed; with one, the device tries WPA3 and WPA2."""
        self._values.pop(("wlan", "password_encrypted"), None)  # 64 digits are the key, anything else is not
        key_management = self._values.pop(("wlan", "key_mgmt"), None)
        ssid_hex = self._values.pop(("wlan", "ssid_hex"), None)
        if ssid_hex is not None and ("wlan", "ssid") not in self._values:
            self._findings.take("wifi.ssid", _from_hex(ssid_hex), self._place(("wlan", "ssid_hex")))
        elif ("wlan", "ssid") not in self._values:
            for key in ("password", "hidden", "country"):
                self._ignore(("wlan", key), "there is no wlan.ssid")
        if key_management in ("none", "owe"):
            self._ignore(("wlan", "password"), f'key_mgmt = "{key_management}" is an open network')
        if self._values.get(("wlan", "password")) == "":
            self._values.pop(("wlan", "password"))
        self._move(("wlan", "password"), "wifi.passphrase")

    def _ethernet(self) -> None:
        method = self._values.pop(("ethernet", "method"), "dhcp")
        if method == "static":
            for key in ("address", "gateway", "dns"):
                self._move(("ethernet", key), f"network.{key}")
            self._findings.take("network.interface", "ethernet", self._place(("ethernet", "method")))
            return
        if method != "dhcp":
            self._findings.ignore("ethernet.method", "Ethernet stays on; it uses DHCP")
        for key in ("address", "gateway", "dns"):
            self._ignore(("ethernet", key), 'it needs method = "static"')


def first_label(host_name: object) -> object:
    """Return the host name without its domain: the device is in `.local`."""
    return host_name.partition(".")[0] if isinstance(host_name, str) else host_name


def _from_hex(value: object) -> object:
    """Return the name that the digits are; the digits themselves are no name, and the check of the name says so."""
    try:
        return bytes.fromhex(str(value)).decode()
    except ValueError:
        return None


def _flat(tables: Mapping[str, Any]) -> dict[Path, Any]:
    """Return the values by (table, key); what is deeper stays as it is."""
    values: dict[Path, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            values |= {(key, inner): each for inner, each in value.items()}
        else:
            values[key,] = value
    return values
