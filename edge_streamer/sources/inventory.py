"""A program that lists cameras and encoders, by asking their drivers: `python -m edge_streamer.sources.inventory`.

It prints one JSON object, `{"cameras": [...], "encoders": [...], "errors": [...]}`, of the parts that its arguments
name, of all without arguments. It opens devices and can hang as a driver does, so whoever runs it ends it
(`device.inventory`). Entries are what `picamera2.list` and `v4l2.list` say; what cannot be asked is a line in `errors`.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

Entries = list[dict[str, Any]]
_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2


def _libcamera_cameras() -> Entries:
    from edge_streamer.sources.picamera2.list import list_libcamera_cameras

    return list_libcamera_cameras()


def _v4l2_cameras() -> Entries:
    from edge_streamer.sources.v4l2.list import list_v4l2_cameras

    return list_v4l2_cameras()


def _v4l2_encoders() -> Entries:
    from edge_streamer.sources.v4l2.list import list_v4l2_encoders

    return list_v4l2_encoders()


PARTS: Final[dict[str, tuple[str, Callable[[], Entries]]]] = {
    "picamera2": ("cameras", _libcamera_cameras),
    "v4l2": ("cameras", _v4l2_cameras),
    "encoders": ("encoders", _v4l2_encoders),
}
"""What can be asked for: where its entries go, and who lists them. Each imports its library only when it is asked."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the inventory of the parts in `argv` (the process's own if None); exit code 2 for one that is unknown."""
    parts = sys.argv[1:] if argv is None else argv
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]!r} (known: {', '.join(PARTS)})", file=sys.stderr)
        return 2
    with os.fdopen(_take_standard_output(), "w") as output:
        json.dump(take_inventory(parts or tuple(PARTS)), output)
    return 0


def take_inventory(parts: Sequence[str]) -> dict[str, list[Any]]:
    """Return the entries of `parts`; a part that fails is a line in `errors` and does not touch the others."""
    found: dict[str, list[Any]] = {"cameras": [], "encoders": [], "errors": []}
    for part in parts:
        key, list_entries = PARTS[part]
        try:
            found[key] += list_entries()
        except Exception as error:  # noqa: BLE001  # the program's boundary: whatever a driver's library raises is told
            found["errors"].append(f"{part}: {type(error).__name__}: {error}")
    return found


def _take_standard_output() -> int:
    """Return a descriptor of standard output, which from now on is standard error: a library that prints is no JSON."""
    output = os.dup(_STANDARD_OUTPUT)
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)
    return output


if __name__ == "__main__":
    sys.exit(main())
