"""A camera that gives H.264 itself: what is passed on, and how it is asked for a key frame."""

import errno

import pytest

from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import V4l2Options
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2 import native as v4l2_native
from edge_streamer.sources.v4l2.abi import BufferFlags, Control, PixelFormat
from edge_streamer.sources.v4l2.key_frames import H264_UNIT_GUID, h264_extension_unit
from edge_streamer.sources.v4l2.source import run_v4l2
from tests.support.frame_number import read_frame_number
from tests.support.v4l2.recording import MAIN, RecordingLink, as_h264, numbered_pictures, run
from tests.support.v4l2.stand_in import Offer, Shot, StandInCamera, StandInKernel

VIDEO_CONTROL = bytes((9, 4, 0, 0, 1, 0x0E, 1, 0, 0))
VIDEO_STREAMING = bytes((9, 4, 1, 0, 1, 0x0E, 2, 0, 0))


def extension_unit(number, guid=H264_UNIT_GUID):
    return bytes((27, 0x24, 6, number)) + guid + bytes((15, 1, 2, 2, 0xFF, 0x7F, 0))


DESCRIPTORS = bytes((18, 1)) + bytes(16) + VIDEO_CONTROL + extension_unit(3, bytes(16)) + extension_unit(12)
UNITS = list(as_h264(numbered_pictures(24), gop=10))


@pytest.fixture
def kernel(tmp_path):
    return StandInKernel(tmp_path)


def camera_of(units=UNITS):
    return StandInCamera([Offer(PixelFormat.H264, {(320, 240): (30,)})], [Shot(unit) for unit in units])


def numbers(frames, decode):
    return [read_frame_number(picture) for picture in decode(frames)]


def split(unit):
    cut = unit.index(b"\0\0\1\x65")
    return unit[:cut], unit[cut:]


def test_access_units_pass_unchanged(kernel):
    link = run(kernel, camera_of(), enough=24)
    assert [frame.data for frame in link.frames[0]] == UNITS
    assert [number for number, frame in enumerate(link.frames[0]) if frame.is_key_frame] == [0, 10, 20]


def test_ready_says_that_the_camera_encodes(kernel):
    [ready] = run(kernel, camera_of(), enough=2).notes_of("ready")
    assert ready["encoder"] == "camera"
    assert not ready["can_force_key_frame"]
    assert not ready["can_set_bitrate"]


@pytest.mark.parametrize(("least_b_frames", "never_reorders"), [(None, True), (0, True), (1, False)])
def test_ready_says_whether_the_camera_may_reorder(kernel, least_b_frames, never_reorders):
    camera = camera_of()
    if least_b_frames is not None:
        camera.list_control(Control.B_FRAMES, least_b_frames, 2)
    [ready] = run(kernel, camera, enough=2).notes_of("ready")
    assert ready["never_reorders"] == never_reorders


def test_nothing_is_sent_before_the_first_key_frame(kernel, decode):
    link = run(kernel, camera_of(UNITS[5:]), enough=8)
    assert numbers(link.frames[0], decode) == list(range(10, 18))


def test_a_camera_without_key_frames_is_of_no_use(kernel, monkeypatch):
    monkeypatch.setattr(v4l2_native, "FIRST_KEY_FRAME_NS", 2_000_000_000)
    device = kernel.plug(0, camera_of(UNITS[1:10] * 8))
    with pytest.raises(SourceError, match=r"sends no key frames \(IDR\); choose format = mjpeg"):
        run_v4l2(RecordingLink(lambda link: False), (MAIN,), V4l2Options(device), kernel)


def test_who_waits_for_a_key_frame_says_so(kernel):
    """Else the server would end the source before it has its say."""
    link = run(kernel, camera_of([*UNITS[1:10] * 4, *UNITS[:2]]), enough=2)
    assert link.notes_of("waiting") == [{"event": "waiting"}] * 2, "of a wait of 1.2 s"


def test_a_request_for_a_key_frame_that_fails_is_made_again_and_ends_nothing(kernel, monkeypatch):
    monkeypatch.setattr(v4l2_native, "KEY_FRAME_INTERVAL_NS", 0)
    camera = camera_of().list_control(Control.FORCE_KEY_FRAME, 0, 1)
    camera.errors["S_CTRL"] = [errno.EPIPE]
    camera.shots[4].missed = 2
    run(kernel, camera, enough=12)
    assert camera.settings == [(Control.FORCE_KEY_FRAME, 1)]


def test_parameter_sets_are_put_before_every_idr_that_lacks_them(kernel, decode):
    header, idr = split(UNITS[0])
    units = [header, idr, *UNITS[1:10], split(UNITS[10])[1], *UNITS[11:20]]
    link = run(kernel, camera_of(units), enough=20)
    assert [frame.is_key_frame for frame in link.frames[0]].count(True) == 2
    assert numbers(link.frames[0][10:], decode) == list(range(10, 20))
    assert not link.notes_of("discarded")


