"""The V4L2 source end to end on a machine of stand-ins, its frames decoded; faults are in `test_v4l2_faults`."""

import time
from itertools import pairwise

import pytest

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.messages import SourceCommand, SourceNote, SourceReady
from edge_streamer.protocol.source.request import Output, V4l2Options
from edge_streamer.sources.ending import SourceStopped
from edge_streamer.sources.v4l2.abi import Control, PixelFormat
from edge_streamer.sources.v4l2.source import run_v4l2
from tests.support.frame_number import read_frame_number
from tests.support.v4l2.recording import (
    FILM_FRAMES,
    MAIN,
    SIZES,
    RecordingLink,
    camera_of,
    failure,
    film,
    numbered_pictures,
    run,
)
from tests.support.v4l2.stand_in import Offer, Shot, StandInCamera, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec

SUB = Output(name="sub", width=160, height=120, fps=15, bitrate_bps=200_000, gop_s=1)


@pytest.fixture
def kernel(tmp_path):
    return StandInKernel(tmp_path)


def numbers(frames, decode):
    return [read_frame_number(picture) for picture in decode(frames)]


RAW = [PixelFormat.YUYV, PixelFormat.NV12, PixelFormat.MJPEG]


@pytest.mark.parametrize("pixel_format", [*RAW, PixelFormat.H264])
def test_every_picture_of_the_camera_arrives_once_and_in_order(kernel, decode, pixel_format):
    link = run(kernel, camera_of(pixel_format))
    assert numbers(link.frames[0], decode) == list(range(FILM_FRAMES))
    assert link.frames[0][0].is_key_frame


@pytest.mark.parametrize("pixel_format", [PixelFormat.YUYV, PixelFormat.NV12])
def test_lines_may_begin_at_any_distance(kernel, decode, pixel_format):
    link = run(kernel, camera_of(pixel_format, stride_padding=48))
    assert numbers(link.frames[0], decode) == list(range(FILM_FRAMES))


@pytest.mark.parametrize("pixel_format", RAW)
def test_colours_are_those_that_the_camera_saw(kernel, decode, pixel_format):
    seen = next(numbered_pictures(1)).reformat(format="yuv420p")
    shown = decode(run(kernel, camera_of(pixel_format), enough=1).frames[0])[0]
    for ours, theirs in zip(shown.planes, seen.planes, strict=True):
        assert abs(mean(ours) - mean(theirs)) < 2
    assert shown.color_range == 1  # studio range
    assert shown.colorspace == 6  # BT.601, as webcams give


def mean(plane):
    view = memoryview(plane)
    return sum(sum(view[line * plane.line_size :][: plane.width]) for line in range(plane.height)) / (
        plane.width * plane.height
    )


@pytest.mark.parametrize("pixel_format", RAW)
@pytest.mark.parametrize("has_codec", [False, True])
def test_a_second_output_is_scaled_and_slower(kernel, decode, pixel_format, has_codec):
    if has_codec:
        kernel.plug(11, StandInCodec())
    link = run(kernel, camera_of(pixel_format), MAIN, SUB)
    assert numbers(link.frames[0], decode) == list(range(FILM_FRAMES))
    pictures = decode(link.frames[1])
    assert {(picture.width, picture.height) for picture in pictures} == {(160, 120)}
    assert [read_frame_number(picture) for picture in pictures] == list(range(0, FILM_FRAMES, 2))
    encoders = [values["encoder"] for values in link.notes_of("ready")]
    assert all(encoder.startswith("bcm2835-codec" if has_codec else "libx264") for encoder in encoders)


def test_ready_says_what_comes_and_why(kernel):
    link = run(kernel, camera_of(PixelFormat.YUYV), MAIN, SUB)
    assert [output for output, values in link.notes if values["event"] == "ready"] == [0, 1]
    ready = SourceNote(0, link.notes_of("ready")[0]).read_as(SourceReady)
    assert (ready.width, ready.height, ready.fps, ready.camera) == (320, 240, 30, "Stand-in Webcam")
    assert ready.can_force_key_frame
    assert ready.can_set_bitrate
    assert ready.can_set_fps
    assert ready.never_reorders
    assert "looked for /dev/video*" in ready.encoder_reason


