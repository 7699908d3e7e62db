"""The test pattern as the server sees it: a real child process, real H.264, decoded."""

import io
import signal
import time
from itertools import pairwise

import av
import pytest

from edge_streamer.protocol.source.messages import SourceFrame, SourceNote, encode_note
from tests.support.frame_number import milliseconds_since, read_frame_number, read_wall_ms
from tests.support.hiccups import until_calm

MAIN = {"name": "main", "width": 640, "height": 360, "fps": 30, "bitrate_bps": 800_000, "gop_s": 0.5}
SUB = {"name": "sub", "width": 320, "height": 180, "fps": 15, "bitrate_bps": 150_000, "gop_s": 1.0}
SMALL = {"width": 320, "height": 180, "fps": 30, "bitrate_bps": 200_000, "gop_s": 30}
FRAMES = 61
CLOCKS_READ_NS = 20_000_000
"""A busy machine may interrupt a process between its reading of one clock and of the other."""


@pytest.fixture(scope="module")
def pair(start_module_source):
    """Two seconds of a main and a sub stream."""

    def read():
        source = start_module_source("testpattern", MAIN, SUB)
        source.read_frames(FRAMES)
        return source

    return until_calm(read, limit_s=0.03)


@pytest.mark.parametrize(("output", "wanted"), [(0, MAIN), (1, SUB)])
def test_each_output_is_ready_before_its_first_frame(pair, output, wanted):
    mine = [message for message in pair.order if message.output == output]
    assert mine[0] == SourceNote(
        output,
        {
            "event": "ready",
            "encoder": "libx264",
            "encoder_reason": "the test pattern is always encoded in software",
            "width": wanted["width"],
            "height": wanted["height"],
            "fps": wanted["fps"],
            "can_force_key_frame": True,
            "can_set_bitrate": True,
            "can_set_fps": True,
            "never_reorders": True,
        },
    )
    assert all(isinstance(message, SourceFrame) for message in mine[1:])


@pytest.mark.parametrize("output", [0, 1])
def test_burnt_in_numbers_are_consecutive(pair, decode, output):
    frames = pair.frames[output]
    assert [read_frame_number(picture) for picture in decode(frames)] == list(range(len(frames)))


