"""Build the Debian package of this checkout: the same bytes from the same commit, on any Debian, by any user.

    python3 -m deploy.debian.build --output DIR [--version VERSION]

The package has the files that git knows, with the changes that they have here, or, in a tree without its history, all
files. It is a staged tree and three scripts, and `dpkg-deb` packs them: debhelper places units of systemd differently
in Debian 12 and 13, and here both make one package. Only the standard library and dpkg are needed.
"""

import argparse
import gzip
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "edge-streamer"
_PARTS: Final = Path(__file__).resolve().parent
_DOC: Final = f"usr/share/doc/{PACKAGE}"
_UNITS: Final = "usr/lib/systemd/system"
_PROGRAM: Final = """\
#!/usr/bin/python3
import sys

from edge_streamer.cli.main import main

sys.exit(main())
"""
_TREES: Final[Mapping[str, str]] = {
    "edge_streamer": "usr/lib/python3/dist-packages/edge_streamer",
    "hw_profiles": "usr/share/edge_streamer/hw_profiles",
    "docs": f"{_DOC}",
    "deploy/grafana": f"{_DOC}/examples/grafana",
    "deploy/nginx": f"{_DOC}/examples/nginx",
    "deploy/prometheus": f"{_DOC}/examples/prometheus",
    # Settings of the whole machine, which only a board that runs nothing else wants.
    "systemd/journald.conf.d": f"{_DOC}/examples/journald.conf.d",
    "systemd/system.conf.d": f"{_DOC}/examples/system.conf.d",
    "systemd/edge_streamer.service.d": f"{_DOC}/examples/edge_streamer.service.d",
}
_FILES: Final[Mapping[str, str]] = {
    "systemd/edge_streamer.service": f"{_UNITS}/edge_streamer.service",
    "systemd/edge_streamer-rtsp.socket": f"{_UNITS}/edge_streamer-rtsp.socket",
    "systemd/edge_streamer-http.socket": f"{_UNITS}/edge_streamer-http.socket",
    "systemd/edge_streamer.catalog": "usr/lib/systemd/catalog/edge_streamer.catalog",
    "systemd/edge_streamer.toml": "etc/edge_streamer/edge_streamer.toml",
    "deploy/debian/copyright": f"{_DOC}/copyright",
    "deploy/debian/lintian-overrides": f"usr/share/lintian/overrides/{PACKAGE}",
    "README.md": f"{_DOC}/README.md",
}
_COMPRESSED: Final[Mapping[str, str]] = {
    "CHANGELOG.md": f"{_DOC}/changelog.gz",
    "docs/man/edge-streamer.1": "usr/share/man/man1/edge-streamer.1.gz",
    "docs/man/edge-streamer.toml.5": "usr/share/man/man5/edge-streamer.toml.5.gz",
}
_SCRIPTS: Final = ("postinst", "prerm", "postrm")
_CACHES: Final = ("__pycache__", "*.pyc")
_NOT_EXAMPLES: Final = (*_CACHES, ".*", "man", "decisions", "*.test.yml", "*.py")
"""Names that are left out of documentation and examples."""
# Git's own refusal protects nothing where the checkout belongs to another user than the builder, root for example: its
# programs run anyway.
GIT: Final = ("git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT))


def version() -> str:
    """Return the version, which stands in `edge_streamer/__init__.py` alone."""
    text = (CHECKOUT / "edge_streamer" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit('edge_streamer/__init__.py has no line __version__ = "..."')
    return found[1]


def source_date_s() -> int:
    """Return the time stamp of all that is built: `SOURCE_DATE_EPOCH`, else the commit's, else that of the changelog.

    In seconds since 1970 (reproducible-builds.org, SOURCE_DATE_EPOCH)."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    committed = said_by_git("log", "-1", "--format=%ct")
    return int(committed) if committed else int((CHECKOUT / "CHANGELOG.md").stat().st_mtime)


def build(output: Path, package_version: str = "") -> Path:
    """Write the package into the folder `output` and return its path; SystemExit with dpkg-deb's complaint."""
    package_version = package_version or version()
    output.mkdir(parents=True, exist_ok=True)
    package = output / f"{PACKAGE}_{package_version}_all.deb"
    with tempfile.TemporaryDirectory(prefix="edge_streamer-deb-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        _stage(tree, package_version)
        _write_control(tree, package_version)
        _same_modes_and_times(tree)
        _pack(tree, package)
    return package


def _stage(tree: Path, package_version: str) -> None:
    for source, target in _TREES.items():
        for path in _files_below(source, _CACHES if source == "edge_streamer" else _NOT_EXAMPLES):
            shutil.copyfile(CHECKOUT / source / path, _with_folder(tree / target / path))
    for source, target in _FILES.items():
        shutil.copyfile(CHECKOUT / source, _with_folder(tree / target))
    for source, target in _COMPRESSED.items():
        _write_compressed(_with_folder(tree / target), (CHECKOUT / source).read_bytes())
    _write_compressed(tree / _DOC / "changelog.Debian.gz", _debian_changelog(package_version).encode())
    program = _with_folder(tree / "usr/bin/edge-streamer")
    program.write_text(_PROGRAM)
    # The unit and the alerts name this folder.
    (tree / "usr/share/doc/edge_streamer").symlink_to(PACKAGE)


def _files_below(folder: str, excluded: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files of that folder of the checkout, relative to it, but none with a part that is `excluded`."""
    known = said_by_git("ls-files", "-z", "--", folder).split("\0")[:-1]
    paths = [CHECKOUT / name for name in known] or (CHECKOUT / folder).rglob("*")
    for path in paths:
        below = path.relative_to(CHECKOUT / folder)
        if path.is_file() and not any(fnmatch(part, pattern) for part in below.parts for pattern in excluded):
            yield below


def said_by_git(*command: str) -> str:
    """Return what git prints about the checkout; nothing where there is no git, or no history."""
    try:
        return subprocess.run((*GIT, *command), capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def _write_control(tree: Path, package_version: str) -> None:
    size_kib = sum(path.lstat().st_size + 1023 >> 10 for path in tree.rglob("*") if path.is_file())
    folder = tree / "DEBIAN"
    folder.mkdir()
    fields = (_PARTS / "control").read_text()
    stated = f"Version: {package_version}\nInstalled-Size: {size_kib}\n"
    (folder / "control").write_text(fields.replace("Section:", f"{stated}Section:", 1))
    (folder / "conffiles").write_text("/etc/edge_streamer/edge_streamer.toml\n")
    for name in _SCRIPTS:
        shutil.copyfile(_PARTS / name, folder / name)


def _debian_changelog(package_version: str) -> str:
    """Return the entry that Debian's tools read; what changed is in the other changelog."""
    date = format_datetime(datetime.fromtimestamp(source_date_s(), UTC))
    control = (_PARTS / "control").read_text()
    (maintainer,) = re.findall(r"^Maintainer: (.+)$", control, re.MULTILINE)
    entry = "  * What changed for operators: /usr/share/doc/edge-streamer/changelog.gz"
    return f"{PACKAGE} ({package_version}) stable; urgency=medium\n\n{entry}\n\n -- {maintainer}  {date}\n"


def _write_compressed(path: Path, content: bytes) -> None:
    compressed = io.BytesIO()
    # Not gzip.compress(): what it writes as the operating system depends on the version of Python.
    with gzip.GzipFile("", "wb", 9, compressed, mtime=0) as file:
        file.write(content)
    path.write_bytes(compressed.getvalue())


def _same_modes_and_times(tree: Path) -> None:
    """Make modes and times the same whatever the umask and the clock here."""
    date_s = source_date_s()
    programs = {tree / "usr/bin/edge-streamer", *(tree / "DEBIAN" / name for name in _SCRIPTS)}
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in programs else 0o644)
        os.utime(path, (date_s, date_s), follow_symlinks=False)


def _pack(tree: Path, package: Path) -> None:
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(package)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(source_date_s())}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError:
        raise SystemExit("there is no dpkg-deb here: build on Debian, or apt install dpkg") from None
    if done.returncode:
        raise SystemExit(f"dpkg-deb ended with {done.returncode}: {done.stderr.strip()}")


def _with_folder(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def main() -> int:
    """Build, and print the package's path."""
    parser = argparse.ArgumentParser(prog="deploy.debian.build", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build", help="the folder (default: build)")
    parser.add_argument("--version", default="", help="another version than the checkout's: for tests of upgrades")
    arguments = parser.parse_args()
    print(build(arguments.output, arguments.version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
