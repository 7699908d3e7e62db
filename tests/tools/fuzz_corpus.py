"""The seeds of the fuzz targets, written into tests/fuzz/corpus: `python -m tests.tools.fuzz_corpus`.

RTSP: what the clients of tests/ladders send on a connection, one file for each dialogue that has a word in it which no
dialogue before had. H.264: access units of x264 in several profiles. An input that was found by fuzzing is put beside
them by hand and stays: this adds and overwrites, and deletes nothing.
"""

import re
from pathlib import Path
from typing import Any, Final

import av
import pytest

CORPUS: Final = Path(__file__).parents[1] / "fuzz" / "corpus"
LADDERS: Final = Path(__file__).parents[1] / "ladders"
_WORD: Final = re.compile(rb"[A-Za-z][A-Za-z_.-]*|\$.")
MAX_SEED_BYTES: Final = 4096
PROFILES: Final = {
    "baseline": ("yuv420p", {"profile": "baseline"}, {}),
    "high": ("yuv420p", {"profile": "high"}, {"bf": "0"}),
    "b-frames": ("yuv420p", {"profile": "main"}, {"bf": "2"}),
    "fields": ("yuv420p", {}, {"x264-params": "interlaced=1"}),
    "slices": ("yuv420p", {}, {"x264-params": "slices=4"}),
    "high-422": ("yuv422p", {}, {}),
    "high-444": ("yuv444p", {}, {"x264-params": "cqm=jvt"}),
}


class Listener:
    """A pytest plugin that notes what each test's first connection is sent."""

    def __init__(self) -> None:
        self.dialogues: dict[str, bytearray] = {}
        self._test = ""
        self._rung: object = None

    def pytest_collection_finish(self) -> None:
        """Listen in. pytest rewrites the assertions of the ladder's module, so it is not imported before."""
        from tests.support.rtsp.ladder import Ladder

        send = Ladder.send

        def noted(ladder: Ladder, data: bytes) -> None:
            self._note(ladder, data)
            send(ladder, data)

        Ladder.send = noted

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A new test, a new dialogue."""
        self._test, self._rung = f"{item.path.stem}-{item.name}".replace("test_", ""), None

    def _note(self, ladder: object, data: bytes) -> None:
        self._rung = self._rung or ladder
        if ladder is self._rung:
            self.dialogues.setdefault(self._test, bytearray()).extend(data)


def rtsp_seeds() -> dict[str, bytes]:
    """Return name -> what a client sends."""
    listener = Listener()
    assert pytest.main(["-q", str(LADDERS)], plugins=[listener]) == 0
    seen: set[bytes] = set()
    seeds = {}
    for name, data in sorted(listener.dialogues.items()):
        words = set(_WORD.findall(data)) if len(data) <= MAX_SEED_BYTES else set()
        if words - seen:
            seen |= words
            seeds[re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:80].strip("-")] = bytes(data)
    return seeds


def h264_seeds() -> dict[str, bytes]:
    """Return name -> access unit, a key frame and the one after it of each profile."""
    seeds = {}
    for name, (pix_fmt, options, more) in PROFILES.items():
        encoder: Any = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 48, pix_fmt, 25
        encoder.options = {"preset": "veryfast", "tune": "zerolatency", **options, **more}
        units = []
        for number in range(8):
            picture = av.VideoFrame(64, 48, pix_fmt)
            for plane in picture.planes:
                plane.update(bytes((at * (number + 3)) & 127 for at in range(plane.buffer_size)))
            picture.pts = number
            units += [bytes(packet) for packet in encoder.encode(picture)]
        units += [bytes(packet) for packet in encoder.encode(None)]
        seeds |= {f"{name}-{number}": unit[:MAX_SEED_BYTES] for number, unit in enumerate(units[:2])}
    return seeds


def main() -> None:
    """Write both corpora."""
    for folder, seeds in (("rtsp", rtsp_seeds()), ("h264", h264_seeds())):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (CORPUS / folder / name).write_bytes(data)
        print(f"{folder}: {len(seeds)} seeds, {sum(map(len, seeds.values()))} bytes")


if __name__ == "__main__":
    main()
