"""What the tests write on the first partition, as a person would, and what they then look for."""

from dataclasses import dataclass
from typing import Final

CARD_FILE: Final = "edge-streamer.toml"
STATUS_FILE: Final = "edge-streamer-status.txt"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration that differs from another one in everything that is looked at."""

    name: str
    width: int
    ssid: str
    passphrase: str
    password: str = ""
    """Empty: the device makes one."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not stay on the card."""
        return tuple(filter(None, (self.passphrase, self.password)))

    def card(self) -> str:
        """Return the text of the file for people."""
        password = f'password = "{self.password}"\n' if self.password else ""
        return f"""\
[device]
name = "{self.name}"
{password}
[device.wifi]
ssid = "{self.ssid}"
passphrase = "{self.passphrase}"
country = "DE"

[streams.main]
source = "testpattern"
width = {self.width}
height = {self.width * 9 // 16 // 2 * 2}
fps = 5
bitrate_bps = 100000
"""
