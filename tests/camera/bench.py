"""The bench on which one service runs with one camera: what is plugged in, what is broken, and what was captured.

A bench is a folder that the stand-ins in the camera root see too (`stand_ins/camera_stand_ins/bench.py`): a fault is a
file there, so it begins and ends while the service runs. Called by `conftest` and the tests.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

CAMERA: Final = """\
%YAML 1.1
---
"Virtual0":
  supported_formats:
  - {width: 1920, height: 1080, frame_rates: [1, 60]}
  - {width: 1280, height: 720, frame_rates: [1, 60]}
  - {width: 640, height: 360, frame_rates: [1, 60]}
  frames: {path: "/opt/scene", scale_mode: "fill"}
  location: "CameraLocationFront"
  model: "Virtual camera"
"""
NO_CAMERA: Final = "%YAML 1.1\n---\n{}\n"
_NULL_DEVICE: Final = os.makedev(1, 3)
_HERE: Final = Path(__file__).parent
_CHECKOUT: Final = _HERE.parents[1]


class Fault(StrEnum):
    """What can be wrong; each is a state that lasts until it is lifted."""

    NO_CAMERA = "no_camera"
    CAMERA_BUSY = "camera_busy"
    FRAMES_STOP = "frames_stop"
    EVENT_LOOP_RAISES = "event_loop_raises"
    OUTPUT_RAISES = "output_raises"
    ENCODER_STALLS = "encoder_stalls"
    NO_ENCODER = "no_encoder"
    IOCTL_FAILS = "ioctl_fails"


class Bench:
    """One folder's worth of hardware; `hardware_encoder` is whether there is a /dev/video11."""

    def __init__(self, folder: Path, *, hardware_encoder: bool) -> None:
        self.folder = folder
        self._has_encoder = hardware_encoder
        self._plug_camera(CAMERA)
        if hardware_encoder:
            self._plug_encoder()

    @contextmanager
    def broken(self, fault: Fault, detail: str = "") -> Iterator[None]:
        """Have that fault for the length of the block; `detail` names the ioctl that fails."""
        self.break_(fault, detail)
        try:
            yield
        finally:
            self.mend(fault)

    def captures(self) -> list[tuple[int, int]]:
        """Return when each frame was captured so far: CLOCK_MONOTONIC and UTC, both in nanoseconds."""
        lines = (self.folder / "captured").read_text().splitlines()
        return [(int(sensor_ns), int(wall_ns)) for sensor_ns, wall_ns in map(str.split, lines)]

    def break_(self, fault: Fault, detail: str = "") -> None:
        """Have that fault from now on."""
        match fault:
            case Fault.NO_CAMERA:
                self._plug_camera(NO_CAMERA)
            case Fault.NO_ENCODER:
                (self.folder / "video11").unlink()
            case _:
                (self.folder / fault).write_text(detail)

    def mend(self, fault: Fault) -> None:
        """Have it no longer."""
        match fault:
            case Fault.NO_CAMERA:
                self._plug_camera(CAMERA)
            case Fault.NO_ENCODER:
                self._plug_encoder()
            case _:
                (self.folder / fault).unlink()

    def _plug_camera(self, description: str) -> None:
        (self.folder / "virtual.yaml").write_text(description)

    def _plug_encoder(self) -> None:
        """A node that can be opened; every ioctl on it is answered by the stand-in."""
        os.mknod(self.folder / "video11", 0o666 | stat.S_IFCHR, _NULL_DEVICE)


@contextmanager
def opened_bench(*, hardware_encoder: bool) -> Iterator[Bench]:
    """Give a bench with a camera and every part whole."""
    with tempfile.TemporaryDirectory(prefix="edge-streamer-bench-") as folder:
        yield Bench(Path(folder), hardware_encoder=hardware_encoder)


def program_in_root(root: Path, bench: Bench) -> tuple[str, ...]:
    """Return the command that runs this checkout's service inside the root, at this bench; arguments are appended.

    Its mounts are private and end with it. A configuration file in the temporary folder has the same path inside.
    """
    enter = ("unshare", "--mount", "--propagation", "private", "sh", "-eu", str(_HERE / "enter_root.sh"))
    places = (str(root), str(_CHECKOUT), str(bench.folder), tempfile.gettempdir())
    return (*enter, *places, "python3", "-m", "edge_streamer")
