"""The traffic with a stateful encoder: which requests, in which order, with which bytes, and how faults are survived.

The structures are read here by the offsets of the kernel's header, not by the code under test.
"""

import errno
import os
import struct
import time
from fractions import Fraction

import av
import pytest

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2 import m2m as v4l2_m2m
from edge_streamer.sources.v4l2.abi import BufferFlags, Control, PixelFormat
from edge_streamer.sources.v4l2.device import SizeRange
from edge_streamer.sources.v4l2.m2m import EncoderNode, M2mEncoder, find_encoders, limits_of
from tests.support.frame_number import read_frame_number
from tests.support.v4l2.recording import numbered_pictures
from tests.support.v4l2.stand_in import Offer, StandInCamera, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec

HD = Output(width=1280, height=720, fps=30, bitrate_bps=2_010_000, gop_s=2)
SMALL = Output(width=320, height=240, fps=30, bitrate_bps=800_000, gop_s=1)
MPLANE_OUTPUT, MPLANE_CAPTURE = 10, 9
NV12, YU12, H264 = (int.from_bytes(code, "little") for code in (b"NV12", b"YU12", b"H264"))


@pytest.fixture
def machine(tmp_path):
    return StandInKernel(tmp_path)


def open_encoder(machine, codec, output=SMALL, *, prefers_nv12=False):
    machine.plug(11, codec)
    [node] = find_encoders(machine)
    codec.log.clear()
    return M2mEncoder(machine, node, output, prefers_nv12=prefers_nv12)


def encode(encoder, count, keys=(), width=320, height=240, step_ns=33_333_000):
    units = []
    for number, picture in enumerate(numbered_pictures(count, width, height)):
        picture = picture if encoder.pixel_format == "yuv420p" else picture.reformat(format=encoder.pixel_format)
        encoder.submit(picture, 7_000_000_000 + number * step_ns, is_key_frame=number in keys)
        units += encoder.collect()
    return units


def test_an_encoder_is_set_up_in_the_kernels_order(machine):
    codec = StandInCodec()
    encoder = open_encoder(machine, codec, HD)
    names = [name for name in codec.names() if name not in ("S_CTRL", "QUERYBUF")]
    assert names[:5] == ["S_FMT", "S_FMT", "S_PARM", "REQBUFS", "REQBUFS"]  # 720 lines are whole macroblocks: no crop
    assert names[5:] == ["QBUF"] * 4 + ["STREAMON"] * 2
    encoder.close()
    assert not machine.contexts
    assert codec.names()[-2:] == ["STREAMOFF", "STREAMOFF"]


def of(codec, request):
    return [structure for name, structure in codec.log if name == request]


