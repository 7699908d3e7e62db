"""A file as continuous access units: containers, raw streams, B-frames, seams, and files that are none."""

import os
import shlex
import shutil
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.file.clip import Clip, ClipFrame, read_ahead
from tests.support.odd_clips import raw_frames

RATE = Fraction(25)
FRAME = 3600  # 90 kHz ticks at 25 frames a second
COUNT = 20


def take(path, count, *, loop=True, rate=RATE):
    return list(islice(Clip(path, rate).frames(loop=loop), count))


def steps(times):
    return {later - earlier for earlier, later in pairwise(times)}


@pytest.mark.parametrize(
    ("extension", "b_frames"), [("mp4", 0), ("mkv", 0), ("ts", 0), ("h264", 0), ("mp4", 2), ("mkv", 2), ("ts", 2)]
)
def test_time_goes_on_over_the_seams(make_clip, extension, b_frames):
    frames = take(make_clip(f"seam{b_frames}.{extension}", b_frames=b_frames), 3 * COUNT)
    shown = sorted(frame.presentation_time for frame in frames)
    rounding = 90 if extension == "mkv" else 0  # Matroska counts milliseconds; 40 ms is whole
    assert steps(shown) == {FRAME}
    assert all(abs(step - FRAME) <= rounding for step in steps([frame.decode_time for frame in frames]))
    assert all(frame.presentation_time >= frame.decode_time for frame in frames)
    is_reordered = any(later < earlier for earlier, later in pairwise(frame.presentation_time for frame in frames))
    assert is_reordered == (b_frames > 0)


@pytest.mark.parametrize("extension", ["mp4", "mkv", "ts", "h264"])
def test_every_container_gives_the_same_pictures_in_annex_b(make_clip, decode, extension):
    path = make_clip(f"same.{extension}")
    frames = take(path, 2 * COUNT)
    assert all(frame.data.startswith((b"\0\0\0\1", b"\0\0\1")) for frame in frames)
    assert [number for number, frame in enumerate(frames) if frame.is_key_frame] == [0, 10, 20, 30]
    for frame in frames:
        assert (b"\1\x67" in frame.data) == frame.is_key_frame
    pictures = [bytes(picture.planes[0]) for picture in decode(frames)]
    assert pictures[:COUNT] == pictures[COUNT:]
    assert pictures[:COUNT] == reference_pictures(path)  # of the same file: x264 need not write the same twice


def reference_pictures(path):
    with av.open(path) as container:
        return [bytes(picture.planes[0]) for picture in container.decode(video=0)]


def test_a_raw_stream_is_shown_in_the_order_of_its_container(make_clip):
    orders = []
    for name in ("order.mp4", "order.h264"):
        frames = take(make_clip(name, frames=60, gop=12), 60)
        orders.append([(frame.presentation_time - frames[0].presentation_time, frame.data[-20:]) for frame in frames])
    assert orders[0] == orders[1]


def test_a_raw_stream_with_b_frames_comes_with_the_command_that_gives_it_times(make_clip, tmp_path):
    path = tmp_path / "it's raw.h264"
    shutil.copy(make_clip("reordered.h264", b_frames=2), path)
    with pytest.raises(SourceError, match="has B-frames, and a raw stream does not say when they are shown") as raised:
        Clip(str(path), RATE)
    quoted = shlex.quote(str(path))
    assert str(raised.value).endswith(f"convert it without loss, with mkvtoolnix: mkvmerge -o converted.mkv {quoted})")


def test_a_raw_stream_that_is_interlaced_without_b_frames_plays(make_clip):
    frames = take(make_clip("interlaced.h264", x264="tff=1"), 2 * COUNT)
    assert steps([frame.presentation_time for frame in frames]) == {FRAME}


def test_without_a_loop_the_clip_ends_with_its_last_frame(make_clip):
    for name, b_frames in (("once.mp4", 2), ("once.h264", 0)):
        assert len(take(make_clip(name, b_frames=b_frames), 1000, loop=False)) == COUNT


def test_the_format_is_the_files_own(make_clip):
    found = Clip(make_clip("format.mp4", rate=20), RATE).format
    assert (found.width, found.height, found.rate_hz) == (320, 240, 20)


def test_a_raw_clip_that_says_its_rate_is_played_at_it(make_clip):
    clip = Clip(make_clip("timed.h264", rate=50), Fraction(10))
    assert clip.format.rate_hz == 50


def test_a_raw_clip_without_a_rate_is_played_at_the_one_asked_for(tmp_path):
    path = tmp_path / "untimed.h264"
    path.write_bytes(raw_frames(6))
    frames = take(str(path), 14, rate=Fraction(12))
    assert Clip(str(path), Fraction(12)).format.rate_hz == 12
    assert steps([frame.decode_time for frame in frames]) == {7500}
    assert all(frame.is_key_frame for frame in frames)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(7)])
