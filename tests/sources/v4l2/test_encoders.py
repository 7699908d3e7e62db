"""Which encoder an output gets, and what is said of those it does not get."""

import errno

import pytest

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.encoders import open_encoder
from tests.support.v4l2.stand_in import Offer, StandInCamera, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec


@pytest.fixture
def kernel(tmp_path):
    kernel = StandInKernel(tmp_path)
    kernel.plug(0, StandInCamera([Offer(PixelFormat.YUYV, {(1280, 720): (30,)})]))
    return kernel


def chosen(kernel, encoder="auto", **keys):
    choice = open_encoder(kernel, Output(encoder=encoder, **keys), prefers_nv12=True)
    choice.encoder.close()
    assert not kernel.contexts
    return choice.encoder.name.partition(" ")[0], choice.reason


def test_auto_takes_the_kernels_encoder_where_there_is_one(kernel):
    path = kernel.plug(11, StandInCodec())
    assert chosen(kernel) == ("bcm2835-codec", f"{path} encodes H.264 in hardware")


def test_auto_takes_libx264_where_there_is_none_and_says_so(kernel):
    name, reason = chosen(kernel)
    assert name == "libx264"
    assert reason == ("no hardware encoder (looked for /dev/video* with H264 out and NV12 or YU12 in: there is none)")


def test_auto_goes_on_after_an_encoder_that_is_busy(kernel):
    busy = StandInCodec()
    busy.errors["STREAMON"] = [errno.EBUSY]
    kernel.plug(11, busy)
    name, reason = chosen(kernel)
    assert name == "libx264"
    assert "/dev/video11 is in use by another program" in reason
    path = kernel.plug(12, StandInCodec())
    busy.errors["STREAMON"] = [errno.EBUSY]
    assert chosen(kernel) == ("bcm2835-codec", f"{path} encodes H.264 in hardware")


def test_software_is_taken_when_it_is_asked_for(kernel):
    kernel.plug(11, StandInCodec())
    assert chosen(kernel, "software") == ("libx264", "software was asked for")


@pytest.mark.parametrize("has_codec", [False, True])
def test_hardware_that_cannot_be_had_is_an_error_that_names_what_was_looked_for(kernel, has_codec):
    if has_codec:
        kernel.plug(11, StandInCodec())
    with pytest.raises(SourceError) as failure:
        chosen(kernel, "hardware", width=2560, height=1440)
    said = str(failure.value)
    assert said.startswith("encoder = hardware, but no encoder of the kernel takes this stream (looked for /dev/video*")
    assert ("encodes 32x32 to 1920x1920, not 2560x1440" if has_codec else "there is none") in said


def test_the_camera_is_not_opened_for_more_than_a_look(kernel):
    chosen(kernel)
    [camera] = kernel.devices.values()
    assert camera.names() == []


def test_a_stream_that_the_profile_says_is_too_much_is_not_tried_in_hardware(kernel):
    kernel.plug(11, StandInCodec())
    choice = open_encoder(kernel, Output(), prefers_nv12=True, misfit="it is too much")
    choice.encoder.close()
    assert (choice.encoder.name, choice.is_hardware) == ("libx264", False)
    assert choice.reason == "the hardware encoder does not fit: it is too much"
    with pytest.raises(SourceError, match="main does not fit the hardware encoder: it is too much"):
        open_encoder(kernel, Output(encoder="hardware"), prefers_nv12=True, misfit="it is too much")
