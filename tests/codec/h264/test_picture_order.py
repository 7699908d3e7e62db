"""The order of presentation of raw streams, against the order that the encoder gave to a container."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.picture_order import DisplayOrder

FLAVOURS = {
    "pyramid": {"b_frames": 3, "x264": "b-pyramid=normal"},
    "no pyramid": {"b_frames": 2, "x264": "b-pyramid=none"},
    "sixteen": {"b_frames": 16, "x264": "b-pyramid=strict"},
    "interlaced": {"b_frames": 2, "x264": "tff=1"},
    "scaling lists": {"b_frames": 2, "x264": "cqm=jvt:8x8dct=1"},
    "4:4:4": {"b_frames": 2, "pix_fmt": "yuv444p"},
    "open groups": {"b_frames": 2, "x264": "open-gop=1"},
    "long group": {"b_frames": 2, "gop": 500, "frames": 150},  # past the wrap of the sent bits
    "key frames only": {"gop": 1},
    "no B-frames": {},
}


def units_and_times(path):
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [bytes(packet) for packet in packets], [packet.pts for packet in packets]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_pictures_are_shown_in_the_encoders_order(make_clip, flavour):
    settings = {"frames": 60, "gop": 20, **FLAVOURS[flavour]}
    name = flavour.replace(":", "").replace(" ", "-")
    units, _none = units_and_times(make_clip(f"{name}.h264", **settings))
    _avcc, times = units_and_times(make_clip(f"{name}.mp4", **settings))
    order = DisplayOrder(units)
    shown = [order.shown_at(unit, number) for number, unit in enumerate(units)]
    ranks = {time: rank for rank, time in enumerate(sorted(times))}
    assert [number - order.delay for number in shown] == [ranks[time] for time in times]
    assert all(number >= decoded for decoded, number in enumerate(shown))
    assert (order.delay > 0) == (settings.get("b_frames", 0) > 0)


def test_without_a_sample_pictures_are_shown_as_they_come():
    order = DisplayOrder([])
    assert [order.shown_at(b"\0\0\1\x41whatever", number) for number in range(3)] == [0, 1, 2]


unit_bodies = st.lists(
    st.sampled_from([b"\0\0\1\x67\x64", b"\0\0\1\x67\x42", b"\0\0\1\x65", b"\0\0\1\x41", b"\0\0\1\x01"])
)
garbage = st.builds(lambda heads, tail: b"".join(head + tail for head in heads), unit_bodies, st.binary(max_size=40))


@given(st.lists(garbage, max_size=6))
def test_garbage_is_shown_no_earlier_than_it_is_decoded(units):
    order = DisplayOrder(units)
    for number, unit in enumerate(units):
        assert order.shown_at(unit, number) >= number
