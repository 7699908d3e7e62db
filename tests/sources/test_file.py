"""The file source as the server sees it: a real child process at the file's own pace."""

import shutil
import time
from itertools import pairwise

import pytest

from edge_streamer.media.frame import SourceNote
from edge_streamer.sources.pacing import media_time_of

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
            "width": 320,
            "height": 240,
            "fps": 25.0,
            "can_force_key_frame": False,
        },
    )


@pytest.fixture(scope="module")
def looped(start_module_source, make_clip):
    """A clip with B-frames, read over its seam."""
    source = start_module_source("file", path=make_clip("b.mp4", b_frames=2))
    begun_s = time.monotonic()
    source.read_frames(COUNT + 15)
    source.took_s = time.monotonic() - begun_s
    return source


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


def test_a_key_frame_cannot_be_asked_of_a_file(start_source, make_clip):
    source = start_source("file", path=make_clip("same.mp4"))
    source.command("force_key_frame")
    assert source.note("unsupported").values["command"] == "force_key_frame"
    source.read_frames(2)


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
