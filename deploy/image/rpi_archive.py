"""RPI_ARCHIVE=...: Raspberry Pi's own package archive as a second source of packages, for those that Debian lacks.

The option is the address of the archive, or a whole line of apt's `sources.list`:

    RPI_ARCHIVE=https://HOST/debian RPI_ARCHIVE_KEYRING=/path/to/raspberrypi-archive-keyring.pgp
    RPI_ARCHIVE='deb [trusted=yes] copy:/srv/mirror trixie main'

Only the packages of `TAKEN` come from there. Everything else stays Debian's, also where the archive has a newer
version, so that an image is Debian plus a list that can be read. The packages of `TAKEN` win over Debian's whatever the
versions are: `raspi-firmware`, `firmware-brcm80211` and libcamera exist in both, and the kernels need the archive's.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image.tools import BuildError

ORIGIN: Final = "Raspberry Pi Foundation"
"""`Origin:` of the archive's Release file, which the pins go by: a mirror has the same."""
TAKEN: Final = (
    "linux-image-rpi-v8",
    "linux-image-rpi-2712",
    "linux-image-*+rpt-rpi-v8",
    "linux-image-*+rpt-rpi-2712",
    "raspi-firmware",
    "firmware-brcm80211",
    "libcamera0*",  # the name has the library's version
    "libcamera-ipa",
    "python3-libcamera",
    "libpisp*",  # the Pi 5's image processor
    "python3-picamera2",
    # What picamera2 imports and Debian 13 does not have.
    "python3-pidng",
    "python3-simplejpeg",
    "python3-v4l2",
    "python3-videodev2",
)
_SUITE: Final = "trixie"
_COMPONENTS: Final = "main"
_ADDRESS: Final = re.compile(r"(https?|file|copy):/\S+")
_ONE_LINE: Final = re.compile(r"deb( +\[[^\]\n]*\])? +(https?|file|copy):/\S+ +\S+( +\S+)*")


class RpiArchiveError(BuildError):
    """RPI_ARCHIVE or RPI_ARCHIVE_KEYRING is not usable; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class RpiArchive:
    """The archive as apt is told of it."""

    source: str
    """One line of `sources.list`."""


def rpi_archive(text: str, keyring: Path | None) -> RpiArchive:
    """Return the archive that the build options name; RpiArchiveError."""
    text = text.strip()
    if _ONE_LINE.fullmatch(text):
        if keyring is not None:
            raise RpiArchiveError(
                "RPI_ARCHIVE_KEYRING goes with an address; a whole line names its own in [signed-by=...]"
            )
        return RpiArchive(text)
    if not _ADDRESS.fullmatch(text):
        raise RpiArchiveError(
            f"RPI_ARCHIVE: {text!r} is neither an address (http:, https:, file:, copy:) nor a line "
            "'deb [OPTIONS] ADDRESS SUITE COMPONENTS'"
        )
    if keyring is None:
        raise RpiArchiveError(
            "RPI_ARCHIVE_KEYRING: with an address, the file of the archive's keys is needed: it is "
            "/usr/share/keyrings/raspberrypi-archive-keyring.* on Raspberry Pi OS"
        )
    if not keyring.is_file():
        raise RpiArchiveError(f"RPI_ARCHIVE_KEYRING: {keyring} is no file")
    return RpiArchive(f"deb [arch=arm64 signed-by={keyring.resolve()}] {text} {_SUITE} {_COMPONENTS}")


def preferences() -> str:
    """Return apt's preferences: the archive gives the packages of `TAKEN` and no others.

    A stanza that names packages goes before one for all of them (apt_preferences(5)); a priority over 1000 wins over
    higher versions, one below zero forbids.
    """
    return (
        f"Package: {' '.join(TAKEN)}\nPin: release o={ORIGIN}\nPin-Priority: 1001\n\n"
        f"Package: *\nPin: release o={ORIGIN}\nPin-Priority: -1\n"
    )


def mmdebstrap_options(preferences_file: Path) -> list[str]:
    """Return the options that make apt follow the file, which the caller wrote with `preferences()`."""
    target = "/etc/apt/preferences.d"
    return [
        f'--setup-hook=mkdir -p "$1{target}"',
        f"--setup-hook=copy-in {preferences_file} {target}",
        f'--customize-hook=rm -f "$1{target}/{preferences_file.name}"',  # the device has no package manager's sources
    ]
