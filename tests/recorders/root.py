"""A Debian root with the recorders and players that people use, and a ZoneMinder whose database is there.

    folder = built_root(print)  # two and a half minutes the first time, then nothing

Forky, because it alone has all of them: Debian 12 and 13 lack openRTSP and VLC's live555 plugin. Built as `debian_root`
says, and never written to afterwards (`enter_root.sh` binds it read-only). Called by `conftest`; by hand:
`python -m tests.recorders.root`.
"""

import sys
from pathlib import Path
from typing import Final

from tests.support.debian_root import Progress, built_once, install_wheels, run, unpack_debian

SUITE: Final = "forky"
DEBIAN_PACKAGES: Final = (
    "curl",
    "ffmpeg",
    "livemedia-utils",
    "mariadb-server",
    "motion",
    "mplayer",
    "mpv",
    "python3-aiortsp",
    "python3-numpy",
    "python3-pil",
    "python3-tornado",
    "vlc-bin",
    "vlc-plugin-access-extra",
    "vlc-plugin-base",
    "zoneminder",
)
WHEELS: Final = ("opencv-python-headless==5.0.0.93", "motioneye==0.44.0")
"""OpenCV as pip installs it, with an FFmpeg of its own: Debian's brings 150 packages more."""
_WHEEL_FOLDER: Final = "opt/wheels"
_HERE: Final = Path(__file__).parent
_ENTER: Final = _HERE / "enter_root.sh"
_DATABASE: Final = _HERE / "make_database.sh"
_MOUNT_POINTS: Final = ("opt/recorders",)
_NOT_INSTALLED: Final = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))


def built_root(tell: Progress) -> Path:
    """Return the root's folder, building it if this recipe's is not there; AssertionError with what was said."""
    return built_once("recorders-root", [Path(__file__), _DATABASE], lambda folder: _build(folder, tell))


def versions(root: Path) -> dict[str, str]:
    """Return Debian package or wheel -> its version in the root."""
    fields = "-f=${Package} ${Version}\\n"
    said = run("chroot", str(root), "dpkg-query", "--show", fields, *DEBIAN_PACKAGES).splitlines()
    return dict(line.split() for line in said) | dict(wheel.split("==") for wheel in WHEELS)


def _build(root: Path, tell: Progress) -> None:
    tell(f"building a Debian {SUITE} root with recorders and players (once, about two and a half minutes)")
    unpack_debian(root, SUITE, DEBIAN_PACKAGES, "--variant=minbase", *_NOT_INSTALLED)
    tell("installing OpenCV and motionEye into it")
    install_wheels(root, root / _WHEEL_FOLDER, WHEELS)
    for path in _MOUNT_POINTS:
        (root / path).mkdir(parents=True)
    tell("making ZoneMinder's database")
    run("unshare", "--mount", "--propagation", "private", "sh", "-eu", str(_DATABASE), str(root))


if __name__ == "__main__":
    print(built_root(lambda text: print(text, file=sys.stderr)))
