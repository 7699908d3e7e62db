"""Files that are odd in one way each, made from clips of an encoder or bit by bit; a plugin of `tests/conftest.py`.

They stand for kinds that people have: time-lapses, recordings with holes, recordings of a broken disk or clock, cuts
without an IDR, interlaced broadcasts.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.support.h264_syntax import Sps, nal, u, ue

START_CODE = b"\0\0\0\1"


@dataclass
class Sample:
    """A packet of a container: its bytes, its stamps, and whether the container calls it a key frame."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    is_key: bool


def samples_of(path: str) -> list[Sample]:
    """The packets of a file's video, as the container holds them."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [Sample(bytes(each), each.pts, each.dts, each.duration, each.is_keyframe) for each in packets]


def remuxed(
    source: str,
    target: Path,
    samples: Iterable[Sample],
    time_base: Fraction | None = None,
) -> str:
    """Write the samples into another file whose stream is as the source's; `time_base`: seconds of a stamp."""
    with av.open(source) as like, av.open(str(target), "w") as container:
        template = like.streams.video[0]
        stream = container.add_stream_from_template(template, opaque=True)
        with suppress(RuntimeError):  # PyAV 14 sets it for encoders only; the muxer then takes a fine one
            stream.time_base = time_base or template.time_base
        for sample in samples:
            packet = av.Packet(sample.data)
            packet.stream, packet.time_base = stream, time_base or template.time_base
            packet.pts, packet.dts, packet.duration = sample.pts, sample.dts, sample.duration
            packet.is_keyframe = sample.is_key
            container.mux(packet)
    return str(target)


def stamped(samples: list[Sample], stamps: Iterable[int], lasts: int = 1) -> list[Sample]:
    """The samples with these decode and presentation times."""
    return [Sample(each.data, stamp, stamp, lasts, each.is_key) for each, stamp in zip(samples, stamps, strict=False)]


def with_units(sample: Sample, *, before: Iterable[bytes] = (), behind: Iterable[bytes] = ()) -> Sample:
    """The length-prefixed sample with more NAL units."""
    data = b"".join(
        [*map(length_prefixed, before), sample.data, *map(length_prefixed, behind)],
    )
    return Sample(data, sample.pts, sample.dts, sample.duration, sample.is_key)


def length_prefixed(unit: bytes) -> bytes:
    """A NAL unit as a sample of MP4 holds it."""
    return len(unit).to_bytes(4, "big") + unit


def patched(path: str, target: Path, old: bytes, new: bytes) -> str:
    """A copy of a file in which some bytes, there once, are others; the length stays."""
    data = Path(path).read_bytes()
    assert data.count(old) == 1
    assert len(old) == len(new)
    target.write_bytes(data.replace(old, new))
    return str(target)


def rotated(path: str, target: Path) -> str:
    """A copy of a clip of 320 x 240 pixels that is to be turned by 90 degrees, as a phone writes it."""
    return patched(path, target, _matrix(1, 0, 0, 1), _matrix(0, 1, -1, 0))


def _matrix(a: int, b: int, c: int, d: int) -> bytes:
    """Matrix, width and height of a track header of MP4 (ISO/IEC 14496-12, 8.3.2)."""
    numbers = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30, 320 << 16, 240 << 16]
    return b"".join((number & 0xFFFFFFFF).to_bytes(4, "big") for number in numbers)


def raw_frames(pictures: int) -> bytes:
    """Annex B of 16 x 16 grey pictures, all key frames, whose SPS has no VUI and so no frame rate."""
    sps = nal(u(66, 8) + u(0xC0, 8) + u(10, 8) + ue(0, 0, 2, 0) + "0" + ue(0, 0) + "1100")
    pps = nal(ue(0, 0) + "00" + ue(0, 0, 0) + "000" + ue(0, 0, 0) + "000", 0x68)
    units = []
    for number in range(pictures):
        # first_mb, slice type I, pps, frame_num, idr_pic_id, no flags, slice_qp_delta, then one I_PCM macroblock
        idr = ue(0, 7, 0) + u(0, 4) + ue(number % 2) + "00" + ue(0) + ue(25)
        idr += "0" * (-len(idr) % 8) + "10000000" * 384
        units += [sps, pps, nal(idr, 0x65)]
    return b"".join(b"\0\0\0\1" + unit for unit in units)


FIELDS_SPS = Sps(profile_idc=77, width_mbs=1, height_map_units=1, frame_mbs_only="00").encoded()
"""16 x 32 pixels of two fields; order of output is order of coding."""
FIELDS_PPS = nal(ue(0, 0) + "00" + ue(0, 0, 0) + "000" + ue(0, 0, 0) + "000", 0x68)


def field_of(number: int, *, is_bottom: bool, is_idr: bool, level: int) -> bytes:
    """One field of a frame: an I slice with one macroblock of PCM, all of it `level`."""
    bits = ue(0, 7, 0) + u(number % 16, 4) + "1" + str(int(is_bottom))  # up to bottom_field_flag
    bits += ue(number // 16) + "00" if is_idr else "0"  # idr_pic_id, dec_ref_pic_marking
    bits += ue(0) + ue(25)  # slice_qp_delta, I_PCM
    bits += "0" * (-len(bits) % 8) + u(level, 8) * 256 + u(128, 8) * 128
    return nal(bits, 0x65 if is_idr else 0x61)


def field_frames(frames: int) -> list[bytes]:
    """Frames of two fields each in Annex B, an IDR every 16th, growing brighter."""
    units = []
    for number in range(frames):
        is_idr = number % 16 == 0
        level = 40 + number % 100
        head = [b"\x09\x10", *([FIELDS_SPS, FIELDS_PPS] if is_idr else [])]
        fields = [
            field_of(number, is_bottom=False, is_idr=is_idr, level=level),
            field_of(number, is_bottom=True, is_idr=False, level=level),
        ]
        units.append(b"".join(START_CODE + unit for unit in [*head, *fields]))
    return units


@pytest.fixture
def interlaced_ts(tmp_path: Path) -> str:
    """32 frames of two field pictures each, 25 frames a second, in MPEG-TS: a packet for each frame."""
    path = tmp_path / "fields.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=25)
        stream.width, stream.height, stream.time_base = 16, 32, Fraction(1, 25)
        for number, data in enumerate(field_frames(32)):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, number % 16 == 0
            container.mux(packet)
    return str(path)
