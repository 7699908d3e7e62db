"""Trees of Debian packages that tests need and build once: where they are kept, how they are made, who may build.

A tree lies in the temporary folder under a name made from its recipe, so a changed recipe is another tree. The mirror
is the one that this machine's apt has for Debian; it is written nowhere. Building needs root and `mmdebstrap`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUILD_DEADLINE_S: Final = 600
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # in a root too, whoever runs the tests

Progress = Callable[[str], None]


def built_once(name: str, recipe: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """Return the folder that `build` fills, building it if that of this `recipe` (its files) is not there."""
    folder = Path(tempfile.gettempdir()) / f"edge_streamer-{name}-{_digest([Path(__file__), *recipe])}"
    with _locked(folder.with_suffix(".lock")):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            if partial.exists():
                shutil.rmtree(partial)
            partial.mkdir()
            build(partial)
            partial.rename(folder)  # a folder of the right name is complete
    return folder


def unpack_debian(root: Path, suite: str, packages: Sequence[str], *options: str) -> None:
    """Have mmdebstrap make the tree; `options` are its own."""
    # Testing's release files are often past their date.
    apt = ('--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=APT::Install-Recommends "false"')
    run("mmdebstrap", *apt, *options, f"--include={','.join(packages)}", suite, str(root), _debian_mirror())


def install_wheels(root: Path, folder: Path, wheels: Sequence[str]) -> str:
    """Install wheels for the root's Python into `folder` with this machine's pip, so that nothing in the root needs the
    network; return that Python's version."""
    version = next((root / "usr/bin").glob("python3.*[0-9]")).name.removeprefix("python")
    target = ["--target", str(folder), "--python-version", version, "--only-binary=:all:", "--no-deps"]
    target.append("--ignore-requires-python")  # pip asks it of its own Python
    run(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *target, *wheels)
    return version


def run(*command: str) -> str:
    """Return what a command prints; AssertionError with its complaint when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_TARGET"}
    environment |= {"PATH": _PATH, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, env=environment)
    assert done.returncode == 0, f"{command[:3]} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def _digest(recipe: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in recipe:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one build at a time; the file stays, because removing it would let two in."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _debian_mirror() -> str:
    """Return the address from which this machine's apt gets Debian itself."""
    fields = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    prefix = "Debian Debian main "
    said = run("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    mirrors = [line.removeprefix(prefix) for line in said.splitlines() if line.startswith(prefix)]
    assert mirrors, "apt knows no Debian mirror: run apt-get update, or build the tree on a Debian machine"
    return mirrors[0]
