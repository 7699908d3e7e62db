"""The file source as the server sees it: a real child process at the file's own pace."""

import io
import re
import shutil
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from edge_streamer.protocol.source.messages import SourceCommand, SourceNote
from edge_streamer.protocol.source.request import FileOptions
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.file import source as file_module
from edge_streamer.sources.file.source import run_file
from edge_streamer.sources.timing.schedule import media_time_of
from tests.support.hiccups import repeated_when_noisy, until_calm
from tests.support.odd_clips import raw_frames, remuxed, rotated, samples_of, stamped

COUNT = 20
FRAME = 3600  # 90 kHz ticks at 25 frames a second


def test_it_says_what_the_file_is(start_source, make_clip):
    source = start_source("file", path=make_clip("same.mp4"))
    source.read_frames(1)
    assert source.order[0] == SourceNote(
        0,
        {
            "event": "ready",
            "encoder": "copy",
            "encoder_reason": "the H.264 of the file is sent as it is",
            "width": 320,
            "height": 240,
            "fps": 25.0,
            "can_force_key_frame": False,
            "can_set_bitrate": False,
            "can_set_fps": False,
        },
    )


@pytest.fixture(scope="module")
def looped(start_module_source, make_clip):
    """A clip with B-frames, read over its seam."""
    path = make_clip("b.mp4", b_frames=2)

    def read():
        source = start_module_source("file", path=path)
        source.read_frames(COUNT + 15)
        return source

    return until_calm(read, limit_s=0.04)


def test_media_time_strictly_advances_by_one_frame_at_the_seam_too(looped):
    shown = sorted(frame.media_time for frame in looped.frames[0])
    assert {later - earlier for earlier, later in pairwise(shown[:-3])} == {FRAME}


def test_frames_shown_before_earlier_ones_are_marked(looped):
    newest = -1
    for frame in looped.frames[0]:
        assert frame.reordered == (frame.media_time < newest)
        newest = max(newest, frame.media_time)
    assert sum(frame.reordered for frame in looped.frames[0]) > 10


def test_it_takes_the_time_that_the_clip_takes(looped):
    sent = [frame.sent_ns for frame in looped.frames[0]]
    assert sent[-1] - sent[0] == pytest.approx((len(sent) - 1) / 25 * 1e9, abs=0.2e9)


def test_the_clip_seems_to_be_live(looped):
    frame = looped.frames[0][0]
    assert abs(frame.sent_ns * 9 // 100_000 - frame.media_time) < 90_000
    wall_of_media_time_ns = time.time_ns() - time.monotonic_ns() + frame.media_time * 100_000 // 9
    assert abs(frame.wall_ns - wall_of_media_time_ns) < 50_000_000


def test_what_came_over_the_seam_decodes(looped, decode):
    assert len(decode(looped.frames[0])) == len(looped.frames[0])


def test_without_a_loop_it_says_that_it_ended(start_source, make_clip):
    source = start_source("file", path=make_clip("short.mp4", frames=5), loop=False)
    assert source.read_to_end() == 0
    assert len(source.frames[0]) == 5
    assert source.order[-1] == SourceNote(0, {"event": "ended"})


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (SourceCommand("force_key_frame"), "a file's key frames are where they are"),
        (SourceCommand("set_bitrate", bitrate_bps=100_000), "a file is copied, not encoded"),
        (SourceCommand("set_fps", fps=5.0), "a file has its own time stamps"),
        (SourceCommand("dance"), "unknown"),
    ],
)
def test_what_a_file_cannot_do_is_said_and_it_goes_on(start_source, make_clip, command, reason):
    source = start_source("file", path=make_clip("same.mp4"))
    source.send(command)
    note = source.note("unsupported")
    assert note.values == {"event": "unsupported", "command": command.command, "reason": reason}
    source.read_frames(len(source.frames[0]) + 2)


def test_nothing_was_captured_when_a_file_is_sent(looped):
    assert {frame.captured_ns for frame in looped.frames[0]} == {0}


def jpeg_luma(jpeg):
    with av.open(io.BytesIO(jpeg)) as container:
        [picture] = container.decode(video=0)
    assert (picture.width, picture.height) == (320, 240)
    return bytes(picture.planes[0])[160]  # of line 0: `gradient` has its steps there


def without_parameter_sets(data, *, from_frame):
    """A raw stream whose SPS and PPS come only before `from_frame`, as a Raspberry Pi writes it without --inline."""
    units = re.split(rb"(?=\x00\x00\x01)", data.replace(b"\0\0\0\1", b"\0\0\1"))
    frames, kept = 0, []
    for unit in units[1:]:
        if unit[3] & 31 in (7, 8) and frames >= from_frame:
            continue
        frames += unit[3] & 31 in (1, 5)
        kept.append(unit)
    return b"".join(kept)


