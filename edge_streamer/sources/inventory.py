"""A program that lists cameras and encoders, by asking their drivers: `python -m edge_streamer.sources.inventory`.

It prints one JSON object, an `InventoryAnswer`, of the parts that its arguments name, of all without arguments. It
opens devices and can hang as a driver does, so whoever runs it ends it (`device.inventory`). Entries are what
`picamera2.list` and `v4l2.list` say; what cannot be asked is a line in `errors`.
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
"""What can be asked for, and who lists it. Each imports its library only when it is asked."""


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
    """Return the entries of `parts`; a part that fails is a line in `errors` and does not touch the others."""
    entries: list[Camera | HardwareEncoder] = []
    errors: list[str] = []
    for part in parts:
        try:
            entries += PARTS[part]()
        except Exception as error:  # noqa: BLE001  # the program's boundary: whatever a driver's library raises is told
            errors.append(f"{part}: {type(error).__name__}: {error}")
    return InventoryAnswer(
        tuple(entry for entry in entries if isinstance(entry, Camera)),
        tuple(entry for entry in entries if isinstance(entry, HardwareEncoder)),
        tuple(errors),
    )


def _take_standard_output() -> int:
    """Return a descriptor of standard output, which from now on is standard error: a library that prints is no JSON."""
    output = os.dup(_STANDARD_OUTPUT)
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)
    return output


if __name__ == "__main__":
    sys.exit(main())