def test_frames_carry_the_time_of_the_exposure(kernel):
    camera = camera_of(PixelFormat.YUYV)
    link = run(kernel, camera)
    steps = {later.captured_ns - earlier.captured_ns for earlier, later in pairwise(link.frames[0])}
    assert all(abs(step - 33_333_333) < 2000 for step in steps)
    for frame in link.frames[0]:
        assert frame.media_time == frame.captured_ns * 9 // 100_000
        assert abs(frame.wall_ns - time.time_ns() - frame.captured_ns + time.monotonic_ns()) < 5_000_000
        assert frame.captured_ns <= frame.sent_ns


@pytest.mark.parametrize("shot_keys", [{"flags": 0}, {"at_ns": 0}, {"at_ns": time.monotonic_ns() + 1 << 50}])
def test_a_clock_that_is_not_ours_is_replaced_by_the_arrival(kernel, shot_keys):
    before_ns = time.monotonic_ns()
    shots = [Shot(shot.data, **shot_keys) for shot in film(PixelFormat.YUYV, 5)]
    link = run(kernel, camera_of(PixelFormat.YUYV, shots), enough=5)
    assert all(before_ns <= frame.captured_ns <= frame.sent_ns for frame in link.frames[0])
    assert all(later.media_time > earlier.media_time for earlier, later in pairwise(link.frames[0]))


def test_time_never_stands_still_nor_goes_back(kernel):
    at_ns = time.monotonic_ns() - 1_000_000_000
    shots = [Shot(shot.data, at_ns=at_ns - number) for number, shot in enumerate(film(PixelFormat.YUYV, 5))]
    link = run(kernel, camera_of(PixelFormat.YUYV, shots), enough=5)
    assert all(later.media_time > earlier.media_time for earlier, later in pairwise(link.frames[0]))


@pytest.mark.parametrize("has_codec", [False, True])
def test_a_key_frame_comes_when_it_is_asked_for(kernel, has_codec):
    if has_codec:
        kernel.plug(11, StandInCodec())
    commands = {7: SourceCommand("force_key_frame")}
    frames = run(kernel, camera_of(PixelFormat.YUYV), commands=commands).frames[0]
    assert [number for number, frame in enumerate(frames) if frame.is_key_frame] in ([0, 7, 15], [0, 7, 22])


def test_a_gap_of_the_server_ends_with_a_key_frame(kernel):
    device = kernel.plug(0, camera_of(PixelFormat.YUYV))
    link = RecordingLink(lambda link: len(link.frames[0]) >= 5)
    link.lost_outputs.add(0)
    with pytest.raises(SourceStopped):
        run_v4l2(link, (MAIN,), V4l2Options(device), kernel)
    assert not link.lost_outputs


def test_the_frame_rate_is_changed_by_leaving_frames_out(kernel, decode):
    commands = {8: SourceCommand("set_fps", fps=10.0)}
    link = run(kernel, camera_of(PixelFormat.YUYV), commands=commands, enough=13)
    assert link.notes_of("changed") == [{"event": "changed", "fps": 10.0}]
    assert numbers(link.frames[0], decode) == [*range(8), 8, 11, 14, 17, 20]


def test_more_frames_than_the_camera_gives_cannot_be_had(kernel):
    link = run(kernel, camera_of(PixelFormat.YUYV), commands={2: SourceCommand("set_fps", fps=60.0)})
    [refusal] = link.notes_of("unsupported")
    assert refusal["command"] == "set_fps"
    assert "at 30 fps" in refusal["reason"]


@pytest.mark.parametrize("has_codec", [False, True])
def test_the_bit_rate_changes_live(kernel, decode, has_codec):
    codec = StandInCodec()
    if has_codec:
        kernel.plug(11, codec)
    commands = {8: SourceCommand("set_bitrate", bitrate_bps=500_000)}
    link = run(kernel, camera_of(PixelFormat.YUYV), commands=commands)
    assert link.notes_of("changed") == [{"event": "changed", "bitrate_bps": 500_000}]
    assert numbers(link.frames[0], decode) == list(range(FILM_FRAMES))
    if has_codec:
        assert codec.settings[-1] == (Control.BITRATE, 500_000)


def test_what_nobody_knows_is_refused_with_a_reason(kernel):
    link = run(kernel, camera_of(PixelFormat.YUYV), commands={2: SourceCommand("fly")})
    assert [values["command"] for values in link.notes_of("unsupported")] == ["fly"]