def test_a_driver_that_lists_the_control_is_asked_with_it(kernel):
    camera = camera_of().list_control(Control.FORCE_KEY_FRAME, 0, 1).list_control(Control.BITRATE, 100_000, 4_000_000)
    commands = {4: SourceCommand("force_key_frame"), 8: SourceCommand("set_bitrate", bitrate_bps=600_000)}
    link = run(kernel, camera, enough=12, commands=commands)
    assert camera.settings == [(Control.BITRATE, 800_000), (Control.FORCE_KEY_FRAME, 1), (Control.BITRATE, 600_000)]
    assert link.notes_of("changed") == [{"event": "changed", "bitrate_bps": 600_000}]
    assert link.notes_of("ready")[0]["can_force_key_frame"]
    assert not link.notes_of("warning")


def test_a_camera_with_the_extension_unit_is_asked_over_usb(kernel):
    camera = camera_of()
    camera.usb_descriptors = DESCRIPTORS
    link = run(kernel, camera, enough=12, commands={4: SourceCommand("force_key_frame")})
    assert camera.unit_requests == [(12, 9, 0x85, bytes((4, 0))), (12, 9, 0x01, bytes((0, 0, 2, 0)))]
    assert link.notes_of("ready")[0]["can_force_key_frame"]


def test_a_unit_that_does_not_answer_is_none(kernel):
    camera = camera_of()
    camera.usb_descriptors = DESCRIPTORS
    camera.errors["UVC_CTRL_QUERY"] = [errno.ENOENT]
    assert not run(kernel, camera, enough=2).notes_of("ready")[0]["can_force_key_frame"]


def test_a_unit_with_another_control_is_none(kernel):
    camera = camera_of()
    camera.usb_descriptors, camera.unit_control_bytes = DESCRIPTORS, 6
    assert not run(kernel, camera, enough=2).notes_of("ready")[0]["can_force_key_frame"]


@pytest.mark.parametrize("cause", ["torn", "missed", "lost by the server"])
def test_a_lost_picture_is_mended_by_a_key_frame(kernel, cause):
    camera = camera_of().list_control(Control.FORCE_KEY_FRAME, 0, 1)
    if cause == "torn":
        camera.shots.insert(4, Shot(UNITS[4], BufferFlags.ERROR))
        camera.shots.insert(6, Shot(UNITS[4], BufferFlags.ERROR))
    if cause == "missed":
        camera.shots[4].missed = 2
    run(kernel, camera, enough=12, lost=(0,) if cause == "lost by the server" else ())
    assert camera.settings == [(Control.FORCE_KEY_FRAME, 1)]  # not for each of two that are this close


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (SourceCommand("force_key_frame"), "no way to ask it for a key frame"),
        (SourceCommand("set_bitrate", bitrate_bps=1_000_000), "chooses its bit rate itself"),
        (SourceCommand("set_fps", fps=10.0), "none of its pictures can be left out"),
        (SourceCommand("fly"), "does not know it"),
    ],
)
def test_what_the_camera_cannot_do_is_refused_with_the_reason(kernel, command, reason):
    [refusal] = run(kernel, camera_of(), enough=6, commands={2: command}).notes_of("unsupported")
    assert refusal["command"] == command.command
    assert reason in refusal["reason"]


def test_a_snapshot_that_is_asked_for_too_early_comes_with_the_first_key_frame(kernel):
    link = run(kernel, camera_of(UNITS[5:]), enough=3, commands={0: SourceCommand("snapshot")})
    assert len(link.snapshots) == 1


def test_a_key_frame_that_does_not_decode_gives_no_snapshot_and_the_stream_goes_on(kernel):
    header, _ = split(UNITS[0])
    units = [header + b"\0\0\1\x65" + bytes(range(1, 9)), *UNITS[1:10]]
    link = run(kernel, camera_of(units), enough=9, commands={4: SourceCommand("snapshot")})
    assert [values["command"] for values in link.notes_of("unsupported")] == ["snapshot"]


@pytest.mark.parametrize(
    ("descriptors", "unit"),
    [
        (DESCRIPTORS, 12),
        (VIDEO_CONTROL + extension_unit(3, bytes(16)), None),
        (VIDEO_STREAMING + extension_unit(12), None),
        (VIDEO_CONTROL + extension_unit(12)[:15], None),
        (VIDEO_CONTROL + bytes((0, 0, 0)) + extension_unit(12), None),
        (b"", None),
    ],
)
def test_the_unit_is_found_by_its_guid(descriptors, unit):
    assert h264_extension_unit(descriptors) == unit


@pytest.mark.parametrize("length", range(len(DESCRIPTORS)))
def test_descriptors_that_are_cut_off_name_no_unit(length):
    assert h264_extension_unit(DESCRIPTORS[:length]) in (None, 12)