def test_formats_rate_and_buffers_are_asked_for_byte_by_byte(machine):
    codec = StandInCodec()
    open_encoder(machine, codec, HD).close()
    coded, raw = of(codec, "S_FMT")
    assert struct.unpack_from("<I4x4I", coded) == (MPLANE_CAPTURE, 1280, 720, H264, 1)
    assert struct.unpack_from("<II", coded, 8 + 20) == (1280 * 720 * 3 // 4, 0)  # sizeimage, bytesperline
    assert struct.unpack_from("<I4x4I", raw) == (MPLANE_OUTPUT, 1280, 720, YU12, 1)
    assert raw[8 + 180] == 1  # num_planes
    assert struct.unpack_from("<5I", of(codec, "S_PARM")[0]) == (MPLANE_OUTPUT, 0, 0, 1, 30)
    assert [struct.unpack_from("<3I", structure) for structure in of(codec, "REQBUFS")] == [
        (4, MPLANE_OUTPUT, 1),
        (4, MPLANE_CAPTURE, 1),
    ]
    for index, structure in enumerate(of(codec, "QBUF")):
        assert struct.unpack_from("<II", structure) == (index, MPLANE_CAPTURE)
        assert struct.unpack_from("<I", structure, 60) == (1,)  # memory: mmap
        assert struct.unpack_from("<I", structure, 72) == (1,)  # length: one plane


def test_a_picture_takes_its_time_with_it(machine):
    codec = StandInCodec()
    encoder = open_encoder(machine, codec, SMALL)
    codec.log.clear()
    [unit] = encode(encoder, 1)
    assert unit.captured_ns == 7_000_000_000
    picture = of(codec, "QBUF")[0]
    assert struct.unpack_from("<II", picture) == (0, MPLANE_OUTPUT)
    assert struct.unpack_from("<qq", picture, 24) == (7, 0)
    encoder.close()


def test_controls_are_what_the_output_wants_and_the_driver_lists(machine):
    codec = StandInCodec()
    open_encoder(machine, codec, HD).close()
    assert codec.settings == [
        (Control.BITRATE, 2_000_000),  # in steps of 25 kbit/s
        (Control.HEADER_MODE, 1),
        (Control.REPEAT_SEQ_HEADER, 1),
        (Control.H264_I_PERIOD, 60),
    ]


def test_a_menu_with_holes_keeps_its_default(machine):
    codec = StandInCodec()
    codec.errors["S_CTRL"] = [errno.EINVAL, errno.ERANGE]
    encoder = open_encoder(machine, codec, HD)
    assert not encoder.can_set_bitrate
    assert codec.settings == [(Control.REPEAT_SEQ_HEADER, 1), (Control.H264_I_PERIOD, 60)]
    encoder.close()


def test_more_than_level_4_0_is_level_4_2(machine):
    codec = StandInCodec()
    open_encoder(machine, codec, Output(width=1920, height=1080, fps=60)).close()
    assert (Control.H264_LEVEL, 13) in codec.settings


@pytest.mark.parametrize("is_mplane", [True, False])
@pytest.mark.parametrize("prefers_nv12", [True, False])
@pytest.mark.parametrize("size", [(320, 240), (336, 200)])
def test_pictures_come_back_in_order_with_their_times(machine, decode, is_mplane, prefers_nv12, size):
    output = Output(width=size[0], height=size[1], fps=30, bitrate_bps=800_000)
    codec = StandInCodec(is_mplane=is_mplane)
    encoder = open_encoder(machine, codec, output, prefers_nv12=prefers_nv12)
    assert encoder.pixel_format == ("nv12" if prefers_nv12 else "yuv420p")
    units = encode(encoder, 12, (5,), *size)
    encoder.close()
    assert [unit.captured_ns for unit in units] == [7_000_000_000 + number * 33_333_000 for number in range(12)]
    assert [number for number, unit in enumerate(units) if unit.is_key_frame] == [0, 5]
    pictures = decode(units)
    assert [read_frame_number(picture) for picture in pictures] == list(range(12))
    assert {(picture.width, picture.height) for picture in pictures} == {size}


def test_a_picture_that_is_no_whole_macroblocks_is_cropped(machine):
    codec = StandInCodec()
    open_encoder(machine, codec, Output(width=1920, height=1080, fps=30)).close()
    [selection] = of(codec, "S_SELECTION")
    assert struct.unpack_from("<3I2i2I", selection) == (2, 0, 0, 0, 0, 1920, 1080)


@pytest.mark.parametrize("header_alone", [False, True])
def test_a_driver_that_copies_no_times_keeps_the_order(machine, header_alone):
    encoder = open_encoder(machine, StandInCodec(header_alone=header_alone, copies_time=False))
    units = encode(encoder, 6, (3,))
    encoder.close()
    assert [unit.captured_ns for unit in units] == [7_000_000_000 + number * 33_333_000 for number in range(6)]


def test_an_encoder_that_cannot_be_asked_for_key_frames_goes_on(machine):
    codec = StandInCodec()
    del codec.controls[Control.FORCE_KEY_FRAME]
    encoder = open_encoder(machine, codec)
    assert not encoder.can_force_key_frame
    assert [unit.is_key_frame for unit in encode(encoder, 4, (2,))] == [True, False, False, False]
    encoder.close()


def test_buffers_that_are_too_small_are_refused(machine, monkeypatch):
    codec = StandInCodec()
    adjust = codec.adjust

    def shrink(picture, queue):
        adjust(picture, queue)
        picture.plane_fmt[0].sizeimage -= 1

    monkeypatch.setattr(codec, "adjust", shrink)
    with pytest.raises(SourceError, match="too small for a picture"):
        open_encoder(machine, codec)
    assert not machine.contexts


def test_parameter_sets_in_a_buffer_of_their_own_are_joined(machine, decode):
    encoder = open_encoder(machine, StandInCodec(header_alone=True))
    units = encode(encoder, 6, (3,))
    encoder.close()
    assert [unit.is_key_frame for unit in units] == [True, False, False, True, False, False]
    assert units[3].data.count(b"\0\0\1\x67") == 1
    assert [read_frame_number(picture) for picture in decode(units[3:])] == [3, 4, 5]


def test_a_broken_access_unit_is_not_sent_and_a_key_frame_follows(machine, decode):
    codec = StandInCodec()
    codec.unit_flags[3] = BufferFlags.ERROR
    encoder = open_encoder(machine, codec)
    units = encode(encoder, 6)
    encoder.close()
    assert [unit.is_key_frame for unit in units] == [True, False, True, False, False]
    assert [read_frame_number(picture) for picture in decode(units[2:])] == [3, 4, 5]


def test_an_access_unit_that_fills_its_buffer_was_cut_off(machine, monkeypatch):
    monkeypatch.setattr(v4l2_m2m, "MIN_UNIT_BYTES", 0)
    encoder = open_encoder(machine, StandInCodec(), Output(width=64, height=64, bitrate_bps=25_000_000))
    noise = av.VideoFrame(64, 64, "yuv420p")
    for plane in noise.planes:
        plane.update(os.urandom(plane.buffer_size))
    encoder.submit(noise, 7_000_000_000, is_key_frame=False)
    assert encoder.collect() == []
    encoder.close()


def test_a_bit_rate_is_changed_to_what_the_encoder_can(machine):
    codec = StandInCodec()
    encoder = open_encoder(machine, codec)
    assert encoder.set_bitrate(333_333) == 325_000
    assert encoder.set_bitrate(90_000_000) == 25_000_000
    assert codec.settings[-2:] == [(Control.BITRATE, 325_000), (Control.BITRATE, 25_000_000)]
    encoder.close()


def test_an_encoder_without_a_bit_rate_says_so(machine):
    codec = StandInCodec()
    del codec.controls[Control.BITRATE]
    encoder = open_encoder(machine, codec)
    assert not encoder.can_set_bitrate
    with pytest.raises(SourceError, match="does not let its bit rate be set"):
        encoder.set_bitrate(1_000_000)
    encoder.close()


def test_a_new_frame_rate_keeps_the_key_frame_interval(machine):
    codec = StandInCodec()
    encoder = open_encoder(machine, codec)
    encoder.set_fps(12.5)
    assert codec.rate_hz == Fraction(25, 2)
    assert codec.settings[-1] == (Control.H264_I_PERIOD, 12)
    encoder.close()


def test_an_encoder_that_stalls_is_named(machine, monkeypatch):
    codec = StandInCodec()
    codec.is_stalled = True
    encoder = open_encoder(machine, codec)
    assert encode(encoder, 6) == []  # two more than there are buffers: left out
    assert len(of(codec, "QBUF")) == 8
    later_ns = time.monotonic_ns() + 1_200_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: later_ns)
    with pytest.raises(SourceError, match=r"the encoder .*/dev/video11 stalled: nothing came out of it for 1\.2 s"):
        encode(encoder, 1)
    encoder.close()


