"""A package archive like Raspberry Pi's, made here: packages of the same names and files, with a text for contents.

Every file says which package it stands for, so that a test sees where a file of a tree came from. The folder is a flat
repository (sources.list(5)) with the Release file's `Origin:` of the real archive, which the image's pins go by.
"""

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KERNEL_VERSION: Final = "6.12.62"
V8: Final = f"{KERNEL_VERSION}+rpt-rpi-v8"
PI_5: Final = f"{KERNEL_VERSION}+rpt-rpi-2712"
_MARK: Final = "stand-in for "


@dataclass(frozen=True, slots=True)
class StandIn:
    """A package whose files say what they stand for."""

    name: str
    version: str
    files: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    architecture: str = "arm64"

    def text(self, file: str) -> str:
        """Return what a file of it holds."""
        return f"{_MARK}{self.name} {self.version}: {file}\n"


def _kernel(release: str, device_trees: Sequence[str]) -> tuple[StandIn, StandIn]:
    """Return a kernel and the package that depends on its newest version."""
    package = f"usr/lib/linux-image-{release}"
    files = [f"boot/vmlinuz-{release}", f"boot/config-{release}", f"usr/lib/modules/{release}/modules.builtin"]
    files += [f"{package}/broadcom/{name}.dtb" for name in device_trees]
    overlays = ("README", "overlay_map.dtb", "cma.dtbo", "disable-bt.dtbo", "dwc2.dtbo", "imx219.dtbo", "imx708.dtbo")
    files += [f"{package}/overlays/{name}" for name in overlays]
    version = f"1:{KERNEL_VERSION}-1+rpt1"
    flavour = release.partition("+rpt-")[2]
    meta = StandIn(f"linux-image-{flavour}", version, depends=(f"linux-image-{release} (= {version})",))
    return StandIn(f"linux-image-{release}", version, tuple(files)), meta


_FIRMWARE: Final = (
    "bootcode.bin",
    "start.elf",
    "fixup.dat",
    "start4.elf",
    "fixup4.dat",
    "start_x.elf",
    "LICENCE.broadcom",
)
PACKAGES: Final = (
    *_kernel(V8, ("bcm2710-rpi-3-b", "bcm2710-rpi-zero-2-w", "bcm2711-rpi-4-b", "bcm2711-rpi-cm4", "bcm2712-rpi-5-b")),
    *_kernel(PI_5, ("bcm2712-rpi-5-b", "bcm2712d0-rpi-5-b", "bcm2712-rpi-cm5-cm5io")),
    StandIn(
        "raspi-firmware",
        "1:1.20251008-1",
        tuple(f"usr/lib/raspi-firmware/{name}" for name in _FIRMWARE),
        architecture="all",
    ),
    # Older than Debian's: only the pins choose these.
    StandIn("firmware-brcm80211", "1:20230625-2+rpt3", ("usr/lib/firmware/brcm/stand-in.bin",), architecture="all"),
    StandIn("libpisp1", "1.0.0~rpt1", ("usr/lib/aarch64-linux-gnu/libpisp.so.1",)),
    StandIn("libcamera0.3", "0.3.2+rpt1", ("usr/lib/aarch64-linux-gnu/libcamera.so.0.3",), ("libpisp1",)),
    StandIn("libcamera-ipa", "0.3.2+rpt1", ("usr/lib/aarch64-linux-gnu/libcamera/ipa_rpi_vc4.so",), ("libcamera0.3",)),
    StandIn(
        "python3-libcamera", "0.3.2+rpt1", ("usr/lib/python3/dist-packages/libcamera/__init__.py",), ("libcamera0.3",)
    ),
    StandIn("python3-v4l2", "0.3.5-1", ("usr/lib/python3/dist-packages/v4l2.py",), architecture="all"),
    StandIn("python3-videodev2", "0.0.5-1", ("usr/lib/python3/dist-packages/videodev2.py",), architecture="all"),
    StandIn("python3-pidng", "4.0.9-1", ("usr/lib/python3/dist-packages/pidng/__init__.py",), architecture="all"),
    StandIn("python3-simplejpeg", "1.8.1-1", ("usr/lib/python3/dist-packages/simplejpeg/__init__.py",)),
    StandIn(
        "python3-picamera2",
        "0.3.31-1",
        ("usr/lib/python3/dist-packages/picamera2/__init__.py",),
        (
            "libcamera-ipa",
            "python3-libcamera",
            "python3-pidng",
            "python3-simplejpeg",
            "python3-v4l2",
            "python3-videodev2",
        ),
        architecture="all",
    ),
    # The archive has newer versions of much that Debian has: an image must not take them.
    StandIn("wireless-regdb", "9999.01.01-1+rpt1", ("usr/lib/firmware/regulatory.db-debian",), architecture="all"),
)


@dataclass(frozen=True, slots=True)
class StandInArchive:
    """A flat repository in a folder."""

    folder: Path
    packages: tuple[StandIn, ...] = field(default=PACKAGES)

    @property
    def source(self) -> str:
        """apt's line for it."""
        return f"deb [trusted=yes arch=arm64] copy:{self.folder} ./"

    def make(self, origin: str) -> None:
        """Build the packages and the two index files that apt reads."""
        stanzas = [self._build(package) for package in self.packages]
        index = "\n".join(stanzas)
        (self.folder / "Packages").write_text(index)
        digest = hashlib.sha256(index.encode()).hexdigest()
        release = {
            "Origin": origin,
            "Label": origin,
            "Suite": "stable",
            "Codename": "trixie",
            "Date": "Fri, 28 Nov 2025 00:00:00 UTC",
            "Architectures": "arm64",
            "SHA256": f"\n {digest} {len(index.encode())} Packages",
        }
        (self.folder / "Release").write_text(_stanza(release))

    def _build(self, package: StandIn) -> str:
        root = self.folder / "tree" / package.name
        for file in package.files:
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(package.text(file))
        control = {
            "Package": package.name,
            "Version": package.version,
            "Architecture": package.architecture,
            "Maintainer": "Tests <tests@example.org>",
            "Description": "a stand-in",
        }
        if package.depends:
            control["Depends"] = ", ".join(package.depends)
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(_stanza(control))
        deb = self.folder / f"{package.name}.deb"
        command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(root), str(deb)]
        subprocess.run(command, check=True, capture_output=True)
        content = deb.read_bytes()
        control |= {
            "Filename": f"./{deb.name}",
            "Size": str(len(content)),
            "SHA256": hashlib.sha256(content).hexdigest(),
        }
        return _stanza(control)


def stood_for(file: Path) -> str | None:
    """Return the name of the package that a file stands for, or None when it is a real one."""
    content = file.read_bytes()
    if not content.startswith(_MARK.encode()):
        return None
    return content.decode().removeprefix(_MARK).split(" ", 1)[0]


def _stanza(fields: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
