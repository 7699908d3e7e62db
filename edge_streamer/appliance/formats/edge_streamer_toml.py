"""`edge-streamer.toml`, our own file: the configuration of the service with a table `[device]`."""

from collections.abc import Mapping
from typing import Any, Final

from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.text import CardText, Secret
from edge_streamer.appliance.formats.toml_text import TomlScanner, read_toml
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.settings import DeviceSettings

MAX_KEYS: Final = 50
"""More keys than `[device]` will ever have: each unknown one costs a message."""

_SECRETS: Final = {("device", "password"): "password", ("device", "wifi", "passphrase"): "wifi.passphrase"}


def read_edge_streamer_toml(file: CardText) -> Findings:
    """Return the values of `[device]`, and the rest of the file as the configuration of the service."""
    findings = Findings(file)
    try:
        tables, scanner = read_toml(file)
    except ConfigError as error:
        return findings.unreadable(f"{error}{_hint(file.text)}")
    findings.configuration = scanner.without("device")
    device = tables.get("device", {})
    if not isinstance(device, dict):
        findings.mistake(Place("device", scanner.line_of(("device",))), "a table is allowed, written [device]")
        return findings
    if len(device) > MAX_KEYS:
        place = Place("device", scanner.line_of(("device",)))
        findings.mistake(
            place, f"{len(device)} keys are too many; allowed: {', '.join(DeviceSettings.__struct_fields__)}"
        )
        return findings
    _take_table(findings, scanner, device)
    for leaf in scanner.leaves:
        if leaf.path in _SECRETS and leaf.is_string:
            findings.secrets.append(Secret(leaf.start, leaf.end, _SECRETS[leaf.path]))
    return findings


def _take_table(findings: Findings, scanner: TomlScanner, device: Mapping[str, Any]) -> None:
    for key, value in device.items():
        findings.values[key] = value
        inner_keys = list(value) if isinstance(value, dict) else []
        for inner in inner_keys:
            line = scanner.line_of(("device", key, inner))
            findings.places[f"{key}.{inner}"] = Place(f"device.{key}.{inner}", line)
        # A table that is written as `wifi.ssid = ...` has no line of its own.
        lines = [findings.places[f"{key}.{inner}"].line for inner in inner_keys]
        line = scanner.line_of(("device", key)) or min(lines, default=0)
        findings.places[key] = Place(f"device.{key}", line)


def _hint(text: str) -> str:
    """Word processors make typographic quotes, and TOML has only straight ones."""
    return '; write straight quotes: " and not \N{LEFT DOUBLE QUOTATION MARK}' if set(text) & set("“”„‟") else ""