@pytest.mark.parametrize("name", ["same.mp4", "raw.h264"])
def test_a_snapshot_is_the_last_key_frame(start_source, make_clip, tmp_path, name):
    path = Path(make_clip(name))
    if name == "raw.h264":
        path.write_bytes(without_parameter_sets(path.read_bytes(), from_frame=1))
    source = start_source("file", path=str(path))
    source.read_frames(12)
    source.command("snapshot")
    assert jpeg_luma(source.snapshot().jpeg) == pytest.approx(full_range(gradient_level(10)), abs=4)


def test_a_snapshot_before_the_first_frame_is_that_frame(start_source, make_clip):
    source = start_source("file", path=make_clip("slow.mp4", rate=1, frames=3))
    source.command("snapshot")
    assert jpeg_luma(source.snapshot().jpeg) == pytest.approx(full_range(gradient_level(0)), abs=4)
    assert len(source.frames[0]) == 1


def gradient_level(number):
    return (160 + number) % 100 + 30


def full_range(level):
    return (level - 16) * 255 / 219


def test_a_snapshot_that_cannot_be_made_is_a_reason(make_clip, monkeypatch):
    link = ShortLink(SourceCommand("snapshot"))
    monkeypatch.setattr(file_module, "jpeg_of_key_frame", refuse)
    with pytest.raises(SourceStopped):
        run_file(link, FileOptions(make_clip("same.mp4")))
    assert {"event": "unsupported", "command": "snapshot", "reason": "no picture"} in link.notes


def refuse(_data):
    raise SourceError("no picture")


class ShortLink:
    """Gives one command and stops at the second frame."""

    def __init__(self, command):
        self.commands, self.notes, self.frames = [command], [], []

    def wait(self, until_ns, wake_fd=None):
        commands, self.commands = self.commands, []
        return commands

    def send_note(self, output, **values):
        self.notes.append(values)

    def send_snapshot(self, output, jpeg):
        raise AssertionError(jpeg)

    def send_frame(self, output, frame):
        self.frames.append(frame)
        if len(self.frames) > 1:
            raise SourceStopped


@repeated_when_noisy(0.2)
@pytest.mark.parametrize("ending", ["stop", "close"])
def test_it_ends_at_once_between_two_frames(start_source, make_clip, ending):
    source = start_source("file", path=make_clip("slow.mp4", rate=1, frames=3))
    source.read_frames(1)
    begun_s = time.monotonic()
    if ending == "stop":
        source.command("stop")
    else:
        source.socket.close()
    assert source.process.wait(5) == 0
    assert time.monotonic() - begun_s < 0.9


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing.mp4", "does not exist"), ("empty.mp4", "is empty"), ("other.mp4", "is mpeg4, not H.264")],
)
def test_a_bad_file_is_a_reason_and_status_1(start_source, make_clip, tmp_path, name, said):
    (tmp_path / "empty.mp4").touch()
    shutil.copy(make_clip("other.mp4", codec="mpeg4"), tmp_path / "other.mp4")
    source = start_source("file", path=str(tmp_path / name))
    assert source.read_to_end() == 1
    assert [note.values["event"] for note in source.notes] == ["failed"]
    assert f"{tmp_path / name} {said}" in source.notes[0].values["reason"]


def test_a_server_that_does_not_read_gets_whole_frames_from_a_key_frame_on(start_source, make_clip, decode):
    path = make_clip("fast.mp4", rate=240, frames=48, gop=24, noise=True)
    source = start_source("file", path=path)
    source.read_frames(1)
    time.sleep(1.5)
    note = source.note("dropped")
    dropped, after = note.values["frames"], source.frames_before(note)
    frames = source.read_frames(after + 30)
    assert frames[after].is_key_frame
    assert frames[after].media_time - frames[after - 1].media_time == (dropped + 1) * 375
    assert len(decode(frames)) == len(frames)


def test_who_waits_for_a_frame_says_so_before_it_seems_dead(start_source, make_clip):
    source = start_source("file", path=make_clip("slow.mp4", rate=1, frames=3))
    source.read_frames(3)
    assert [getattr(message, "values", {}).get("event") for message in source.order] == [
        "ready", None, "waiting", None, "waiting", None,
    ]  # fmt: skip


def test_who_waits_for_no_longer_than_usual_says_nothing(looped):
    assert not looped.notes_of("waiting")


