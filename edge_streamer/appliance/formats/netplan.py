"""`network-config`, version 2: the subset of netplan that Raspberry Pi Imager writes, and fixed addresses.

Reference: netplan, "YAML configuration". One Ethernet port and one wireless network are taken.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.secret_words import is_secret_key, secrets_by_form
from edge_streamer.appliance.formats.text import CardText, Secret
from edge_streamer.appliance.formats.yaml_text import Tree, YamlError, YamlText, is_true, parse_yaml

_NO_OTHERS_REASON: Final = "the device has Ethernet ports and one Wi-Fi"
_DEFAULT_ROUTES: Final = ("default", "0.0.0.0/0", "::/0")
_EXPLAINED: Final[Mapping[str, str]] = {
    "renderer": "the device has systemd-networkd",
    "match": "the settings are for every port of the kind",
    "set-name": "the settings are for every port of the kind",
    "dhcp4-overrides": "DHCP is used as the device does",
    "dhcp6-overrides": "DHCP is used as the device does",
    "macaddress": "a port keeps its own address",
}
_SILENT: Final = ("dhcp4", "dhcp6", "optional", "accept-ra", "link-local")
"""Keys that ask for what the device does anyway."""


def read_network_config(file: CardText) -> Findings:
    """Return what the file says."""
    findings = Findings(file)
    try:
        yaml = parse_yaml(file.text)
    except YamlError as error:
        return findings.unreadable(f"{file.name}, {error}")
    tree = yaml.tree
    prefix: tuple[str, ...] = ()
    if isinstance(tree, dict) and isinstance(tree.get("network"), dict):
        tree, prefix = tree["network"], ("network",)
    if tree is None:
        return findings
    if not isinstance(tree, dict) or tree.get("version", "2") != "2":
        place = Place("version", yaml.line_of(*prefix, "version"))
        findings.mistake(place, "another format; allowed: version: 2")
        findings.is_readable = False
        return findings
    _NetworkConfig(findings, yaml, prefix).read(tree)
    return findings


class _NetworkConfig:
    """Goes through the ports of one file; `prefix` is where they stand."""

    def __init__(self, findings: Findings, yaml: YamlText, prefix: tuple[str, ...]) -> None:
        self._findings = findings
        self._yaml = yaml
        self._prefix = prefix

    def read(self, tree: dict[str, Tree]) -> None:
        for key in tree.keys() - {"version", "ethernets", "wifis"}:
            self._findings.ignore(key, _EXPLAINED.get(key, _NO_OTHERS_REASON))
        for name, port in _tables(tree.get("wifis")):
            self._wifi(name, port)
        for kind in ("wifis", "ethernets"):
            for name, port in _tables(tree.get(kind)):
                self._port(kind, name, port)
        self._note_secrets()

    def _place(self, *path: str) -> Place:
        return Place(".".join(path), self._yaml.line_of(*self._prefix, *path))

    def _wifi(self, name: str, port: dict[str, Tree]) -> None:
        for ssid, access_point in _tables(port.get("access-points")):
            path = ("wifis", name, "access-points", ssid)
            if "wifi" in self._findings.values:
                self._findings.ignore(".".join(path), "the device joins one wireless network, the first one")
                continue
            self._findings.take("wifi.ssid", ssid, self._place(*path))
            if is_true(access_point.get("hidden")):
                self._findings.take("wifi.hidden", True, self._place(*path, "hidden"))
            if port.get("regulatory-domain") is not None:
                place = self._place("wifis", name, "regulatory-domain")
                self._findings.take("wifi.country", port["regulatory-domain"], place)
            self._passphrase(path, access_point)

    def _passphrase(self, path: tuple[str, ...], access_point: dict[str, Tree]) -> None:
        auth = access_point.get("auth")
        inner = ("auth", "password") if isinstance(auth, dict) else ("password",)
        value = auth.get("password") if isinstance(auth, dict) else access_point.get("password")
        if isinstance(auth, dict) and auth.get("key-management", "psk") not in ("none", "psk", "sae", "psk-sha256"):
            self._findings.mistake(self._place(*path, "auth", "key-management"), "allowed: none, psk or sae")
        if value is None:
            return
        self._findings.take("wifi.passphrase", value, self._place(*path, *inner))
        for scalar in self._yaml.scalars:
            if scalar.path == (*self._prefix, *path, *inner):
                secret = scalar.secret
                self._findings.secrets.append(Secret(secret.start, secret.end, "wifi.passphrase", secret.form))

    def _port(self, kind: str, name: str, port: dict[str, Tree]) -> None:
        for key in port.keys() - {"access-points", "regulatory-domain", "addresses", "nameservers", *_SILENT}:
            if key not in ("gateway4", "gateway6", "routes"):
                self._findings.ignore(f"{kind}.{name}.{key}", _EXPLAINED.get(key, "no key that the device knows"))
        addresses = port.get("addresses")
        if not isinstance(addresses, list) or not addresses:
            return
        path = (kind, name, "addresses")
        if "network" in self._findings.values:
            self._findings.ignore(".".join(path), "the device has one fixed address, the first one")
            return
        for further in addresses[1:]:
            self._findings.ignore(
                ".".join(path), f"{str(further)[:64]}: the device has one fixed address, the first one"
            )
        self._findings.take("network.address", addresses[0], self._place(*path))
        self._findings.values["network"]["interface"] = "wifi" if kind == "wifis" else "ethernet"
        gateway = _gateway(port)
        if gateway is not None:
            self._findings.take("network.gateway", gateway, self._place(kind, name))
        nameservers = port.get("nameservers")
        if isinstance(nameservers, dict) and isinstance(nameservers.get("addresses"), list):
            self._findings.take("network.dns", nameservers["addresses"], self._place(kind, name, "nameservers"))

    def _note_secrets(self) -> None:
        for scalar in self._yaml.scalars:
            if scalar.path and is_secret_key(scalar.path[-1]):
                self._findings.secrets.append(scalar.secret)
        self._findings.secrets += secrets_by_form(self._findings.file.text)


def _tables(value: Tree) -> Iterator[tuple[str, dict[str, Tree]]]:
    for name, table in value.items() if isinstance(value, dict) else ():
        yield name, table if isinstance(table, dict) else {}


def _gateway(port: dict[str, Tree]) -> Tree:
    routes = port.get("routes")
    for route in routes if isinstance(routes, list) else ():
        if isinstance(route, dict) and route.get("to") in _DEFAULT_ROUTES:
            return route.get("via")
    return port.get("gateway4") or port.get("gateway6")
