"""A program that lists cameras and encoders, by asking their drivers: `python -m edge_streamer.sources.inventory`.

It prints one JSON object, an `InventoryAnswer`, with the parts that its arguments name; without arguments, with all. It
opens devices and can hang as a driver does; its parent then ends it (`device.inventory`). `picamera2.list` and
`v4l2.list` make the entries; a part that cannot be listed is a line in `errors`.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from edge_streamer.protocol.source.inventory import Camera, HardwareEncoder, InventoryAnswer

Entries: TypeAlias = list[Camera] | list[HardwareEncoder]
_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2


def _libcamera_cameras() -> list[Camera]:
    from edge_streamer.sources.picamera2.list import list_libcamera_cameras

    return list_libcamera_cameras()


def _v4l2_cameras() -> list[Camera]:
    from edge_streamer.sources.v4l2.list import list_v4l2_cameras

    return list_v4l2_cameras()


def _v4l2_encoders() -> list[HardwareEncoder]:
    from edge_streamer.sources.v4l2.list import list_v4l2_encoders

    return list_v4l2_encoders()


PARTS: Final[dict[str, Callable[[], Entries]]] = {
    "picamera2": _libcamera_cameras,
    "v4l2": _v4l2_cameras,
    "encoders": _v4l2_encoders,
}
"""Each part with the function that lists it, which imports its library when called."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the inventory of the parts in `argv` (the process's own if None); exit code 2 for one that is unknown."""
    parts = sys.argv[1:] if argv is None else argv
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]!r} (known: {', '.join(PARTS)})", file=sys.stderr)
        return 2
    with os.fdopen(_take_standard_output(), "wb") as output:
        output.write(take_inventory(parts or tuple(PARTS)).encode())
    return 0


def take_inventory(parts: Sequence[str]) -> InventoryAnswer:
    """Return the entries of `parts`; a part that fails becomes a line in `errors` and does not affect the others."""
    entries: list[Camera | HardwareEncoder] = []
    errors: list[str] = []
    for part in parts:
        try:
            entries += PARTS[part]()
        except Exception as error:  # noqa: BLE001  # the program's boundary: every error of a library is reported
            errors.append(f"{part}: {type(error).__name__}: {error}")
    return InventoryAnswer(
        tuple(entry for entry in entries if isinstance(entry, Camera)),
        tuple(entry for entry in entries if isinstance(entry, HardwareEncoder)),
        tuple(errors),
    )


def _take_standard_output() -> int:
    """Return a copy of standard output and redirect standard output to standard error: what a library prints must not
    get into the JSON."""
    output = os.dup(_STANDARD_OUTPUT)
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)
    return output


if __name__ == "__main__":
    sys.exit(main())
