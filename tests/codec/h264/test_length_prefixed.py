"""H.264 as MP4 and Matroska store it: whole, cut at every byte, and with lengths that lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.length_prefixed import DecoderConfiguration, parse_configuration, split_sample

SPS, PPS = b"\x67\x64\0\x0d\xac", b"\x68\xee\x3c"


def record(sps=(SPS,), pps=(PPS,), *, length_bytes=4):
    """An AVCDecoderConfigurationRecord of ISO/IEC 14496-15, 5.3.3.1.2."""
    parts = [b"\1\x64\0\x0d", bytes((0xFC | (length_bytes - 1), 0xE0 | len(sps)))]
    parts += [len(each).to_bytes(2, "big") + each for each in sps]
    parts.append(bytes((len(pps),)))
    parts += [len(each).to_bytes(2, "big") + each for each in pps]
    return b"".join(parts)


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
@pytest.mark.parametrize(("sps", "pps"), [((SPS,), (PPS,)), ((SPS, b"\x67\x42"), (PPS, b"\x68")), ((), ())])
def test_a_record_states_the_lengths_and_the_parameter_sets(sps, pps, length_bytes):
    found = parse_configuration(record(sps, pps, length_bytes=length_bytes))
    assert found == DecoderConfiguration(length_bytes, sps + pps)


def test_what_follows_the_parameter_sets_is_not_read():
    assert parse_configuration(record() + b"\xfd\xf8\xf8\0").parameter_sets == (SPS, PPS)


def test_an_empty_parameter_set_is_none():
    assert parse_configuration(record(sps=(b"", SPS))).parameter_sets == (SPS, PPS)


@pytest.mark.parametrize("bad", [b"", b"\1", b"\1\x64\0\x0d\xff", b"\0\0\0\1\x67\x64\0\x0d", b"\2" + record()[1:]])
def test_what_is_no_record_is_said(bad):
    with pytest.raises(ValueError, match="no AVC configuration record"):
        parse_configuration(bad)


BEHIND_SPS = 8 + len(SPS)


@pytest.mark.parametrize("end", sorted(set(range(6, len(record()))) - {BEHIND_SPS}))
def test_a_record_that_is_cut_in_a_set_is_said(end):
    with pytest.raises(ValueError, match="ends in a parameter set"):
        parse_configuration(record()[:end])


def test_a_record_that_is_cut_behind_a_set_has_the_sets_before():
    assert parse_configuration(record()[:BEHIND_SPS]).parameter_sets == (SPS,)


nal_units = st.lists(st.binary(min_size=1, max_size=200), max_size=5)


@given(nal_units, st.sampled_from([1, 2, 4]))
def test_a_sample_is_its_nal_units(units, length_bytes):
    sample = b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)
    assert split_sample(memoryview(sample), length_bytes) == units


def test_empty_nal_units_are_left_out():
    assert split_sample(memoryview(b"\0\0\0\0" + b"\0\0\0\1\x65" + b"\0\0\0\0"), 4) == [b"\x65"]


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (b"\0\0\x0c\xc3\x65\1\2\3", "a NAL unit of 3267 bytes where 4 are left"),
        (b"\0\0\0\1\x65\0\0", "a NAL unit of 0 bytes where 0 are left"),
        (b"\xff\xff\xff\xff", "a NAL unit of 4294967295 bytes where 0 are left"),
    ],
)
def test_a_length_that_lies_is_said(sample, said):
    with pytest.raises(ValueError, match=said):
        split_sample(memoryview(sample), 4)


@given(st.binary(max_size=64), st.integers(1, 4))
def test_any_bytes_are_nal_units_or_a_mistake(sample, length_bytes):
    try:
        units = split_sample(memoryview(sample), length_bytes)
    except ValueError:
        return
    assert sum(map(len, units)) <= len(sample)
    assert all(units)
