"""A recorder or player at work in the recorders' root, and the numbers of the pictures that it has got.

    with Recording(root, port, command) as recording:
        recording.wait(files=40)                # or until it has ended by itself
        recording.frame_numbers(), recording.log

Each program writes what it got where it can: pictures as files, the H.264 stream, or RTP packets. The test pattern
carries a frame number, so what is missing is known by its number, however slow the machine is. Called by `conftest`.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import av

from tests.support.frame_number import read_frame_number
from tests.support.netns.namespaces import ReaderPort
from tests.support.processes import child_pids
from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.rtp import RtpPacket

DEADLINE_S: Final = 60.0
"""Of a program's start and all its pictures: ZoneMinder on a busy machine needs half of it."""
_POLL_S: Final = 0.1
_HERE: Final = Path(__file__).parent
_ENTER: Final = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
_STREAMS: Final = ("video-H264-*", "recording.*")


class Recording:
    """One run of a program; leaving the block ends it and all that it has started."""

    def __init__(self, root: Path, port: ReaderPort, command: Sequence[str], masks: Sequence[str] = ()) -> None:
        """`masks` are files of the root that are not there for the program."""
        self._folder = tempfile.TemporaryDirectory(prefix="edge-streamer-recorder-")
        self._work = Path(self._folder.name)
        self._work.chmod(0o777)  # ZoneMinder and VLC are not root
        self.pictures = self._work / "pictures"
        self.pictures.mkdir()
        self.pictures.chmod(0o777)
        with port.namespace.entered(), (self._work / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*_ENTER, "sh", "-eu", "-c", _masking(root, masks), "sh", *_places(root, self._work), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for first in child_pids(self._process.pid)[:1]:  # with it goes its process namespace
            os.kill(first, signal.SIGKILL)  # --kill-child does not outlast a change of user, as ZoneMinder's
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    @property
    def log(self) -> str:
        """What the program has said, on its standard output and in the files of its log."""
        files = [self._work / "output", *sorted((self._work / "log").glob("*"))]
        return "\n".join(file.read_text(errors="replace") for file in files)

    def wait(self, *, files: int = 0) -> None:
        """Return when the program has ended without an error, or, if `files` is given, has written so many pictures."""
        deadline = time.monotonic() + DEADLINE_S
        while not (files and len(self._files()) > files):
            code = self._process.poll()
            assert code is None or (code == 0 and not files), f"ended with {code}: {self.log}"
            if code == 0:
                return
            assert time.monotonic() < deadline, f"{len(self._files())} pictures after {DEADLINE_S} s: {self.log}"
            time.sleep(_POLL_S)

    def frame_numbers(self) -> list[int]:
        """Return the number in each picture that the program has got, in order."""
        if self._files():  # the newest may be half written while the program runs
            files = self._files()[: None if self._process.poll() is not None else -1]
            return [_number_in(file) for file in files]
        if (self._work / "packets").exists():
            self._write_stream()
        [stream] = [file for pattern in _STREAMS for file in self._work.glob(pattern)]
        with av.open(str(stream)) as container:
            return [read_frame_number(picture) for picture in container.decode(video=0)]

    def _files(self) -> list[Path]:
        return sorted(file for file in self.pictures.rglob("*") if file.suffix in (".jpg", ".png"))

    def _write_stream(self) -> None:
        """Put the RTP packets together again, up to the last whole access unit."""
        packets = list(_packets((self._work / "packets").read_bytes()))
        while packets and not RtpPacket.parse(packets[-1]).marker:
            packets.pop()
        units = access_units(packets)
        (self._work / "recording.h264").write_bytes(b"".join(annex_b(unit) for unit in units))


def _places(root: Path, work: Path) -> tuple[str, ...]:
    return (str(_HERE / "enter_root.sh"), str(root), str(work), str(_HERE / "programs"))


def _masking(root: Path, masks: Sequence[str]) -> str:
    lines = [f"mount --bind /dev/null '{root}/{mask}'" for mask in masks]
    return "; ".join([*lines, 'exec sh -eu "$@"'])


def _number_in(file: Path) -> int:
    with av.open(str(file)) as container:
        picture = next(container.decode(video=0))
    is_luma_first = picture.format.name.startswith("yuv")
    return read_frame_number(picture if is_luma_first else picture.reformat(format="yuv420p"))


def _packets(dump: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(dump):
        end = start + 2 + int.from_bytes(dump[start : start + 2])
        yield dump[start + 2 : end]
        start = end
