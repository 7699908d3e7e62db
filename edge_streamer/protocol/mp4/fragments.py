"""Fragmented MP4 of one H.264 video track, for Media Source Extensions: parameter sets and NAL units in, boxes out.

ISO/IEC 14496-12 (the boxes, whose sections are named below) and 14496-15 (H.264 in them). An *initialization
segment* says what a decoder must know; then each access unit is a *fragment* by itself, so that none waits for another.
Called by `services.live_video`, once per frame for all browsers. It reads no NAL unit and knows no connection, no file
and no second track.

Parameter sets stand in the initialization segment only: a sample entry `avc1` allows them nowhere else
(14496-15; `avc3` would), and other ones need another initialization segment anyway, since a browser takes the size from
there. So they are left out of the samples.

Every time is in ticks of CLOCK_HZ, which is the timescale of all boxes: nothing is rounded.

A fragment has to say how long its frame lasts, before anybody knows. Players go by the decode time that each fragment
states, which is exact; what they do with the duration is another matter, see `MIN_DURATION_S`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct, pack
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.codec.h264.nal import NalUnit

MIN_DURATION_S: Final = 0.2
"""Least that a frame is said to last. A browser that finds the next one later than two such durations drops everything
up to a key frame (Media Source Extensions, "coded frame processing": a gap in decode time is a discontinuity; Chromium
does so), and a camera that exposes longer in the dark makes such gaps. That the next frame comes earlier harms nothing:
Chromium shows all."""
MAX_DURATION_S: Final = 2.0
"""Most that is believed: after a longer gap the frames before were the better measure."""
START_TIME: Final = CLOCK_HZ
"""Decode time of the first fragment: pictures that are shown before the first key frame, which only files have, would
have a time below zero otherwise, and a browser shows nothing of that."""

_MIN_DURATION: Final = round(MIN_DURATION_S * CLOCK_HZ)
_MAX_DURATION: Final = round(MAX_DURATION_S * CLOCK_HZ)
_GAP_DURATIONS: Final = 2
_TRACK: Final = 1
_MATRIX: Final = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)  # no rotation
_UNDETERMINED: Final = 0x55C4  # "und" in five bits a letter (section 8.4.2.3)
_PROFILES_WITH_SAMPLE_FORMAT: Final = frozenset((100, 110, 122, 144))
_OUTSIDE_SAMPLES: Final = frozenset((7, 8, 13))  # nal_unit_type: SPS, PPS, SPS extension
_DEFAULT_BASE_IS_MOOF: Final = 0x020000
_RUN_FIELDS: Final = 0x000F01  # data offset; duration, size, flags and composition offset of each sample
_SYNC_SAMPLE: Final = 0x02000000  # depends on no other
_NON_SYNC_SAMPLE: Final = 0x01010000
_BOX: Final = Struct(">I4s")
_RUN: Final = Struct(">IiIIIi")
_LENGTH: Final = Struct(">I")


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """What an initialization segment says: parameter sets, size in pixels, and how the picture is sampled."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    width: int
    height: int
    chroma_format_idc: int = 1
    luma_bits: int = 8
    chroma_bits: int = 8

    def __post_init__(self) -> None:
        if not 1 <= len(self.sps) <= 31 or not 1 <= len(self.pps) <= 255:
            raise ValueError(f"{len(self.sps)} SPS and {len(self.pps)} PPS: there must be 1 to 31, and 1 to 255")

    @property
    def mime(self) -> str:
        """The media type as `MediaSource.isTypeSupported` wants it (RFC 6381 section 3.3)."""
        return f'video/mp4; codecs="avc1.{self.sps[0][1:4].hex()}"'


def initialization_segment(track: VideoTrack) -> bytes:
    """Return `ftyp` and `moov` (sections 4.3 and 8.2.1); struct.error for a size above 65,535 pixels."""
    file_type = _box(b"ftyp", b"iso6", pack(">I", 0), b"iso6iso5avc1mp41")
    return file_type + _box(b"moov", _movie_header(), _track(track), _box(b"mvex", _track_extends()))


class FragmentWriter:
    """The fragments of one track, in the order in which they are decoded. `interval_s` is what is expected to lie
    between the first two, 0 if nothing is."""

    def __init__(self, interval_s: float = 0.0) -> None:
        self.decode_time = START_TIME
        """Of the newest fragment, in ticks."""
        self.is_after_gap = False
        """Whether the newest fragment came so late that a browser goes on only at a key frame."""
        self._sequence = 0
        self._origin: int | None = None
        self._duration = _MIN_DURATION
        self._take_duration(round(interval_s * CLOCK_HZ))

    def fragment(self, nal_units: Iterable[NalUnit], media_time: int, *, is_key_frame: bool) -> bytes:
        """Return `moof` and `mdat` (sections 8.8.4 and 8.1.1) of an access unit shown at `media_time`, in ticks of any
        origin, unwrapped.

        A frame that is shown before one that came earlier is decoded a tick after that one.
        """
        if self._origin is None:
            self._origin = media_time - START_TIME
        shown_at = media_time - self._origin
        decoded_at = self._advance(shown_at)
        self._sequence += 1
        data, size_bytes = _sample(nal_units)
        flags = _SYNC_SAMPLE if is_key_frame else _NON_SYNC_SAMPLE
        movie_fragment = self._movie_fragment(size_bytes, flags, shown_at - decoded_at)
        return b"".join([movie_fragment, _BOX.pack(_BOX.size + size_bytes, b"mdat"), *data])

    def _advance(self, shown_at: int) -> int:
        if self._sequence:
            before, self.decode_time = self.decode_time, max(shown_at, self.decode_time + 1)
            self.is_after_gap = self.decode_time - before > _GAP_DURATIONS * self._duration
            self._take_duration(self.decode_time - before)
        return self.decode_time

    def _take_duration(self, step: int) -> None:
        if step <= _MAX_DURATION:
            self._duration = max(step, _MIN_DURATION)

    def _movie_fragment(self, size_bytes: int, flags: int, composition_offset: int) -> bytes:
        moof_bytes = 104
        run = _RUN.pack(1, moof_bytes + _BOX.size, self._duration, size_bytes, flags, composition_offset)
        moof = _box(
            b"moof",
            _full_box(b"mfhd", 0, 0, pack(">I", self._sequence)),
            _box(
                b"traf",
                _full_box(b"tfhd", 0, _DEFAULT_BASE_IS_MOOF, pack(">I", _TRACK)),
                _full_box(b"tfdt", 1, 0, pack(">Q", self.decode_time)),
                _full_box(b"trun", 1, _RUN_FIELDS, run),  # version 1: the composition offset has a sign
            ),
        )
        assert len(moof) == moof_bytes, "the data offset counts from the start of moof"
        return moof


