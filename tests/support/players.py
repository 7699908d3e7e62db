"""Players that people use (ffmpeg, ffprobe, PyAV, GStreamer), each run as a process and asked the same: what was shown?

    with Playing(FFMPEG, url, "udp", pictures=300) as playing:
        ...
        shown = playing.finish()

A player decodes a number of pictures and ends by itself. `Shown.faults` holds every line in which one of its parts
complained, at the level of warnings, so lost RTP packets and concealed errors are in it; what has nothing to do with
the media is left out (`complaints`). Called by the interop tests.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

from tests.support.complaints import ffmpeg_complaints, gstreamer_complaints
from tests.support.rtsp.rtp import RtpPacket
from tests.support.rtsp.wire import Transport

FINISH_TIMEOUT_S: Final = 30.0
_REPOSITORY: Final = Path(__file__).parents[2]
_RTP_DUMP: Final = "packets.rtp"
_SHOWN_BY_GSTREAMER: Final = re.compile(
    r"\(pictures:sink\).*? pts: (\d+):(\d\d):(\d\d\.\d+),.*? flags: [0-9a-f]+ ?([a-z -]*)"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a player has shown: presentation times in seconds (None: it gave none) and what it complained of.

    `frame_numbers` are those in the test pattern, from players that read them.
    """

    times_s: tuple[float | None, ...]
    faults: tuple[str, ...]
    frame_numbers: tuple[int, ...] = ()

    @property
    def frame_rate_hz(self) -> float:
        """Pictures a second by their own times. The first is left out: FFmpeg gives it no time, or the next one's."""
        times_s = [time_s for time_s in self.times_s[1:] if time_s is not None]
        return (len(times_s) - 1) / (times_s[-1] - times_s[0])

    @property
    def longest_step_s(self) -> float:
        """The longest time between two pictures that followed each other."""
        return max(later - earlier for earlier, later in self._steps())

    @property
    def shortest_step_s(self) -> float:
        """The shortest such time; not above zero when time stood still or went back."""
        return min(later - earlier for earlier, later in self._steps())

    def _steps(self) -> Iterator[tuple[float, float]]:
        return pairwise(time_s for time_s in self.times_s[1:] if time_s is not None)


@dataclass(frozen=True, slots=True)
class Player:
    """How to start a player for so many pictures (it may write into the folder), and how to read what it wrote.

    `complaints` finds in its standard error what it says of the media.
    """

    name: str
    command: Callable[[str, Transport, int, Path], list[str]]
    read: Callable[[str, Path], Shown]
    complaints: Callable[[str], list[str]]