@pytest.mark.parametrize("request_name", ["S_FMT", "REQBUFS", "QUERYBUF", "QBUF", "STREAMON", "S_CTRL"])
def test_a_set_up_that_fails_leaves_nothing_open(machine, request_name):
    codec = StandInCodec()
    codec.errors[request_name] = [errno.EBUSY]
    with pytest.raises(SourceError, match="is in use by another program"):
        open_encoder(machine, codec)
    assert not machine.contexts


def test_a_size_that_it_cannot_do_is_refused_before_anything_is_set(machine):
    codec = StandInCodec()
    with pytest.raises(SourceError, match="encodes 32x32 to 1920x1920, not 2560x1440"):
        open_encoder(machine, codec, Output(width=2560, height=1440))
    assert not codec.log


def test_encoders_are_found_among_all_nodes(machine):
    machine.plug(0, StandInCamera([Offer(PixelFormat.H264, {(640, 480): (30,)})]))
    decoder = StandInCodec()
    decoder.units, decoder.inputs = decoder.pictures, [PixelFormat.JPEG]
    machine.plug(10, decoder)
    broken = StandInCodec()
    broken.errors["OPEN"] = [errno.EACCES]
    machine.plug(12, broken)
    machine.plug(11, StandInCodec())
    size = SizeRange(32, 1920, 32, 1920, 2, 2)
    inputs = (PixelFormat.NV12, PixelFormat.YUV420)
    path = str(machine.root / "dev/video11")
    assert list(find_encoders(machine)) == [
        EncoderNode(path, "bcm2835-codec-encode", "bcm2835-codec", size, inputs, is_mplane=True)
    ]
    assert not machine.contexts


def test_the_device_says_its_limits(machine):
    path = machine.plug(11, StandInCodec())
    assert limits_of(machine, path) == EncoderLimits(
        kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=16_711_680, max_bitrate_bps=25_000_000
    )
    assert not machine.contexts


def test_what_is_no_encoder_says_none(machine):
    silent = StandInCodec()
    silent.errors["ENUM_FMT"] = [errno.ENOTTY]
    camera = StandInCamera([Offer(PixelFormat.YUYV, {(640, 480): (30,)})])
    without_rate = StandInCodec()
    del without_rate.controls[Control.BITRATE]
    paths = [machine.plug(number, device) for number, device in enumerate((silent, camera, without_rate))]
    assert [limits_of(machine, path) for path in (*paths, "/dev/video9")] == [None] * 4
    assert not machine.contexts