@pytest.mark.parametrize("output", [0, 1])
def test_the_burnt_in_clock_is_the_frames_wall_time(pair, decode, output):
    frames = pair.frames[output]
    shown = [read_wall_ms(picture) for picture in decode(frames)]
    assert shown == [frame.wall_ns // 1_000_000 % (1 << 32) for frame in frames]


def test_the_clock_is_right(pair):
    age_ms = milliseconds_since(pair.frames[0][-1].wall_ns // 1_000_000 % (1 << 32), time.time_ns() // 1_000_000)
    assert 0 <= age_ms < 60_000


@pytest.mark.parametrize(("output", "interval"), [(0, 15), (1, 15)])
def test_key_frames_come_at_the_interval(pair, output, interval):
    keys = [number for number, frame in enumerate(pair.frames[output]) if frame.is_key_frame]
    assert keys == list(range(0, len(pair.frames[output]), interval))


def test_key_frames_bring_their_parameter_sets(pair):
    for frame in pair.frames[0]:
        types = {unit[0] & 31 for unit in frame.data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit}
        assert ({5, 7, 8} <= types) == frame.is_key_frame
        assert (1 in types) != frame.is_key_frame


@pytest.mark.parametrize(("output", "ticks"), [(0, 3000), (1, 6000)])
def test_media_time_is_the_schedule_and_not_the_jitter(pair, output, ticks):
    assert all(later.media_time - earlier.media_time == ticks for earlier, later in pairwise(pair.frames[output]))


def test_both_outputs_show_the_same_instants(pair):
    assert {frame.media_time for frame in pair.frames[1]} <= {frame.media_time for frame in pair.frames[0]}


def test_a_frames_exposure_is_the_instant_that_its_clock_shows(pair):
    offset_ns = time.time_ns() - time.monotonic_ns()
    for frame in pair.frames[0] + pair.frames[1]:
        assert frame.media_time == frame.captured_ns * 9 // 100_000
        assert abs(frame.wall_ns - frame.captured_ns - offset_ns) < CLOCKS_READ_NS


def test_frames_leave_after_their_instant_on_the_machines_clock(pair):
    for frame in pair.frames[0]:
        assert frame.sent_ns * 9 // 100_000 >= frame.media_time
        assert frame.sent_ns <= time.monotonic_ns()


@pytest.mark.parametrize(("output", "wanted"), [(0, MAIN), (1, SUB)])
def test_the_bit_rate_is_about_what_was_asked_for(pair, output, wanted):
    frames = pair.frames[output]
    bits_a_s = sum(len(frame.data) for frame in frames) * 8 * wanted["fps"] / len(frames)
    assert 0.7 * wanted["bitrate_bps"] < bits_a_s < 1.4 * wanted["bitrate_bps"]


def test_a_forced_key_frame_is_the_next_or_the_one_that_was_being_made(start_source, decode):
    source = start_source("testpattern", SMALL)
    for seen in (4, 12):
        source.read_frames(seen)
        asked_at = len(source.frames[0])
        source.command("force_key_frame")
        source.read_frames(asked_at + 3)
        assert sum(frame.is_key_frame for frame in source.frames[0][asked_at : asked_at + 2]) == 1
    assert len([frame for frame in source.frames[0] if frame.is_key_frame]) == 3
    assert len(decode(source.frames[0])) == len(source.frames[0])


def test_a_new_bit_rate_begins_at_a_key_frame_without_a_gap(start_source, decode):
    source = start_source("testpattern", SMALL)
    source.read_frames(15)
    asked_at = len(source.frames[0])
    source.command("set_bitrate", bitrate_bps=1_200_000)
    frames = source.read_frames(asked_at + 30)
    changed_at = next(number for number in range(asked_at, len(frames)) if frames[number].is_key_frame)
    assert changed_at <= asked_at + 1
    before, after = frames[1:changed_at], frames[changed_at:]
    assert mean_bytes(after) > 3 * mean_bytes(before)
    assert [read_frame_number(picture) for picture in decode(frames)] == list(range(len(frames)))


def mean_bytes(frames):
    return sum(len(frame.data) for frame in frames) / len(frames)


def test_a_new_bit_rate_is_confirmed_before_its_first_frame(start_source):
    source = start_source("testpattern", SMALL)
    source.read_frames(5)
    source.command("set_bitrate", bitrate_bps=64_000)
    note = source.note("changed")
    assert note.values == {"event": "changed", "bitrate_bps": 64_000}
    after = source.frames_before(note)
    assert source.read_frames(after + 1)[after].is_key_frame


@pytest.mark.parametrize(("fps", "ticks"), [(10, 9000), (60, 1500), (29.97, 3003)])
def test_a_new_frame_rate_leaves_the_other_output_alone(start_source, decode, fps, ticks):
    source = start_source("testpattern", SMALL, SUB)
    source.read_frames(10)
    source.command("set_fps", fps=fps)
    note = source.note("changed")
    assert (note.output, note.values) == (0, {"event": "changed", "fps": fps})
    after = source.frames_before(note)
    frames = source.read_frames(after + 15)
    source.read_frames(25, output=1)
    steps = [later.media_time - earlier.media_time for earlier, later in pairwise(frames)]
    assert set(steps[: after - 1]) == {3000}
    assert all(abs(step - ticks) <= 1 for step in steps[after:])
    assert ticks - 1 <= steps[after - 1] < ticks + 90_000  # the new encoder may have taken its time
    assert {later.media_time - earlier.media_time for earlier, later in pairwise(source.frames[1])} == {6000}
    assert [number for number, frame in enumerate(frames) if frame.is_key_frame] == [0, after]
    assert [read_frame_number(picture) for picture in decode(frames)] == list(range(len(frames)))


def test_a_snapshot_is_the_picture_that_was_sent(start_source):
    source = start_source("testpattern", MAIN, SUB)
    source.command("snapshot", output=1)
    snapshot = source.snapshot()
    [frame] = source.frames[1]
    with av.open(io.BytesIO(snapshot.jpeg)) as container:
        [picture] = container.decode(video=0)
    assert (snapshot.output, picture.width, picture.height) == (1, 320, 180)
    assert read_frame_number(picture) == 0
    assert read_wall_ms(picture) == frame.wall_ns // 1_000_000 % (1 << 32)
    source.read_frames(4, output=1)
    assert len(source.snapshots) == 1


@pytest.mark.parametrize("size", [{"width": 640, "height": 360}, {"width": 1280, "height": 720}])
def test_an_overlay_is_read_off_the_decoded_stream(start_source, decode, read_overlay, monkeypatch, size):
    monkeypatch.setenv("TZ", "XYZ-5:30")
    wanted = {"name": "yard", "overlay": "%Y-%m-%d %H:%M:%S {name}", "fps": 10, "bitrate_bps": 2_000_000}
    source = start_source("testpattern", {**wanted, **size})
    frames = source.read_frames(12)
    for frame, picture in zip(frames, decode(frames), strict=True):
        local = time.gmtime(frame.wall_ns // 1_000_000_000 + 5 * 3600 + 1800)
        assert read_overlay(luma_lines(picture)) == time.strftime("%Y-%m-%d %H:%M:%S yard", local)
        assert read_wall_ms(picture) == frame.wall_ns // 1_000_000 % (1 << 32)
    assert [read_frame_number(picture) for picture in decode(frames)] == list(range(len(frames)))


def luma_lines(picture):
    plane = picture.planes[0]
    data = bytes(plane)
    return [data[line * plane.line_size :][: picture.width] for line in range(picture.height)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"overlay": "%H {nam}"}, "the overlay '%H {nam}' cannot be used: "),
        ({"encoder": "hardware"}, "main: the test pattern has no hardware encoder"),
    ],
)
def test_what_cannot_be_made_is_a_reason_and_status_1(start_source, values, said):
    source = start_source("testpattern", {**SMALL, "name": "main", **values})
    assert source.read_to_end() == 1
    assert said in source.note("failed").values["reason"]


