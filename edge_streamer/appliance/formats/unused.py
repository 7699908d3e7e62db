"""Files that people put on cards for other systems, of which nothing can be taken: why not, and their secrets.

`ssh` and `ssh.txt` open SSH with a password; `userconf.txt` has the hash of one; `firstrun.sh` is the script of
Raspberry Pi Imager 1; `meta-data` has nothing for this device.
"""

import re
from collections.abc import Mapping
from typing import Final

from edge_streamer.appliance.formats.findings import Findings
from edge_streamer.appliance.formats.preseed import HASH_REASON
from edge_streamer.appliance.formats.secret_words import secrets_by_form
from edge_streamer.appliance.formats.text import CardText, Secret

REASONS: Final[Mapping[str, str]] = {
    "ssh": "SSH lets in public keys only; write [device] ssh_keys in edge-streamer.toml",
    "userconf": HASH_REASON,
    "firstrun.sh": "the device runs no scripts of the card; write its settings into edge-streamer.toml, or use "
    "Raspberry Pi Imager 2 with the list of images",
    "meta-data": "the device needs no instance id",
}

_QUOTED: Final = r"'(?:[^'\n]|'\"'\"'){0,300}'"
_SCRIPT_SECRETS: Final = (
    re.compile(rf"(?m)^.{{0,200}}\bset_wlan\b(?:[ \t]+-\S+){{0,9}}[ \t]+{_QUOTED}[ \t]+(?P<secret>{_QUOTED})"),
    re.compile(rf"(?m)^.{{0,200}}/userconf[ \t]+{_QUOTED}[ \t]+(?P<secret>{_QUOTED})"),
    re.compile(r"(?m)^[ \t]*(?:psk|sae_password)=(?P<secret>.+)$"),
    re.compile(r"(?ms)auth\.key\b[^\n]*<<'EOF'\n(?P<secret>.{0,4000}?)\nEOF"),
)


def read_unused(file: CardText, kind: str) -> Findings:
    """Return that nothing of the file is taken, why, and the secrets in it; `kind` is a key of `REASONS`."""
    findings = Findings(file)
    findings.ignore("", REASONS[kind])
    for pattern in _SCRIPT_SECRETS:
        for found in pattern.finditer(file.text):
            start, end = found.span("secret")
            is_quoted = file.text[start : start + 1] in ("'", '"') and end - start > 1
            findings.secrets.append(Secret(start + is_quoted, end - is_quoted, form="block"))
    findings.secrets += secrets_by_form(file.text)
    return findings
