"""A small Debian root with the real libcamera and the real picamera2, for machines that have no camera.

    folder = built_root(print)  # 40 s the first time, then nothing

It is built once into the temporary folder, under a name made from this recipe, so a changed recipe is another root.
Nothing of it is a test double: what cannot be real without a camera is in `stand_ins/`. Building needs root and
`mmdebstrap`; the mirror is the one that this machine's apt has for Debian. Called by `conftest`; by hand:
`python -m tests.camera.root` builds it and prints where. `bench` runs the service inside.
"""

import sys
from pathlib import Path
from typing import Final

from tests.support.debian_root import Progress, built_once, install_wheels, run, unpack_debian

SUITE: Final = "forky"
"""Trixie's libcamera 0.4.0 hands out the virtual camera's frames without metadata; picamera2 then drops them all."""
DEBIAN_PACKAGES: Final = (
    "python3-libcamera",
    "python3-numpy",
    "python3-msgspec",
    "python3-wsproto",
    "python3-h11",
    "python3-prometheus-client",
    "python3-serial",
)
WHEELS: Final = (
    "picamera2==0.3.38",
    "videodev2==0.0.4",
    "simplejpeg==1.9.0",
    "av==19.0.2",
    "pillow==13.0.0",
    "piexif==1.1.3",
)
SCENE_PICTURES: Final = 10
SCENE: Final = "testsrc2=size=1280x720:rate=30,noise=alls=24:allf=t"
"""What the virtual camera sees, in a loop: it moves, and is grainy enough that an encoder needs the rate it has."""

_WHEEL_FOLDER: Final = "opt/wheels"
_SCENE_FOLDER: Final = "opt/scene"
_MOUNT_POINTS: Final = ("opt/edge_streamer", "run/camera_bench", "usr/share/libcamera/pipeline")
_NOT_INSTALLED: Final = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))


def built_root(tell: Progress) -> Path:
    """Return the root's folder, building it if this recipe's is not there; AssertionError with what was said."""
    return built_once("camera-root", [Path(__file__)], lambda folder: _build(folder, tell))


def _build(root: Path, tell: Progress) -> None:
    tell(f"building a Debian {SUITE} root with libcamera and picamera2 (once, about 40 s)")
    unpack_debian(root, SUITE, DEBIAN_PACKAGES, "--variant=minbase", *_NOT_INSTALLED)
    tell("installing picamera2 into it")
    install_wheels(root, root / _WHEEL_FOLDER, WHEELS)
    tell("drawing what its camera sees")
    _draw_scene(root / _SCENE_FOLDER)
    _add_mount_points(root)


def _draw_scene(folder: Path) -> None:
    folder.mkdir(parents=True)
    source = ["-f", "lavfi", "-i", SCENE, "-frames:v", str(SCENE_PICTURES)]
    pictures = ["-pix_fmt", "yuvj420p", "-q:v", "3", "-start_number", "0", str(folder / "%d.jpg")]
    run("ffmpeg", "-nostdin", "-v", "error", *source, *pictures)


def _add_mount_points(root: Path) -> None:
    for path in _MOUNT_POINTS:
        (root / path).mkdir(parents=True, exist_ok=True)
    (root / "usr/share/libcamera/pipeline/virtual").symlink_to("/run/camera_bench")


if __name__ == "__main__":
    print(built_root(lambda text: print(text, file=sys.stderr)))
