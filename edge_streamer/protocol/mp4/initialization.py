"""The initialization segment: what a decoder must know before the first fragment."""

from dataclasses import dataclass
from struct import pack
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.codec.h264.sps import PROFILES_WITH_SAMPLE_FORMAT, SampleFormat
from edge_streamer.protocol.mp4.boxes import TRACK_ID, box, full_box

_MATRIX: Final = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)  # no rotation
_UNDETERMINED: Final = 0x55C4  # "und" in five bits a letter (section 8.4.2.3)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The content of an initialization segment: parameter sets, size in pixels, and the format of the samples."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    width: int
    height: int
    samples: SampleFormat

    def __post_init__(self) -> None:
        if not 1 <= len(self.sps) <= 31 or not 1 <= len(self.pps) <= 255:
            raise ValueError(f"{len(self.sps)} SPS and {len(self.pps)} PPS: there must be 1 to 31, and 1 to 255")

    @property
    def mime(self) -> str:
        """The media type for `MediaSource.isTypeSupported` (RFC 6381 section 3.3)."""
        return f'video/mp4; codecs="avc1.{self.sps[0][1:4].hex()}"'


def initialization_segment(track: VideoTrack) -> bytes:
    """Return `ftyp` and `moov` (sections 4.3 and 8.2.1); struct.error for a size above 65,535 pixels."""
    file_type = box(b"ftyp", b"iso6", pack(">I", 0), b"iso6iso5avc1mp41")
    return file_type + box(b"moov", _movie_header(), _track(track), box(b"mvex", _track_extends()))


def _movie_header() -> bytes:
    """Section 8.2.2: duration 0, as all samples are in fragments; normal rate and volume."""
    return full_box(
        b"mvhd", 0, 0, pack(">IIIIIHxx8x", 0, 0, CLOCK_HZ, 0, 0x10000, 0x100), _MATRIX, pack(">24xI", TRACK_ID + 1)
    )


def _track(track: VideoTrack) -> bytes:
    enabled_in_movie_and_preview = 7
    header = pack(">III4xI8xHHH2x", 0, 0, TRACK_ID, 0, 0, 0, 0)
    size = pack(">II", track.width << 16, track.height << 16)
    return box(
        b"trak",
        full_box(b"tkhd", 0, enabled_in_movie_and_preview, header, _MATRIX, size),
        box(b"mdia", _media_header(), _handler(), _media_information(track)),
    )


def _media_header() -> bytes:
    return full_box(b"mdhd", 0, 0, pack(">IIIIH2x", 0, 0, CLOCK_HZ, 0, _UNDETERMINED))


def _handler() -> bytes:
    return full_box(b"hdlr", 0, 0, pack(">4x4s12x", b"vide"), b"video\0")


def _media_information(track: VideoTrack) -> bytes:
    this_file = full_box(b"url ", 0, 1)
    return box(
        b"minf",
        full_box(b"vmhd", 0, 1, pack(">H6x", 0)),
        box(b"dinf", full_box(b"dref", 0, 0, pack(">I", 1), this_file)),
        box(b"stbl", full_box(b"stsd", 0, 0, pack(">I", 1), _visual_sample_entry(track)), *_no_samples()),
    )


def _no_samples() -> tuple[bytes, ...]:
    """The sample tables in `moov`, which must be present (section 8.5.1) and are empty."""
    none = pack(">I", 0)
    return (
        full_box(b"stts", 0, 0, none),
        full_box(b"stsc", 0, 0, none),
        full_box(b"stsz", 0, 0, pack(">I", 0), none),
        full_box(b"stco", 0, 0, none),
    )


def _visual_sample_entry(track: VideoTrack) -> bytes:
    """Section 12.1.3: 72 dots an inch, one frame a sample, no compressor's name, 24 bits a pixel."""
    start = pack(">6xH16xHH", 1, track.width, track.height)
    end = pack(">II4xH32xHh", 0x480000, 0x480000, 1, 24, -1)
    return box(b"avc1", start, end, _decoder_configuration(track))


def _decoder_configuration(track: VideoTrack) -> bytes:
    """14496-15, AVCDecoderConfigurationRecord: length fields of four bytes, parameter sets, for some profiles the
    sample format."""
    first = track.sps[0]
    parts = [bytes((1, first[1], first[2], first[3], 0b111111_11, 0b111_00000 | len(track.sps)))]
    parts += (pack(">H", len(sps)) + sps for sps in track.sps)
    parts.append(bytes((len(track.pps),)))
    parts += (pack(">H", len(pps)) + pps for pps in track.pps)
    if first[1] in PROFILES_WITH_SAMPLE_FORMAT:
        samples = track.samples
        depths = 0b11111_000 | samples.luma_bits - 8, 0b11111_000 | samples.chroma_bits - 8
        parts.append(bytes((0b111111_00 | samples.chroma_format_idc, *depths, 0)))
    return box(b"avcC", *parts)


def _track_extends() -> bytes:
    """Section 8.8.3: fragments follow; each states its sample's duration, size and flags, so these defaults are 0."""
    return full_box(b"trex", 0, 0, pack(">IIIII", TRACK_ID, 1, 0, 0, 0))