def _sample(nal_units: Iterable[NalUnit]) -> tuple[list[NalUnit], int]:
    """Return the parts of a sample, each NAL unit behind its length (14496-15), and their sum."""
    parts: list[NalUnit] = []
    size_bytes = 0
    for nal in nal_units:
        if nal[0] & 0x1F not in _OUTSIDE_SAMPLES:
            parts += (_LENGTH.pack(len(nal)), nal)
            size_bytes += _LENGTH.size + len(nal)
    return parts, size_bytes


# --- the initialization segment, from the outside in


def _movie_header() -> bytes:
    """Section 8.2.2: duration 0, as all of it is in fragments; normal rate and volume."""
    return _full_box(
        b"mvhd", 0, 0, pack(">IIIIIHxx8x", 0, 0, CLOCK_HZ, 0, 0x10000, 0x100), _MATRIX, pack(">24xI", _TRACK + 1)
    )


def _track(track: VideoTrack) -> bytes:
    enabled_in_movie_and_preview = 7
    header = pack(">III4xI8xHHH2x", 0, 0, _TRACK, 0, 0, 0, 0)
    size = pack(">II", track.width << 16, track.height << 16)
    return _box(
        b"trak",
        _full_box(b"tkhd", 0, enabled_in_movie_and_preview, header, _MATRIX, size),
        _box(b"mdia", _media_header(), _handler(), _media_information(track)),
    )


def _media_header() -> bytes:
    return _full_box(b"mdhd", 0, 0, pack(">IIIIH2x", 0, 0, CLOCK_HZ, 0, _UNDETERMINED))


def _handler() -> bytes:
    return _full_box(b"hdlr", 0, 0, pack(">4x4s12x", b"vide"), b"video\0")


def _media_information(track: VideoTrack) -> bytes:
    this_file = _full_box(b"url ", 0, 1)
    return _box(
        b"minf",
        _full_box(b"vmhd", 0, 1, pack(">H6x", 0)),
        _box(b"dinf", _full_box(b"dref", 0, 0, pack(">I", 1), this_file)),
        _box(b"stbl", _full_box(b"stsd", 0, 0, pack(">I", 1), _visual_sample_entry(track)), *_no_samples()),
    )


def _no_samples() -> tuple[bytes, ...]:
    """The tables of the samples in `moov` itself, which must be there (section 8.5.1) and are empty."""
    none = pack(">I", 0)
    return (
        _full_box(b"stts", 0, 0, none),
        _full_box(b"stsc", 0, 0, none),
        _full_box(b"stsz", 0, 0, pack(">I", 0), none),
        _full_box(b"stco", 0, 0, none),
    )


def _visual_sample_entry(track: VideoTrack) -> bytes:
    """Section 12.1.3: 72 dots an inch, one frame a sample, no compressor's name, 24 bits a pixel."""
    start = pack(">6xH16xHH", 1, track.width, track.height)
    end = pack(">II4xH32xHh", 0x480000, 0x480000, 1, 24, -1)
    return _box(b"avc1", start, end, _decoder_configuration(track))


def _decoder_configuration(track: VideoTrack) -> bytes:
    """14496-15, AVCDecoderConfigurationRecord: lengths of four bytes, parameter sets, for some profiles the samples."""
    first = track.sps[0]
    parts = [bytes((1, first[1], first[2], first[3], 0b111111_11, 0b111_00000 | len(track.sps)))]
    parts += (pack(">H", len(sps)) + sps for sps in track.sps)
    parts.append(bytes((len(track.pps),)))
    parts += (pack(">H", len(pps)) + pps for pps in track.pps)
    if first[1] in _PROFILES_WITH_SAMPLE_FORMAT:
        depths = 0b11111_000 | track.luma_bits - 8, 0b11111_000 | track.chroma_bits - 8
        parts.append(bytes((0b111111_00 | track.chroma_format_idc, *depths, 0)))
    return _box(b"avcC", *parts)


def _track_extends() -> bytes:
    """Section 8.8.3: fragments may follow; each states all of its own defaults."""
    return _full_box(b"trex", 0, 0, pack(">IIIII", _TRACK, 1, 0, 0, 0))


def _box(name: bytes, *parts: bytes) -> bytes:
    """Section 4.2.2."""
    body = b"".join(parts)
    return _BOX.pack(_BOX.size + len(body), name) + body


def _full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(name, pack(">I", version << 24 | flags), *parts)