def test_rates_that_are_no_whole_ticks_do_not_drift(tmp_path, rate):
    path = tmp_path / "untimed.h264"
    path.write_bytes(raw_frames(6))
    for number, frame in enumerate(take(str(path), 600, rate=rate)):
        assert abs(frame.decode_time - number * 90_000 / rate) < 2


def test_frames_before_the_first_key_frame_are_left_out(make_clip, tmp_path):
    data = Path(make_clip("cut.h264")).read_bytes()
    begin = data.index(b"\0\0\1\x41")  # the first picture that leans on another
    path = tmp_path / "cut.h264"
    path.write_bytes(data[:begin].split(b"\0\0\0\1\x65")[0].split(b"\0\0\1\x65")[0] + b"\0" + data[begin:])
    frames = take(str(path), 1000, loop=False)
    assert frames[0].is_key_frame
    assert len(frames) == 10


def test_it_may_have_any_name(make_clip, tmp_path):
    path = tmp_path / "http: it's a clip%20.mp4"
    shutil.copy(make_clip("same.mp4"), path)
    assert len(take(str(path), 3)) == 3


def test_a_clip_that_vanishes_while_it_is_played_is_a_reason(make_clip, tmp_path):
    path = tmp_path / "vanishing.mp4"
    shutil.copy(make_clip("same.mp4"), path)
    frames = Clip(str(path), RATE).frames(loop=True)
    next(frames)
    path.unlink()
    with pytest.raises(SourceError, match="does not exist"):
        list(islice(frames, COUNT))


def test_a_clip_that_is_cut_short_still_loops(make_clip, tmp_path):
    data = Path(make_clip("same.ts")).read_bytes()
    path = tmp_path / "short.ts"
    path.write_bytes(data[: len(data) * 3 // 4 + 77])
    frames = take(str(path), 60)
    assert len(frames) == 60
    assert all(step > 0 for step in steps([frame.decode_time for frame in frames]))


BAD = {
    "empty.h264": (b"", "is empty"),
    "garbage.h264": (bytes(range(1, 256)) * 99, "cannot be opened: Invalid data"),
    "text.mp4": (b"this is a text\n" * 99, "cannot be opened: Invalid data"),
    "zeros.mp4": (bytes(100_000), "(cannot be opened|has no H.264 video)"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_clip_is_one_sentence_with_path_and_what_is_allowed(tmp_path, name):
    data, said = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(
        SourceError, match=f"{name} {said}.*allowed: H.264 as raw Annex B without B-frames, or in MP4"
    ) as raised:
        take(str(tmp_path / name), 3)
    assert "\n" not in str(raised.value)


def test_a_directory_a_pipe_and_nothing_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, said in [("", "is no regular file"), ("pipe", "is no regular file"), ("nothing", "does not exist")]:
        with pytest.raises(SourceError, match=said):
            Clip(str(tmp_path / name), RATE)


def test_a_file_that_may_not_be_read_says_so(make_clip, monkeypatch):
    path = make_clip("same.mp4")

    def refuse(name, **_options):
        raise av.error.PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("edge_streamer.sources.file.clip.av.open", refuse)
    with pytest.raises(SourceError, match=r"same\.mp4 cannot be opened: Permission denied"):
        Clip(path, RATE)


def test_another_codec_comes_with_the_command_that_converts_it(make_clip):
    with pytest.raises(SourceError, match=r"other\.mp4 is mpeg4, not H.264 .*ffmpeg -i .*other.mp4.* -c:v libx264"):
        Clip(make_clip("other.mp4", codec="mpeg4"), RATE)


def test_sound_alone_has_no_video(tmp_path):
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame(format="s16", layout="mono", samples=800)
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(SourceError, match=r"has no H\.264 video in it"):
        Clip(str(path), RATE)


# --- reading ahead


def numbered(count: int, read: list[int]):
    for number in range(count):
        read.append(number)
        yield ClipFrame(bytes([number]), number == 0, number, number, 1)
    raise SourceError("torn")


def test_frames_are_read_some_at_a_time_and_come_in_their_order():
    read: list[int] = []
    ahead = read_ahead(numbered(20, read), 8)
    assert [next(ahead).decode_time for _ in range(8)] == list(range(8))
    assert len(read) == 8
    assert next(ahead).decode_time == 8
    assert len(read) == 16


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_what_fails_is_told_after_the_frames_before_it(count):
    taken: list[int] = []
    ahead = (frame.decode_time for frame in read_ahead(numbered(count, []), 8))
    with pytest.raises(SourceError, match="torn"):
        taken.extend(ahead)
    assert taken == list(range(count))


@pytest.mark.parametrize("count", [0, 7, 8, 9])
def test_a_clip_that_ends_ends(count):
    assert len(list(read_ahead(islice(numbered(20, []), count), 8))) == count
