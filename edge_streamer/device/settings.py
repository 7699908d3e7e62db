"""The section `[device]`: name, admin password, network and clock of a device that was made from the image.

Only the image applies it: `appliance` reads it from the card, keeps it and writes the files of the operating system.
`config` checks it, so that `edge-streamer check` finds a mistake before the card is in the device; `serve` uses nothing
of it. The values are checked here, one function a kind; a function raises ValueError, and the field's `allowed` says
what may stand there.

None is a key that is not written. An empty list is written and means none: `ssh_keys = []` takes the keys away.
"""

import base64
import binascii
import re
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from edge_streamer.device.countries import COUNTRIES

TAKEN: Final = "_"
"""A secret on the card is overwritten with this character when it was taken: a value of nothing else is no secret."""
PASSWORD_CHARACTERS: Final = (8, 128)
"""As `accounts` allows; a test compares."""
MAX_SSH_KEYS: Final = 16
MAX_DNS_SERVERS: Final = 3
"""As many as resolv.conf(5) has."""
MAX_NTP_SERVERS: Final = 8

_HOST_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SSH_KEY: Final = re.compile(
    r"(?P<kind>[a-z0-9@.-]{1,64}) (?P<body>[A-Za-z0-9+/]{16,16384}={0,2})(?P<comment> [ -~]*)?"
)
_SSH_KINDS: Final = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_PSK: Final = re.compile(r"[0-9A-Fa-f]{64}")
_OR_TAKEN: Final = f'only "{TAKEN}" stands for one that was taken from the card before'


def is_taken(value: object) -> bool:
    """Return whether a value on the card stands for a secret that was taken from it before."""
    return isinstance(value, str) and TAKEN in value and not value.strip(f"{TAKEN} \t\r\n")


def is_psk(passphrase: str) -> bool:
    """Return whether a passphrase is the 256-bit key itself, in hex, instead of what it is derived from."""
    return _PSK.fullmatch(passphrase) is not None


def _read_name(value: object) -> str:
    """RFC 1123 section 2.1: letters, digits, hyphens, none at an end; RFC 1035 section 2.3.4: up to 63."""
    name = _text(value).lower()
    if not _HOST_LABEL.fullmatch(name) or name == "localhost":
        raise ValueError("not a host name")
    return name


def _read_password(value: object) -> str:
    password = _text(value)
    if is_taken(password):
        return password
    fewest, most = PASSWORD_CHARACTERS
    if not fewest <= len(password) <= most or not password.isprintable():
        raise ValueError("not a password")
    return password


def _read_ssid(value: object) -> str:
    """IEEE 802.11-2020 section 9.4.2.2: up to 32 bytes; names that people type are UTF-8."""
    ssid = _text(value)
    if not 1 <= len(ssid.encode()) <= 32 or not ssid.isprintable():
        raise ValueError("not a network's name")
    return ssid


def _read_passphrase(value: object) -> str:
    """IEEE 802.11-2020 section J.4.1: 8 to 63 characters; routers take UTF-8 and count its bytes."""
    passphrase = _text(value)
    if is_taken(passphrase):
        return passphrase
    if is_psk(passphrase):
        return passphrase.lower()
    if not 8 <= len(passphrase.encode()) <= 63 or not passphrase.isprintable():
        raise ValueError("not a passphrase")
    return passphrase


def _read_country(value: object) -> str:
    country = _text(value).upper()
    if country not in COUNTRIES:
        raise ValueError("not a country")
    return country


def _read_address(value: object) -> str:
    text = _text(value)
    interface = ip_interface(text)
    if "/" not in text or not _is_of_a_host(interface):
        raise ValueError("not an address of a host with the length of its network")
    return str(interface)


def _is_of_a_host(interface: IPv4Interface | IPv6Interface) -> bool:
    address, network = interface.ip, interface.network
    if address.is_multicast or address.is_loopback or address.is_unspecified or network.prefixlen == 0:
        return False
    if network.max_prefixlen - network.prefixlen < 2:  # RFC 3021: both addresses of a /31 are hosts'; a /32 is alone
        return network.max_prefixlen != network.prefixlen
    return address not in (network.network_address, network.broadcast_address)


