"""The overlay while /etc/localtime is replaced: in a mount namespace whose /etc is a folder of the test."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pytest

ZONES: Final = Path("/usr/share/zoneinfo")
FOLLOWS_WITHIN_S: Final = 2.0
"""Between the change and the first frame that must show it, by the frames' own time: a busy machine draws it later."""
_LOADER_FILES: Final = ("ld.so.cache", "ld.so.conf")
_OWN_ETC: Final = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", 'mount --bind "$0" /etc; exec "$@"')
_CHILD: Final = """
import time
from edge_streamer.sources.drawing.overlay import Overlay

WIDTH, HEIGHT = 320, 180
overlay = Overlay("%Z", "main", WIDTH, HEIGHT)
zones = {zone: Overlay(zone, "main", WIDTH, HEIGHT) for zone in ("UTC", "JST", "NST", "NDT")}

def picture(overlay, wall_ns):
    luma = bytearray(WIDTH * HEIGHT)
    overlay.draw(luma, WIDTH, wall_ns)
    return luma

while True:
    wall_ns = time.time_ns()
    shown = picture(overlay, wall_ns)
    zone = next((zone for zone, other in zones.items() if picture(other, wall_ns) == shown), "?")
    print(wall_ns / 1e9, zone, flush=True)
    time.sleep(0.05)
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """An /etc with a time zone and what the loader needs."""
    for name in _LOADER_FILES:
        shutil.copy(Path("/etc") / name, tmp_path / name)
    (tmp_path / "localtime").symlink_to(ZONES / "Etc" / "UTC")
    return tmp_path


@pytest.fixture
def shown(etc: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """What the overlay of a process in that namespace shows, a line each 0.05 s: its frame's time and the zone."""
    monkeypatch.delenv("TZ", raising=False)
    command = [*_OWN_ETC, str(etc), sys.executable, "-c", _CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout
        finally:
            child.kill()


def set_zone(etc: Path, zone: str) -> None:
    """As timedatectl does it: a new link, renamed."""
    (etc / "localtime.new").symlink_to(ZONES / zone)
    (etc / "localtime.new").rename(etc / "localtime")


def assert_it_follows(shown: IO[str], names: set[str]) -> None:
    """Read on until a zone of `names` is shown; AssertionError when a frame shows another for too long."""
    changed_wall_s = time.time()
    while True:
        wall_s, name = shown.readline().split()
        if name in names:
            return
        assert float(wall_s) < changed_wall_s + FOLLOWS_WITHIN_S, name


@pytest.mark.parametrize(
    ("zone", "names"),
    [("Asia/Tokyo", {"JST"}), ("America/St_Johns", {"NST", "NDT"})],
    ids=["without summer time", "with summer time"],
)
def test_it_shows_the_new_zone(etc: Path, shown: IO[str], zone: str, names: set[str]) -> None:
    assert_it_follows(shown, {"UTC"})
    set_zone(etc, zone)
    assert_it_follows(shown, names)
    set_zone(etc, "Etc/UTC")
    assert_it_follows(shown, {"UTC"})


def test_a_file_in_place_of_the_link_counts_too(etc: Path, shown: IO[str]) -> None:
    assert_it_follows(shown, {"UTC"})
    shutil.copy(ZONES / "Asia" / "Tokyo", etc / "localtime.new")
    (etc / "localtime.new").rename(etc / "localtime")
    assert_it_follows(shown, {"JST"})
