"""What a camera does wrong, and what the source makes of it: survived and counted, or an end with a reason."""

import errno
import time

import pytest

from edge_streamer.protocol.source.messages import SourceCommand, SourceDiscarded, SourceNote
from edge_streamer.protocol.source.request import Output, V4l2Options
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.v4l2 import health as v4l2_health
from edge_streamer.sources.v4l2 import m2m as v4l2_m2m
from edge_streamer.sources.v4l2.abi import BufferFlags, PixelFormat
from edge_streamer.sources.v4l2.source import run_v4l2
from tests.support.frame_number import read_frame_number
from tests.support.v4l2.recording import MAIN, RecordingLink, camera_of, failure, film, run
from tests.support.v4l2.stand_in import Shot, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec

SUB = Output(name="sub", width=160, height=120, fps=15, bitrate_bps=200_000, gop_s=1)


@pytest.fixture
def kernel(tmp_path):
    return StandInKernel(tmp_path)


def numbers(frames, decode):
    return [read_frame_number(picture) for picture in decode(frames)]


def test_bad_buffers_are_counted_and_never_sent(kernel, decode):
    shots = film(PixelFormat.YUYV, 6)
    shots[1:1] = [
        Shot(),
        Shot(shots[0].data[:-1]),
        Shot(shots[0].data, BufferFlags.ERROR | BufferFlags.TIMESTAMP_MONOTONIC),
        Shot(error=errno.EIO),
        Shot(),
    ]
    link = run(kernel, camera_of(PixelFormat.YUYV, shots), enough=6)
    assert numbers(link.frames[0], decode) == list(range(6))
    assert {values["reason"] for values in link.notes_of("discarded")} == {"empty", "torn", "error"}
    for values in link.notes_of("discarded"):
        SourceNote(0, values).read_as(SourceDiscarded)


@pytest.mark.parametrize(
    ("pixel_format", "rubbish"),
    [
        (PixelFormat.MJPEG, b"\xff\xd8 torn"),
        (PixelFormat.MJPEG, b"no JPEG \xff\xd9"),
        (PixelFormat.MJPEG, b"\xff\xd8\xff\xd9"),
        (PixelFormat.H264, b"\0\0\1"),
        (PixelFormat.H264, b"\0\0\1\x09\x10"),
        (PixelFormat.H264, b"\0\0\1\xe5\x10"),
        (PixelFormat.H264, b"no Annex B \0\0\1\x65"),
        (PixelFormat.H264, b"\0\0\0\1\x65".ljust(76_800, b"\xaa")),  # the buffer's end cut it off
    ],
)
def test_torn_pictures_are_counted_and_never_sent(kernel, decode, pixel_format, rubbish):
    shots = film(pixel_format, 6)
    shots.insert(1, Shot(rubbish))
    link = run(kernel, camera_of(pixel_format, shots), enough=6)
    assert numbers(link.frames[0], decode) == list(range(6))
    assert link.notes_of("discarded") == [{"event": "discarded", "reason": "torn", "buffers": 1}]


def test_padding_behind_a_jpeg_is_no_fault(kernel, decode):
    shots = [Shot(shot.data + bytes(100)) for shot in film(PixelFormat.MJPEG, 4)]
    link = run(kernel, camera_of(PixelFormat.MJPEG, shots), enough=4)
    assert numbers(link.frames[0], decode) == list(range(4))


def test_padding_may_fill_the_buffer_behind_a_jpeg(kernel, decode):
    shots = [Shot(shot.data.ljust(320 * 240, b"\0")) for shot in film(PixelFormat.MJPEG, 4)]
    link = run(kernel, camera_of(PixelFormat.MJPEG, shots), enough=4)
    assert numbers(link.frames[0], decode) == list(range(4))


def test_pictures_that_are_missed_all_the_time_are_warned_of_once(kernel, monkeypatch):
    monkeypatch.setattr(v4l2_health, "_SECOND_NS", 0)  # each picture has a second of its own
    shots = film(PixelFormat.YUYV, 12)
    for shot in shots[3:]:
        shot.missed = 2
    [warning] = run(kernel, camera_of(PixelFormat.YUYV, shots), enough=12).notes_of("warning")
    assert "has pictures that nobody took" in warning["text"]


def test_pictures_that_were_missed_at_a_busy_moment_are_not_warned_of(kernel):
    shots = film(PixelFormat.YUYV, 9)
    shots[1].missed, shots[6].missed = 9, 1
    assert not run(kernel, camera_of(PixelFormat.YUYV, shots), enough=9).notes_of("warning")


def test_the_camera_streams_when_its_encoders_are_open(kernel):
    """Else it fills its few buffers meanwhile, and the next pictures are lost."""
    codec, camera = kernel_codec(kernel), camera_of(PixelFormat.YUYV)
    order = []
    for name, device in (("codec", codec), ("camera", camera)):
        device.do_streamon = noting(order, name, device.do_streamon)
    run(kernel, camera)
    assert order == ["codec", "codec", "camera"]


def kernel_codec(kernel):
    codec = StandInCodec()
    kernel.plug(11, codec)
    return codec


def noting(order, name, call):
    def noted(*arguments):
        order.append(name)
        call(*arguments)

    return noted


def test_a_camera_that_does_not_start_has_not_said_that_it_is_ready(kernel):
    camera = camera_of(PixelFormat.YUYV)
    camera.errors["STREAMON"] = [errno.ENOSPC]
    link = RecordingLink(lambda link: False)
    assert "no bandwidth left" in failure(kernel, kernel.plug(0, camera), link=link)
    assert not link.notes_of("ready")


