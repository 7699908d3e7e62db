"""`edge-streamer.toml`, our own file: the configuration of the service with a table `[device]`."""

from collections.abc import Mapping
from typing import Any, Final

from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.text import CardText, Secret
from edge_streamer.appliance.formats.toml_text import TomlScanner, read_toml
from edge_streamer.config.toml import ConfigError

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
    _take_table(findings, scanner, device)
    for leaf in scanner.leaves:
        if leaf.path in _SECRETS and leaf.is_string:
            findings.secrets.append(Secret(leaf.start, leaf.end, _SECRETS[leaf.path]))
    return findings


def _take_table(findings: Findings, scanner: TomlScanner, device: Mapping[str, Any]) -> None:
    for key, value in device.items():
        findings.values[key] = value
        findings.places[key] = Place(f"device.{key}", scanner.line_of(("device", key)))
        for inner in value if isinstance(value, dict) else ():
            line = scanner.line_of(("device", key, inner))
            findings.places[f"{key}.{inner}"] = Place(f"device.{key}.{inner}", line)


def _hint(text: str) -> str:
    """Word processors make typographic quotes, and TOML has only straight ones."""
    return '; write straight quotes: " and not \N{LEFT DOUBLE QUOTATION MARK}' if set(text) & set("“”„‟") else ""
