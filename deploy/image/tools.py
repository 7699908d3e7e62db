"""The programs of the build machine: run one, and say which Debian packages lack when one is not there."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Also where a user's own path ends before `sbin`; and the path inside of a tree."""
PACKAGE_OF: Final[Mapping[str, str]] = {
    "apt-get": "apt",
    "arch-test": "arch-test",
    "chroot": "coreutils",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mksquashfs": "squashfs-tools",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "sfdisk": "fdisk",
    "tar": "tar",
    "unshare": "util-linux",
    "xz": "xz-utils",
    "zstd": "zstd",
}
"""Program -> the package of Debian 12 and 13 that has it."""
_LAST_LINES: Final = 400


class BuildError(Exception):
    """The image cannot be built; the text is for whoever builds."""


def run(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> str:
    """Return what a program prints; BuildError with the end of its complaint when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout or subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", **(environment or {})},
    )
    if done.returncode != 0:
        said = ((done.stdout or b"") + done.stderr).decode(errors="replace").splitlines()[-_LAST_LINES:]
        raise BuildError(f"{' '.join(words[:6])} ended with {done.returncode}:\n" + "\n".join(said))
    return (done.stdout or b"").decode(errors="replace")


def require(programs: Iterable[str]) -> None:
    """BuildError with the packages to install when one of these programs is not there."""
    packages = missing_packages(programs)
    if packages:
        raise BuildError("the build needs Debian packages: apt install " + " ".join(packages))


def missing_packages(programs: Iterable[str]) -> Sequence[str]:
    """Return the packages of those programs that this machine does not have."""
    return sorted({PACKAGE_OF[program] for program in programs if shutil.which(program, path=PATH) is None})
