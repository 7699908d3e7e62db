"""The manifest with which Raspberry Pi Imager offers an image and asks for name and Wi-Fi before it writes.

Imager 2 asks nothing for a plain image file, since it cannot know what the image reads; a manifest tells it.
`init_format` is `cloudinit`: Imager writes `user-data` and `network-config` on the first partition, which the device
reads (docs/install.md). Imager 1 knows this format as well; any that it does not know (`cloudinit-rpi`, `rpi-preseed`)
it takes for `systemd`, and then writes what no program reads.

Format: rpi-imager, `doc/json-schema/os-list-schema.json` and `doc/os_customisation_formats.md`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image.made_file import MadeFile

FILE_ENDS: Final = ".rpi-imager-manifest"
"""Imager 2 opens a file of this name at a double click."""
INIT_FORMAT: Final = "cloudinit"


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of Imager's first question."""

    name: str
    tag: str
    """What Imager compares with an image's `devices`."""


MODELS: Final = (
    Model("Raspberry Pi 5, Compute Module 5", "pi5-64bit"),
    Model("Raspberry Pi 4, Compute Module 4", "pi4-64bit"),
    Model("Raspberry Pi 3, Zero 2 W", "pi3-64bit"),
)
"""Imager gives a Zero 2 W the tags of a Pi 3."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """What the manifest says of an image."""

    version: str
    compressed: Path
    """The file that Imager reads: `.img.xz`, which every version of it can."""
    download: MadeFile
    """The same."""
    raw: MadeFile
    released: str
    """YYYY-MM-DD, of SOURCE_DATE_EPOCH."""
    has_vendor_kernel: bool
    """Whether it was built with RPI_ARCHIVE: without, a Pi 5 does not start from it."""


def manifest(image: BuiltImage, url: str | None = None) -> str:
    """Return the JSON text; `url` is where the compressed image is offered, and without it the file where it lies."""
    models = [model for model in MODELS if image.has_vendor_kernel or model.tag != "pi5-64bit"]
    camera = "CSI and USB cameras" if image.has_vendor_kernel else "USB cameras, no CSI camera"
    entry = {
        "name": f"edge_streamer {image.version}",
        "description": f"A camera for recorders: RTSP, a page, metrics; {camera}",
        "icon": "icons/use_custom.png",
        "url": url or image.compressed.resolve().as_uri(),
        "extract_size": image.raw.size_bytes,
        "extract_sha256": image.raw.sha256,
        "image_download_size": image.download.size_bytes,
        "image_download_sha256": image.download.sha256,
        "release_date": image.released,
        "init_format": INIT_FORMAT,
        "devices": [model.tag for model in models],
        "architecture": "armv8",
    }
    document = {"imager": {"devices": _devices(models)}, "os_list": [entry]}
    return json.dumps(document, indent=2) + "\n"


def _devices(models: Sequence[Model]) -> list[Mapping[str, object]]:
    """Return the models that Imager offers: an image whose tags are in none of them would not be shown."""
    return [
        {"name": model.name, "description": model.name, "tags": [model.tag], "matching_type": "exclusive"}
        for model in models
    ]