def _read_gateway(value: object) -> str:
    return str(ip_address(_text(value)))


def _read_dns(value: object) -> tuple[str, ...]:
    return tuple(str(ip_address(each)) for each in _texts(value, MAX_DNS_SERVERS))


def _read_ssh_keys(value: object) -> tuple[str, ...]:
    return tuple(_ssh_key(each) for each in _texts(value, MAX_SSH_KEYS))


def _ssh_key(line: str) -> str:
    """Return the line of an `id_*.pub` file; RFC 4253 section 6.6: the body repeats the kind. No options (sshd(8))."""
    match = _SSH_KEY.fullmatch(line.strip())
    if match is None or match["kind"] not in _SSH_KINDS:
        raise ValueError("not the line of a public key")
    try:
        body = base64.b64decode(match["body"], validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    kind = match["kind"].encode()
    if not body.startswith(len(kind).to_bytes(4) + kind):
        raise ValueError("the key is of another kind than its line says")
    return match[0].rstrip()


def _read_time_zone(value: object) -> str:
    zone = _text(value)
    if not _ZONE.fullmatch(zone):
        raise ValueError("not a zone's name")
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError):  # no such zone; a folder of zones; a file that is no zone
        raise ValueError("no such zone") from None
    return zone


def _read_ntp_servers(value: object) -> tuple[str, ...]:
    return tuple(_server(each) for each in _texts(value, MAX_NTP_SERVERS))


def _server(text: str) -> str:
    if len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in text.lower().split(".")):
        return text.lower()
    return str(ip_address(text))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")  # the caller turns each wrong value into one message
    return value


def _texts(value: object, at_most: int) -> list[str]:
    if not isinstance(value, list | tuple) or len(value) > at_most:
        raise ValueError("not a list, or too long")
    return [_text(each) for each in value]


class WifiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[device.wifi]`: the one wireless network that the device joins."""

    ssid: Annotated[
        str,
        Meta(
            description="Name of the wireless network.",
            extra={"read": _read_ssid, "allowed": "1 to 32 bytes of UTF-8 in quotes, no control characters"},
        ),
    ]
    passphrase: (
        Annotated[
            str,
            Meta(
                description="Its passphrase; left out for an open network. The 64 digits are the key that WPA2 derives "
                "from it; networks with WPA3 alone need the passphrase itself.",
                extra={
                    "read": _read_passphrase,
                    "secret": True,
                    "allowed": f"8 to 63 printable characters or 64 hexadecimal digits; {_OR_TAKEN}",
                },
            ),
        ]
        | None
    ) = None
    country: (
        Annotated[
            str,
            Meta(
                description="Country whose radio rules apply. Without it only channels that are free everywhere are "
                "used.",
                extra={
                    "read": _read_country,
                    "allowed": 'two letters of ISO 3166, such as "DE", "GB" (not "UK") or "US"',
                },
            ),
        ]
        | None
    ) = None
    hidden: Annotated[bool, Meta(description="The network does not announce its name.")] = False

    def __repr__(self) -> str:
        """Return the values without the passphrase: a traceback or a log may show it."""
        return f"WifiSettings(ssid={self.ssid!r}, country={self.country!r}, hidden={self.hidden})"


class NetworkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[device.network]`: a fixed address instead of the one that DHCP gives."""

    address: Annotated[
        str,
        Meta(
            description="Address of the device and length of its network.",
            extra={
                "read": _read_address,
                "allowed": 'an address of a host with the length of its network, such as "192.168.1.20/24"',
            },
        ),
    ]
    gateway: (
        Annotated[
            str,
            Meta(
                description="Address of the router; it must be in the same network.",
                extra={"read": _read_gateway, "allowed": 'an address such as "192.168.1.1"'},
            ),
        ]
        | None
    ) = None
    dns: Annotated[
        tuple[str, ...],
        Meta(
            description="Name servers. The device needs them for time servers that are names, as Debian's is, and for "
            "nothing else. Left out or empty: the router of `gateway`.",
            extra={"read": _read_dns, "allowed": f'a list of up to {MAX_DNS_SERVERS} addresses such as "192.168.1.1"'},
        ),
    ] = ()
    interface: (
        Annotated[
            Literal["ethernet", "wifi"],
            Meta(
                description="What gets the address; the other one uses DHCP. Left out: Wi-Fi if `[device.wifi]` is "
                "written, else Ethernet."
            ),
        ]
        | None
    ) = None


class DeviceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[device]`: what the device image takes from the card; the service itself uses nothing of it."""

    name: (
        Annotated[
            str,
            Meta(
                description="Host name: the device is found as `<name>.local`. Left out: `edge-` and six characters of "
                "the serial number.",
                extra={
                    "read": _read_name,
                    "allowed": "1 to 63 of the characters a-z 0-9 -, no - at an end (RFC 1123), not localhost",
                },
            ),
        ]
        | None
    ) = None
    password: (
        Annotated[
            str,
            Meta(
                description="Password of the user `admin` of the service. Left out: the device makes one and shows it "
                "on the card and the console.",
                extra={
                    "read": _read_password,
                    "secret": True,
                    "allowed": f"{PASSWORD_CHARACTERS[0]} to {PASSWORD_CHARACTERS[1]} printable characters; "
                    f"{_OR_TAKEN}",
                },
            ),
        ]
        | None
    ) = None
    time_zone: (
        Annotated[
            str,
            Meta(
                description="Time zone of the overlay's clock. Left out: UTC.",
                extra={"read": _read_time_zone, "allowed": 'a zone of this machine\'s tzdata, such as "Europe/Berlin"'},
            ),
        ]
        | None
    ) = None
    ntp_servers: (
        Annotated[
            tuple[str, ...],
            Meta(
                description="Time servers. Left out: those that DHCP names, else Debian's.",
                extra={
                    "read": _read_ntp_servers,
                    "allowed": f"a list of up to {MAX_NTP_SERVERS} host names or addresses",
                },
            ),
        ]
        | None
    ) = None
    ssh_keys: (
        Annotated[
            tuple[str, ...],
            Meta(
                description="Public keys that may log in by SSH. Left out or empty: SSH is off. There is no SSH with a "
                "password.",
                extra={
                    "read": _read_ssh_keys,
                    "allowed": f"a list of up to {MAX_SSH_KEYS} lines of id_*.pub files, such as "
                    '"ssh-ed25519 AAAA... you@laptop"',
                },
            ),
        ]
        | None
    ) = None
    wifi: (
        Annotated[
            WifiSettings,
            Meta(
                description="Table `[device.wifi]`: the wireless network.",
                extra={"allowed": "a table, written [device.wifi]"},
            ),
        ]
        | None
    ) = None
    network: (
        Annotated[
            NetworkSettings,
            Meta(
                description="Table `[device.network]`: a fixed address. Left out: DHCP.",
                extra={"allowed": "a table, written [device.network]"},
            ),
        ]
        | None
    ) = None

    def __repr__(self) -> str:
        """Return the values without secrets: a traceback or a log may show it."""
        shown = {key: value for key, value in msgspec.structs.asdict(self).items() if key != "password"}
        return f"DeviceSettings({', '.join(f'{key}={value!r}' for key, value in shown.items() if value is not None)})"

    def without_secrets(self) -> "DeviceSettings":
        """Return a copy that may be shown to every user."""
        wifi = self.wifi and msgspec.structs.replace(self.wifi, passphrase=None)
        return msgspec.structs.replace(self, password=None, wifi=wifi)


def gateway_mistake(network: NetworkSettings) -> str:
    """Return why the gateway cannot be reached from the address, for an error message; empty where it can.

    A link-local IPv6 gateway (RFC 4291 section 2.5.6) belongs to every network.
    """
    if network.gateway is None:
        return ""
    gateway, interface = ip_address(network.gateway), ip_interface(network.address)
    if gateway == interface.ip:
        return f"{gateway} is the device's own address; write that of the router"
    if gateway in interface.network or (gateway.version == 6 == interface.version and gateway.is_link_local):
        return ""
    return f"{gateway} is not in the network {interface.network} of address; write a router of that network"
