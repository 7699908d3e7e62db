"""H.264 as MP4 and Matroska store it: parameter sets in a configuration record, NAL units behind their lengths.

ISO/IEC 14496-15, 5.3.3.1 (AVCDecoderConfigurationRecord, the box avcC) and 5.3.2 (samples). Called by the file source
for each sample; nothing is copied but parameter sets.
"""

from dataclasses import dataclass
from typing import Final

from edge_streamer.codec.h264.nal import NalUnit

CONFIGURATION_VERSION: Final = 1
"""The first byte of a record; Annex B begins with a zero."""
_HEADER_BYTES: Final = 5  # version, profile, constraints, level, size of the lengths
_COUNT_OF_SPS: Final = 0x1F


@dataclass(frozen=True, slots=True)
class DecoderConfiguration:
    """Bytes of the length before each NAL unit, 1 to 4, and the parameter sets of the record, which may be none."""

    length_bytes: int
    parameter_sets: tuple[bytes, ...]


def parse_configuration(record: bytes) -> DecoderConfiguration:
    """Return what an AVCDecoderConfigurationRecord states; ValueError when it is none or truncated."""
    if len(record) <= _HEADER_BYTES or record[0] != CONFIGURATION_VERSION:
        raise ValueError(f"no AVC configuration record: {len(record)} bytes that begin with {record[:1].hex() or 'no'}")
    position = _HEADER_BYTES
    parameter_sets: list[bytes] = []
    for mask in (_COUNT_OF_SPS, 0xFF):
        count = record[position] & mask if position < len(record) else 0
        position += 1
        for _ in range(count):
            start = position + 2
            position = start + int.from_bytes(record[position:start], "big")
            if position > len(record):
                raise ValueError(f"a configuration record of {len(record)} bytes ends in a parameter set")
            parameter_sets.append(record[start:position])
    return DecoderConfiguration(1 + (record[4] & 3), tuple(filter(None, parameter_sets)))


def split_sample(sample: memoryview, length_bytes: int) -> list[NalUnit]:
    """Return the NAL units of a sample, without those that are empty; ValueError when their lengths do not add up to
    the sample's."""
    nal_units: list[NalUnit] = []
    position, end = 0, len(sample)
    while position < end:
        start = position + length_bytes
        position = start + int.from_bytes(sample[position:start], "big")
        if position > end:
            raise ValueError(f"a NAL unit of {position - start} bytes where {max(0, end - start)} are left")
        if position > start:
            nal_units.append(sample[start:position])
    return nal_units