class Playing:
    """A player at work; leaving the block ends it, however far it came."""

    def __init__(self, player: Player, url: str, transport: Transport, pictures: int) -> None:
        self._player = player
        self._folder = tempfile.TemporaryDirectory(prefix="edge-streamer-player-")
        self._path = Path(self._folder.name)
        with (self._path / "stdout").open("wb") as stdout, (self._path / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                player.command(url, transport, pictures, self._path),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=_REPOSITORY,
                env=os.environ | {"GST_DEBUG": "2,rtspsrc:1", "GST_DEBUG_NO_COLOR": "1"},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    @property
    def is_playing(self) -> bool:
        """Whether the player still runs."""
        return self._process.poll() is None

    def finish(self, timeout_s: float = FINISH_TIMEOUT_S) -> Shown:
        """Wait for the player's own end and return what it showed; TimeoutExpired when it does not come."""
        exit_code = self._process.wait(timeout_s)
        shown = self._player.read((self._path / "stdout").read_text(), self._path)
        stderr = (self._path / "stderr").read_text(errors="replace")
        complaints = self._player.complaints(stderr)
        ending = [f"{self._player.name} ended with exit code {exit_code}: {stderr}"] if exit_code else []
        return Shown(shown.times_s, (*shown.faults, *complaints, *ending), shown.frame_numbers)


# --- ffmpeg and ffprobe


def _ffmpeg(url: str, transport: Transport, pictures: int, folder: Path) -> list[str]:
    source = ["-rtsp_transport", transport, "-i", url]
    sink = ["-frames:v", str(pictures), "-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "framecrc", "-"]
    return ["ffmpeg", "-nostdin", "-hide_banner", "-v", "warning", "-xerror", *source, *sink]


def _read_framecrc(stdout: str, folder: Path) -> Shown:
    """`stream, dts, pts, duration, size, checksum` a line, after a head in which `#tb 0: 1/90000` is the clock."""
    assert "#tb 0: 1/90000" in stdout, f"ffmpeg did not start: {stdout!r} {(folder / 'stderr').read_text()}"
    rows = [line.split(",") for line in stdout.splitlines() if not line.startswith("#")]
    return Shown(tuple(int(row[2]) / 90_000 for row in rows), ())


def _ffprobe(url: str, transport: Transport, pictures: int, folder: Path) -> list[str]:
    asked = ["-read_intervals", f"%+#{pictures}", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    return ["ffprobe", "-hide_banner", "-v", "warning", "-rtsp_transport", transport, *asked, url]


def _read_ffprobe(stdout: str, folder: Path) -> Shown:
    return Shown(tuple(_seconds(line.strip(",")) for line in stdout.splitlines() if line), ())


# --- PyAV


def _pyav(url: str, transport: Transport, pictures: int, folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.support.pyav_player", url, transport, str(pictures)]


def _read_pyav(stdout: str, folder: Path) -> Shown:
    rows = [line.split() for line in stdout.splitlines()]
    return Shown(tuple(_seconds(row[0]) for row in rows), (), tuple(int(row[1]) for row in rows))


def _pyav_complaints(stderr: str) -> list[str]:
    return [*ffmpeg_complaints(stderr), *(line for line in stderr.splitlines() if line.endswith(" is damaged"))]


def _seconds(text: str) -> float | None:
    return None if text == "N/A" else float(text)


# --- GStreamer


def _gstreamer(url: str, transport: Transport, pictures: int, folder: Path) -> list[str]:
    """What leaves the jitter buffer is both kept, to be searched for gaps, and decoded."""
    scan_plugins()
    source = f"rtspsrc location={url} protocols={transport} latency=200 ! tee name=packets"
    kept = f"packets. ! queue ! rtpstreampay ! filesink location={folder / _RTP_DUMP}"
    decoded = "packets. ! queue ! rtph264depay ! h264parse ! avdec_h264"
    sink = f"fakesink name=pictures silent=false num-buffers={pictures}"
    return ["gst-launch-1.0", "-v", *source.split(), *kept.split(), *decoded.split(), "!", *sink.split()]


@cache
def scan_plugins() -> None:
    """Have GStreamer look for its plugins, which it does at its first start on a machine: a player would be late."""
    subprocess.run(["gst-inspect-1.0"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _read_gstreamer(stdout: str, folder: Path) -> Shown:
    shown = _SHOWN_BY_GSTREAMER.findall(stdout)
    times_s = tuple(3600 * int(hours) + 60 * int(minutes) + float(seconds) for hours, minutes, seconds, _flags in shown)
    flagged = [f"picture {index} is {flags}" for index, (*_time, flags) in enumerate(shown) if index and flags.strip()]
    return Shown(times_s, (*flagged, *_gaps((folder / _RTP_DUMP).read_bytes())))


def _gaps(dump: bytes) -> Iterator[str]:
    """Say where the sequence of length-prefixed RTP packets (RFC 4571) breaks; the end may be cut off."""
    expected: int | None = None
    start = 0
    while start + 2 + (length := int.from_bytes(dump[start : start + 2])) <= len(dump) and length:
        packet = RtpPacket.parse(dump[start + 2 : start + 2 + length])
        if expected not in (None, packet.sequence):
            yield f"RTP packet {expected} is missing, {packet.sequence} came"
        expected = (packet.sequence + 1) & 0xFFFF
        start += 2 + length


FFMPEG: Final = Player("ffmpeg", _ffmpeg, _read_framecrc, ffmpeg_complaints)
FFPROBE: Final = Player("ffprobe", _ffprobe, _read_ffprobe, ffmpeg_complaints)
PYAV: Final = Player("pyav", _pyav, _read_pyav, _pyav_complaints)
GSTREAMER: Final = Player("gstreamer", _gstreamer, _read_gstreamer, gstreamer_complaints)