SNAPSHOT = SourceCommand("snapshot")


def test_the_snapshot_of_an_mjpeg_camera_is_its_own_picture(kernel):
    shots = film(PixelFormat.MJPEG, 4)
    link = run(kernel, camera_of(PixelFormat.MJPEG, shots), commands={2: SNAPSHOT}, enough=4)
    assert link.snapshots == [(0, shots[2].data)]


@pytest.mark.parametrize("pixel_format", [PixelFormat.YUYV, PixelFormat.NV12, PixelFormat.H264])
def test_any_other_snapshot_is_made(kernel, decode_jpeg, pixel_format):
    link = run(kernel, camera_of(pixel_format), commands={2: SNAPSHOT}, enough=4)
    [(output, jpeg)] = link.snapshots
    assert output == 0
    assert decode_jpeg(jpeg) == (320, 240)


def test_a_snapshot_of_the_second_output_has_its_size(kernel, decode_jpeg):
    commands = {2: SourceCommand("snapshot", output=1)}
    link = run(kernel, camera_of(PixelFormat.MJPEG), MAIN, SUB, commands=commands, enough=8)
    [(output, jpeg)] = link.snapshots
    assert output == 1
    assert decode_jpeg(jpeg) == (160, 120)


@pytest.fixture
def decode_jpeg():
    import av

    def size(jpeg):
        [picture] = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))
        return picture.width, picture.height

    return size


OVERLAID = Output(width=320, height=240, fps=30, overlay="{name}")


@pytest.mark.parametrize("pixel_format", RAW)
def test_the_overlay_is_on_its_output_only(kernel, decode, pixel_format):
    outputs = (OVERLAID, Output(name="sub", width=320, height=240, fps=30))
    link = run(kernel, camera_of(pixel_format), *outputs)
    with_text, without = (bytes(decode(link.frames[output][:1])[0].planes[0]) for output in (0, 1))
    assert with_text != without
    assert run(StandInKernel(kernel.root / "other"), camera_of(pixel_format), *outputs[1:]).frames[0][0].data == (
        link.frames[1][0].data
    )


def test_an_overlay_keeps_the_camera_from_encoding_itself(kernel):
    device = kernel.plug(0, StandInCamera([Offer(PixelFormat.H264, SIZES)]))
    assert "leaves no picture to draw the overlay on" in failure(kernel, device, OVERLAID, pixel_format="h264")


def test_a_template_that_cannot_be_used_is_said(kernel):
    device = kernel.plug(0, camera_of(PixelFormat.YUYV))
    assert "overlay" in failure(kernel, device, Output(width=320, height=240, overlay="{no}"))


def limits(**changes):
    small = {"max_width": 1920, "max_height": 1920, "max_macroblocks_per_s": 9000 + 1200, "max_bitrate_bps": 900_000}
    return EncoderLimits(kind="v4l2_m2m", **small | changes)


def test_the_board_encoder_makes_what_its_profile_says_and_software_the_rest(kernel):
    kernel.plug(11, StandInCodec())
    link = run(kernel, camera_of(PixelFormat.YUYV), MAIN, SUB, limits=limits(max_macroblocks_per_s=9000))
    main, sub = link.notes_of("ready")
    assert main["encoder"].startswith("bcm2835-codec")
    assert sub["encoder"].startswith("libx264")
    assert "macroblocks a second beside 9000 of the other stream, and it does 9000 for all" in sub["encoder_reason"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (SourceCommand("set_fps", 1, fps=30.0), "2400 macroblocks a second beside 9000 of the other stream"),
        (SourceCommand("set_bitrate", 1, bitrate_bps=900_001), "900001 bit/s is more than its 900000 bit/s"),
    ],
)
@pytest.mark.parametrize("has_codec", [True, False])
def test_a_change_that_the_board_encoder_cannot_make_is_refused(kernel, has_codec, command, reason):
    if has_codec:
        kernel.plug(11, StandInCodec())
    link = run(kernel, camera_of(PixelFormat.YUYV), MAIN, SUB, commands={2: command}, limits=limits())
    if has_codec:
        [refusal] = link.notes_of("unsupported")
        assert refusal["reason"].startswith("the hardware encoder cannot: ")
        assert reason in refusal["reason"]
    else:
        assert link.notes_of("changed")
