"""The five streams of the laboratory as files: real x264 output whose average is its nominal bit rate.

The picture is a bright bar that moves over grey, with a patch of noise in it. Noise is what the encoder cannot guess,
so it spends all it may, as it does on a windy tree; the patch grows with the bit rate so that the quality stays within
x264's means. Made once and kept by the caller; a file is a whole number of groups of pictures and loops without a seam.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.video.frame import PictureType

CLIP_S: Final = 4
GOP_S: Final = 1
_BITS_PER_NOISE_SAMPLE: Final = 0.7
_ATTEMPTS: Final = 5
_NEAR: Final = 0.06
_GREY: Final = 110
_BAR: Final = 190


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One stream: its name in URLs and tables, and what it is like."""

    name: str
    bitrate_bps: int
    width: int
    height: int
    fps: int

    @property
    def noise_samples(self) -> int:
        """How many luma samples of each picture are noise."""
        return min(self.width * self.height, round(self.bitrate_bps / self.fps / _BITS_PER_NOISE_SAMPLE))


CLIPS: Final = (
    ClipSpec("kbit100", 100_000, 320, 176, 15),
    ClipSpec("kbit300", 300_000, 640, 368, 15),
    ClipSpec("mbit2", 2_000_000, 1280, 720, 30),
    ClipSpec("mbit8", 8_000_000, 1920, 1088, 30),
    ClipSpec("mbit25", 25_000_000, 1920, 1088, 30),
)


def make_clip(spec: ClipSpec, folder: Path) -> Path:
    """Encode the stream's file into `folder` and return its path; one that is there already is used again."""
    path = folder / f"{spec.name}.mp4"
    if not path.exists():
        unfinished = path.with_suffix(".part.mp4")
        _encode_near(spec, unfinished)
        unfinished.rename(path)
    return path


def _encode_near(spec: ClipSpec, path: Path) -> None:
    """Encode, and again with another aim, until the average is near: rate control misses short clips by a fifth."""
    aim_bps = spec.bitrate_bps
    for _ in range(_ATTEMPTS):
        _encode(spec, path, aim_bps)
        off = average_bps(path) / spec.bitrate_bps
        if abs(off - 1) < _NEAR:
            return
        aim_bps = round(aim_bps / off)


def average_bps(path: Path) -> float:
    """Return the bit rate of a file's video."""
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0)) * 8 / CLIP_S


def _encode(spec: ClipSpec, path: Path, aim_bps: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", spec.fps, options=_options(aim_bps))
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        stream.bit_rate = aim_bps
        stream.gop_size = spec.fps * GOP_S
        stream.max_b_frames = 0
        for picture in _pictures(spec):
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _options(aim_bps: int) -> dict[str, str]:
    """Options of an encoder whose output is the same each time: with threads it depends on their scheduling."""
    rate = str(aim_bps)
    return {
        "preset": "ultrafast", "tune": "zerolatency", "threads": "1", "forced-idr": "1", "sc_threshold": "0",
        "minrate": rate, "maxrate": rate, "bufsize": str(aim_bps // 2),
    }  # fmt: skip


def _pictures(spec: ClipSpec) -> Iterator[av.VideoFrame]:
    noise = random.Random(spec.name)
    for number in range(spec.fps * CLIP_S):
        picture = av.VideoFrame(spec.width, spec.height, "yuv420p")
        for index, plane in enumerate(picture.planes):
            plane.update(
                _luma(spec, number, noise, plane.line_size) if index == 0 else bytes([128]) * plane.buffer_size
            )
        picture.pts = number
        picture.pict_type = PictureType.I if number % (spec.fps * GOP_S) == 0 else PictureType.NONE
        yield picture


def _luma(spec: ClipSpec, number: int, noise: random.Random, line_bytes: int) -> bytes:
    """Grey with a moving bar; noise from the top line on."""
    bar_bytes = spec.width // 16
    left = number * 4 % (spec.width - bar_bytes)
    line = bytearray([_GREY]) * line_bytes
    line[left : left + bar_bytes] = bytes([_BAR]) * bar_bytes
    lines = spec.noise_samples // spec.width
    return noise.randbytes(lines * line_bytes) + bytes(line) * (spec.height - lines)