def test_a_buffer_that_is_refused_while_it_streams_has_nothing_to_do_with_the_format(kernel):
    camera = camera_of(PixelFormat.YUYV)
    device = kernel.plug(0, camera)
    link = RecordingLink(lambda link: len(link.frames[0]) == 3 and camera.errors.update(QBUF=[errno.EINVAL]))
    assert failure(kernel, device, link=link) == f"{device} refuses the return of a buffer (invalid argument)"


def test_a_camera_is_opened_at_the_rate_that_it_was_configured_for(kernel, decode):
    """The server starts a source with what was changed since: its camera need not offer that."""
    slower = Output(width=320, height=240, fps=10, bitrate_bps=800_000, gop_s=0.5)
    camera = camera_of(PixelFormat.YUYV)
    device = kernel.plug(0, camera)
    assert "does not offer 320x240 at 10 fps" in failure(kernel, device, slower)
    link = RecordingLink(lambda link: len(link.frames[0]) >= 8, {2: SourceCommand("set_fps", fps=30.0)})
    with pytest.raises(SourceStopped):
        run_v4l2(link, (slower,), V4l2Options(device, fps=30.0), kernel)
    assert camera.rate_hz == 30
    assert link.notes_of("ready")[0]["fps"] == 10
    assert link.notes_of("changed") == [{"event": "changed", "fps": 30.0}]
    assert numbers(link.frames[0], decode)[:2] == [0, 3]


def test_a_driver_that_does_not_count_has_missed_nothing(kernel):
    shots = film(PixelFormat.YUYV, 4)
    for shot in shots:
        shot.missed = -1
    assert not run(kernel, camera_of(PixelFormat.YUYV, shots), enough=4).notes_of("warning")


def test_an_encoder_that_stalls_is_warned_of_and_then_named(kernel, monkeypatch):
    codec = StandInCodec()
    codec.is_stalled = True
    kernel.plug(11, codec)
    monkeypatch.setattr(v4l2_m2m, "patience_ns", lambda rate_hz: 300_000_000)
    camera = camera_of(PixelFormat.YUYV)
    camera.is_endless = True  # a fast machine plays any number of pictures before the encoder's time is up
    device = kernel.plug(0, camera)
    link = RecordingLink(lambda link: False)
    assert "stalled: nothing came out of it for 0." in failure(kernel, device, link=link)
    [warning] = link.notes_of("warning")
    assert "is slower than the camera and leaves pictures out" in warning["text"]


def test_an_unplugged_camera_is_named_and_so_is_the_one_that_is_not_back(kernel):
    shots = [*film(PixelFormat.YUYV, 3), Shot(error=errno.ENODEV)]
    device = kernel.plug(0, camera_of(PixelFormat.YUYV, shots), by_id="usb-Stand-in")
    link = RecordingLink(lambda link: False)
    assert failure(kernel, device, link=link) == f"the camera was unplugged ({device})"
    assert len(link.frames[0]) == 3
    missing = device.replace("Stand-in", "Other")
    assert failure(kernel, missing).startswith(f"waiting for the camera: {missing} is not there")


def test_a_camera_that_falls_silent_is_said_to(kernel):
    device = kernel.plug(0, camera_of(PixelFormat.YUYV, film(PixelFormat.YUYV, 3)))
    before = time.monotonic()
    assert failure(kernel, device) == f"the camera stopped delivering: no picture from {device} for 0.9 s"
    assert 0.85 <= time.monotonic() - before < 3


def test_a_stream_that_only_fails_is_the_end(kernel):
    device = kernel.plug(0, camera_of(PixelFormat.YUYV, [Shot(error=errno.EIO)] * 9))
    assert "input/output error at the reading of a picture; check the cable" in failure(kernel, device)


def test_a_stream_that_the_driver_ended_is_the_end(kernel):
    device = kernel.plug(0, camera_of(PixelFormat.YUYV, [Shot(error=errno.EINVAL)]))
    assert failure(kernel, device) == f"the driver of {device} stopped the stream by itself (invalid argument)"


@pytest.mark.parametrize(
    ("request_name", "code", "said"),
    [
        ("OPEN", errno.EACCES, "add the service's user to the group `video`"),
        ("OPEN", errno.EBUSY, "is in use by another program"),
        ("QUERYCAP", errno.ENOTTY, "is no V4L2 device"),
        ("S_FMT", errno.EBUSY, "is in use by another program"),
        ("S_FMT", errno.EINVAL, "refuses the format YUYV 320x240 (invalid argument); choose another format, size or"),
        ("REQBUFS", errno.ENOMEM, "no memory for the start of the stream"),
        ("STREAMON", errno.ENOSPC, "the USB bus has no bandwidth left"),
        ("STREAMON", errno.EMFILE, "the start of the stream failed"),
        ("QBUF", errno.ENODEV, "the camera was unplugged"),
    ],
)
def test_what_the_kernel_refuses_is_said_with_what_to_do(kernel, request_name, code, said):
    camera = camera_of(PixelFormat.YUYV)
    camera.errors[request_name] = [code]
    device = kernel.plug(0, camera, by_id="usb-Stand-in")
    assert said in failure(kernel, device)


def test_a_device_by_its_number_is_warned_of(kernel):
    link = RecordingLink(lambda link: False)
    with pytest.raises(SourceError, match="waiting for the camera"):
        run_v4l2(link, (MAIN,), V4l2Options("/dev/video7"), kernel)
    [warning] = link.notes_of("warning")
    assert warning["text"].startswith("/dev/video7 may be another camera after a restart")


def test_a_stable_path_is_not_warned_of(kernel):
    assert not run(kernel, camera_of(PixelFormat.YUYV)).notes_of("warning")
