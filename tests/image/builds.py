"""The images that the tests boot: built by the command that people use, once for each state of what goes into them.

    built = built_image("qemu", print)       # minutes the first time, then nothing

By hand: `python -m tests.image.builds qemu pc` builds them and prints where they are. Needs root.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.image.machine import DirectBoot
from tests.support.debian_root import Progress, built_once

CHECKOUT: Final = Path(__file__).parents[2]
DOWNLOADED: Final = "qemu"
BUILD_DEADLINE_S: Final = 2400
_INGREDIENTS: Final = ("deploy/debian", "deploy/image", "edge_streamer", "hw_profiles", "systemd")


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image as it is given to people, and what an emulator boots it with."""

    board: str
    folder: Path

    @property
    def disk(self) -> Path:
        """What is written to a card."""
        return self._only("img")

    @property
    def facts(self) -> dict[str, Any]:
        """What the build says of its files: name, size_bytes and sha256 of each, and root_bytes."""
        facts: dict[str, Any] = json.loads(self._only("json").read_text())
        return facts

    def boot(self, device_tree: Path | None = None) -> DirectBoot:
        """Return kernel, initramfs and the command line of its first slot."""
        folder = self._only("boot")
        parameters = (folder / "cmdline.txt").read_text().strip()
        return DirectBoot(folder / "vmlinuz", folder / "initrd.img", parameters, device_tree)

    def _only(self, suffix: str) -> Path:
        (found,) = self.folder.glob(f"edge-streamer-{self.board}-*[0-9].{suffix}")  # not the .cdx.json
        return found


def built_image(board: str, tell: Progress) -> BuiltImage:
    """Return the board's image, building it if that of this checkout is not there; AssertionError when that fails."""
    return BuiltImage(board, built_once(f"image-{board}", _recipe(), lambda folder: _build(board, folder, tell)))


def _recipe() -> Iterator[Path]:
    for name in _INGREDIENTS:
        yield from sorted(
            path for path in (CHECKOUT / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )


def _build(board: str, folder: Path, tell: Progress) -> None:
    tell(f"building the image of {board} (minutes the first time, later one)")
    began = time.monotonic()
    # One download is compressed, to know how large it is; that takes as long as the rest.
    download = () if board == DOWNLOADED else ("--no-download",)
    command = ["python3", "-m", "deploy.image.build", "--board", board, "--output", str(folder), *download]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=BUILD_DEADLINE_S)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    tell(f"{done.stdout.strip()}\n-- {board} took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    for board_name in sys.argv[1:]:
        print(built_image(board_name, lambda text: print(text, file=sys.stderr)).folder)
