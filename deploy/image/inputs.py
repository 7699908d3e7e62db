"""What an image is made of, as values: version, commit, the time of all files, and identities made from these."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import edge_streamer
from deploy.debian.build import said_by_git
from deploy.image.tools import BuildError

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The checkout that an image is made of."""

    version: str
    commit: str
    """With `-changed` at its end when files of the checkout differ from it; empty without git."""
    epoch_s: int
    """Seconds of UTC since 1970: no file of the image is younger."""

    @property
    def build_time(self) -> str:
        """The same as ISO 8601."""
        return datetime.fromtimestamp(self.epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_inputs() -> Inputs:
    """Return those of this checkout; `SOURCE_DATE_EPOCH` of the environment counts before the commit's time.

    BuildError without git and `SOURCE_DATE_EPOCH`.
    """
    commit = said_by_git("rev-parse", "--short=12", "HEAD").strip()
    if commit and said_by_git("status", "--porcelain", "--untracked-files=no"):
        commit += "-changed"
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or said_by_git("log", "-1", "--format=%ct").strip()
    if not epoch.isdecimal():
        raise BuildError("the time of the build is unknown: set SOURCE_DATE_EPOCH, or build in a checkout of git")
    return Inputs(edge_streamer.__version__, commit, int(epoch))


def identity(*parts: bytes) -> bytes:
    """Return 32 bytes that are the same for the same parts, for volume ids and UUIDs."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def digest_of_folders(folders: Iterable[Path]) -> bytes:
    """Return a hash of all files below these folders: their names, modes and contents."""
    return identity(*(part for folder in folders for part in _parts(folder)))


def _parts(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        yield str(path.relative_to(folder)).encode()
        if path.is_symlink():
            yield os.readlink(path).encode()
        elif path.is_file():
            yield oct(path.stat().st_mode & 0o111).encode()
            yield path.read_bytes()