def test_what_it_cannot_do_is_said_and_nothing_else_happens(start_source):
    source = start_source("testpattern", SMALL)
    source.command("dance")
    source.command("set_bitrate")
    source.command("set_bitrate", bitrate_bps=1 << 62)
    source.command("set_fps")
    source.command("set_fps", fps=900)
    source.socket.sendall(b"no command\n")
    source.read_until(lambda source: len(source.notes_of("unsupported")) == 6)
    said = sorted((note.values["command"], note.values.get("reason", "")) for note in source.notes_of("unsupported"))
    assert said == [
        ("dance", "unknown, or its value is missing"),
        ("no command", "it is no command of a source"),
        ("set_bitrate", "unknown, or its value is missing"),
        ("set_fps", "unknown, or its value is missing"),
        ('{"command":"set_bitrate","bitrate_bps":4611686018427387904}', "it is no command of a source"),
        ('{"command":"set_fps","fps":900}', "it is no command of a source"),
    ]
    frames = source.read_frames(len(source.frames[0]) + 2)
    assert {later.media_time - earlier.media_time for earlier, later in pairwise(frames)} == {3000}
    assert [frame.is_key_frame for frame in frames] == [True] + [False] * (len(frames) - 1)


def test_stop_ends_it_after_a_whole_message(start_source):
    source = start_source("testpattern", SMALL)
    source.read_frames(2)
    source.command("stop")
    assert source.read_to_end() == 0
    assert source.parser.receive(encode_note(0, event="whole")) == [SourceNote(0, {"event": "whole"})]


@pytest.mark.parametrize("frames", [0, 3])
def test_the_end_of_the_socket_ends_it(start_source, frames):
    source = start_source("testpattern", SMALL)
    source.read_frames(frames)
    source.socket.close()
    assert source.process.wait(5) == 0
    assert source.process.stderr.read() == b""


def test_an_interrupt_is_the_servers_business_and_termination_is_at_once(start_source):
    source = start_source("testpattern", SMALL)
    source.read_frames(1)
    source.process.send_signal(signal.SIGINT)
    source.read_frames(len(source.frames[0]) + 5)
    source.process.terminate()
    assert source.process.wait(5) == -signal.SIGTERM


def test_a_server_that_does_not_read_loses_whole_frames_up_to_a_key_frame(start_source, decode):
    """At 40 Mbit/s the kernel and the source hold well under a second."""
    source = start_source("testpattern", {**MAIN, "bitrate_bps": 40_000_000, "gop_s": 60, "fps": 120})
    source.read_frames(1)
    time.sleep(2.0)
    note = source.note("dropped")
    dropped, after = note.values["frames"], source.frames_before(note)
    frames = source.read_frames(after + 5)
    assert frames[after].is_key_frame
    numbers = [read_frame_number(picture) for picture in decode(frames)]
    assert dropped > 0
    assert numbers == [*range(after), *range(after + dropped, after + dropped + len(frames) - after)]