def test_media_time_goes_on_over_a_restart(start_source, make_clip):
    first = start_source("file", path=make_clip("same.mp4")).read_frames(2)[-1].media_time
    second = start_source("file", path=make_clip("same.mp4")).read_frames(1)[0].media_time
    assert first < second <= media_time_of(time.monotonic_ns())


def reason_and_warnings(source):
    source.read_frames(2)
    return source.notes_of("ready")[0].values, [note.values["text"] for note in source.notes_of("warning")]


@pytest.fixture
def untimed(tmp_path):
    """A raw file that does not say its rate."""
    path = tmp_path / "untimed.h264"
    path.write_bytes(raw_frames(20))
    return str(path)


def test_the_rate_of_a_raw_file_can_be_said(start_source, untimed):
    ready, warnings = reason_and_warnings(start_source("file", path=untimed, fps=50))
    assert ready["fps"] == 50.0
    said = "the file states no rate: it is played at 50 frames a second, as fps says"
    assert ready["encoder_reason"] == f"the H.264 of the file is sent as it is; {said}"
    assert warnings == [f"{untimed}: {said}"]


def test_the_rate_that_is_assumed_is_told(start_source, untimed):
    ready, warnings = reason_and_warnings(start_source("file", path=untimed))
    assert ready["fps"] == 30.0
    assert warnings == [f"{untimed}: the file states no rate: it is played at 30 frames a second, which fps can change"]
    assert ready["encoder_reason"].endswith("which fps can change")


@pytest.mark.parametrize("name", ["same.mp4", "raw.h264"])
def test_a_rate_that_the_file_states_itself_is_not_replaced(start_source, make_clip, name):
    path = make_clip(name)
    ready, warnings = reason_and_warnings(start_source("file", path=path, fps=50))
    assert ready["fps"] == 25.0
    assert warnings == [f"{path}: fps is not used: the file states its own times, 25 frames a second"]


def test_a_rotation_is_told(start_source, make_clip, tmp_path):
    path = rotated(make_clip("same.mp4"), tmp_path / "phone.mp4")
    ready, warnings = reason_and_warnings(start_source("file", path=path))
    said = "the picture is to be turned by -90 degrees, which RTSP cannot say: it is shown as it was coded"
    assert (ready["width"], ready["height"]) == (320, 240)
    assert ready["encoder_reason"].endswith(said)
    assert warnings == [f"{path}: {said}"]


def test_what_is_left_out_is_counted_and_told_once(start_source, make_clip, tmp_path):
    source = make_clip("odd.mp4", frames=10)
    samples = samples_of(source)
    samples[4].data = b"\xff\xff\xff\xff" + samples[4].data[4:]
    playing = start_source("file", path=remuxed(source, tmp_path / "torn.mp4", samples))
    playing.read_frames(9 * 2 + 5)
    assert {(note.values["reason"], note.values["buffers"]) for note in playing.notes_of("discarded")} == {("torn", 1)}
    assert len(playing.notes_of("discarded")) >= 2  # once a pass
    assert len(playing.notes_of("warning")) == 1


class TimedLink(ShortLink):
    """Waits for nothing, and notes until when each frame was to wait; stops at the last."""

    def __init__(self, frames):
        super().__init__(None)
        self.commands, self.due_ns, self.waits, self.most = [], [], 0, frames

    def wait(self, until_ns, wake_fd=None):
        self.waits += 1
        self.until_ns = until_ns
        return []

    def send_frame(self, output, frame):
        self.frames.append(frame)
        self.due_ns.append(self.until_ns)
        if len(self.frames) == self.most:
            raise SourceStopped


def test_a_time_lapse_costs_a_note_each_half_second_and_is_never_sent_at_once(make_clip, tmp_path):
    source = make_clip("odd.mp4", frames=10)
    lapse = stamped(samples_of(source)[:4], range(4))
    path = remuxed(source, tmp_path / "lapse.mp4", lapse, Fraction(20))
    link = TimedLink(9)
    with pytest.raises(SourceStopped):
        run_file(link, FileOptions(path))
    steps_s = [(later - earlier) / 1e9 for earlier, later in pairwise(link.due_ns)]
    assert steps_s == pytest.approx([20.0] * 8, abs=0.05)
    assert {later.media_time - earlier.media_time for earlier, later in pairwise(link.frames)} == {20 * 90_000}
    waited_s = [20 * number for number in range(9)]  # no time passes, so each frame waits from the start
    assert link.waits == pytest.approx(2 * sum(waited_s), abs=20)
    assert link.notes[0]["fps"] == 0.05
