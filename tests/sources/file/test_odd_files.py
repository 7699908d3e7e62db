"""Files as people have them: each kind plays at its own pace, in its own order, with ffmpeg's pictures."""

import hashlib
import io
import shlex
from contextlib import suppress
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.codec.h264.length_prefixed import split_sample
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.sources.encoding.jpeg import jpeg_of_key_frame
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.file import clip as clip_module
from edge_streamer.sources.file.clip import MAX_LEAD_BYTES, MAX_READ_ERRORS, Clip
from tests.support.odd_clips import (
    START_CODE,
    Sample,
    field_frames,
    length_prefixed,
    patched,
    remuxed,
    rotated,
    samples_of,
    stamped,
    with_units,
)

FRAME = 3600  # 90 kHz ticks at 25 frames a second
SECOND = 90_000


def once(path):
    return list(Clip(path).frames(loop=False))


def looped(path, count):
    return list(islice(Clip(path).frames(loop=True), count))


def decode_steps(frames):
    return [later.decode_time - earlier.decode_time for earlier, later in pairwise(frames)]


def shown_steps(frames):
    shown = sorted(frame.presentation_time for frame in frames)
    return {later - earlier for earlier, later in pairwise(shown)}


def goes_back(frames):
    return any(later.presentation_time < earlier.presentation_time for earlier, later in pairwise(frames))


def pictures(frames):
    """Hashes of the pictures that a decoder makes of the frames, in the order in which they are shown."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.data))]
    return [hash_of(picture) for picture in decoded + decoder.decode(None)]


def hash_of(picture):
    return hashlib.md5(b"".join(map(visible, picture.planes))).hexdigest()


def visible(plane):
    """The bytes of a plane without what pads its lines."""
    data = bytes(plane)
    return b"".join(data[line * plane.line_size :][: plane.width] for line in range(plane.height))


def pictures_of_ffmpeg(path):
    """Hashes of the pictures that FFmpeg's demultiplexer and decoder make of a file by themselves."""
    with av.open(str(path), options={"probesize": "50000000", "analyzeduration": "60000000"}) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        found = []
        for packet in container.demux(stream):
            with suppress(av.InvalidDataError):  # a damaged sample
                found += packet.decode()
        return [hash_of(picture) for picture in found]


# --- pacing


@pytest.fixture
def mp4(make_clip):
    """25 frames, each of which lasts a stamp of the copies that are made of it; a key frame every 10."""
    return make_clip("odd.mp4", frames=25)


def test_a_time_lapse_is_paced_by_its_own_times(mp4, tmp_path):
    path = remuxed(mp4, tmp_path / "lapse.mp4", stamped(samples_of(mp4)[:4], range(4)), Fraction(20))
    assert set(decode_steps(looped(path, 12))) == {20 * SECOND}


@pytest.mark.parametrize("extension", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize("hole_s", [6, 12, 180])
def test_holes_are_kept(mp4, tmp_path, extension, hole_s):
    stamps = [*range(10), *range(10 + 25 * hole_s, 25 + 25 * hole_s)]
    source = mp4 if extension != "ts" else annex_b_of(mp4, tmp_path)
    path = remuxed(source, tmp_path / f"hole.{extension}", stamped(samples_of(source), stamps), Fraction(1, 25))
    frames = once(path)
    assert [round(step / SECOND, 2) for step in decode_steps(frames)] == [0.04] * 9 + [hole_s + 0.04] + [0.04] * 14


def annex_b_of(path, tmp_path):
    """The same clip in MPEG-TS, whose packets are Annex B."""
    with av.open(path) as container:
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", container.streams.video[0])
        packets = [unit for packet in container.demux(video=0) for unit in to_annex_b.filter(packet)]
        samples = [Sample(bytes(each), number, number, 1, each.is_keyframe) for number, each in enumerate(packets)]
    return remuxed(path, tmp_path / "annex_b.ts", samples, Fraction(1, 25))


def test_a_leap_beyond_every_hole_is_left_out_and_told(mp4, tmp_path):
    stamps = [*range(10), *range(25 * 3600, 25 * 3600 + 15)]
    path = remuxed(mp4, tmp_path / "leap.mkv", stamped(samples_of(mp4), stamps), Fraction(1, 25))
    clip = Clip(path)
    frames = list(clip.frames(loop=False))
    assert max(decode_steps(frames)) == FRAME
    [told] = clip.findings.warnings
    assert told == f"{path} has time stamps that leap ahead by more than 600 s; it does not"


def test_a_lone_frame_comes_once_a_frame(mp4, tmp_path):
    path = remuxed(mp4, tmp_path / "lone.mkv", stamped(samples_of(mp4)[:1], [0], 0), Fraction(1, 25))
    assert min(decode_steps(looped(path, 20))) >= SECOND / 30


@pytest.mark.parametrize("name", ["lone.mp4", "lone.h264"])
def test_a_lone_frame_of_a_millisecond_does_not_open_the_file_a_thousand_times_a_second(make_clip, tmp_path, name):
    path = make_clip(name, rate=1000, frames=1)
    assert min(decode_steps(looped(path, 20))) >= SECOND / 25


def test_frames_that_all_have_one_stamp_are_a_frame_apart(mp4, tmp_path):
    path = remuxed(mp4, tmp_path / "still.mkv", stamped(samples_of(mp4), [7] * 25, 0), Fraction(1, 25))
    assert min(decode_steps(looped(path, 60))) >= SECOND / 30


def test_stamps_that_step_back_give_no_burst_and_time_that_goes_on(mp4, tmp_path):
    source = annex_b_of(mp4, tmp_path)
    back = [*range(1000, 1012), *range(1000, 1013)]
    data = bytearray()
    for name, part in (("a", slice(0, 12)), ("b", slice(12, 25))):  # FFmpeg's muxer refuses times that go back
        one = remuxed(source, tmp_path / f"{name}.ts", stamped(samples_of(source)[part], back[part]), Fraction(1, 25))
        data += Path(one).read_bytes()
    path = tmp_path / "back.ts"
    path.write_bytes(data)
    clip = Clip(str(path))
    frames = list(islice(clip.frames(loop=True), 75))
    assert set(decode_steps(frames)) == {FRAME}
    assert not goes_back(frames)
    assert clip.findings.warnings == [
        f"{path} has time stamps that go back or stand still; it goes on without a gap there"
    ]


# --- order


def test_two_fields_are_one_frame(interlaced_ts):
    frames = looped(interlaced_ts, 96)
    assert set(decode_steps(frames)) == {FRAME}
    assert shown_steps(frames) == {FRAME}
    assert [number for number, frame in enumerate(frames[:32]) if frame.is_key_frame] == [0, 16]
    assert pictures(frames[:32]) == pictures_of_ffmpeg(interlaced_ts)
    assert Clip(interlaced_ts).format.rate_hz == 25


def test_a_snapshot_of_two_fields_is_both(interlaced_ts):
    frame = once(interlaced_ts)[16]
    with av.open(io.BytesIO(jpeg_of_key_frame(frame.data))) as container:
        [picture] = container.decode(video=0)
    assert (picture.width, picture.height) == (16, 32)
    luma = visible(picture.planes[0])
    assert abs(luma[0] - luma[16]) < 3


def test_a_raw_file_of_field_pictures_is_refused_with_the_command(tmp_path):
    path = tmp_path / "fields.h264"
    path.write_bytes(b"".join(field_frames(8)))
    with pytest.raises(SourceError, match=f"has field pictures.*mkvmerge -o converted.mkv {path}"):
        Clip(str(path))


def test_an_avi_with_b_frames_is_refused_with_the_commands(make_clip):
    path = make_clip("reordered.avi", b_frames=2)
    with pytest.raises(SourceError, match="has B-frames, and an AVI does not say when they are shown") as raised:
        Clip(path)
    assert str(raised.value).endswith(
        f"ffmpeg -i {shlex.quote(path)} -c:v copy -an converted.h264 && "
        "mkvmerge -o converted.mkv --default-duration 0:25fps converted.h264)"
    )


def test_an_avi_without_b_frames_plays(make_clip):
    path = make_clip("plain.avi")
    frames = looped(path, 60)
    assert set(decode_steps(frames)) == {FRAME}
    assert pictures(frames[:20]) == pictures_of_ffmpeg(path)


# --- bad units


def test_a_damaged_sample_is_left_out_and_told_once(mp4, tmp_path):
    samples = samples_of(mp4)
    for number in (4, 7):
        samples[number].data = (0xFFFF).to_bytes(4, "big") + samples[number].data[4:]
    clip = Clip(remuxed(mp4, tmp_path / "torn.mp4", samples))
    frames = list(clip.frames(loop=False))
    assert len(frames) == 23
    assert clip.findings.discarded == {"torn": 2}
    [told] = clip.findings.warnings
    assert "torn.mp4 has a damaged access unit: a NAL unit of 65535 bytes where" in told
    assert decode_steps(frames).count(2 * FRAME) == 2  # the others keep their times


def test_what_is_left_after_a_damaged_sample_is_what_ffmpeg_decodes(mp4, tmp_path):
    samples = samples_of(mp4)
    samples[9].data = b"\0\0\xff\xff" + samples[9].data[4:]  # the last of a group
    path = remuxed(mp4, tmp_path / "torn.mp4", samples)
    assert pictures(once(path)) == pictures_of_ffmpeg(path)


def test_a_sample_without_a_picture_is_not_sent(mp4, tmp_path):
    samples = samples_of(mp4)
    samples[3].data = length_prefixed(b"\x09\x10")
    clip = Clip(remuxed(mp4, tmp_path / "delimiter.mp4", samples))
    assert len(list(clip.frames(loop=False))) == 24
    assert clip.findings.discarded == {"torn": 1}


def test_an_oversized_sample_is_left_out(mp4, tmp_path):
    samples = samples_of(mp4)
    samples[3] = with_units(samples[3], behind=[b"\x0c" + bytes([255]) * MAX_ACCESS_UNIT_BYTES])
    clip = Clip(remuxed(mp4, tmp_path / "large.mp4", samples))
    frames = list(clip.frames(loop=False))
    assert len(frames) == 24
    assert max(len(frame.data) for frame in frames) < 100_000
    assert clip.findings.discarded == {"oversized": 1}


class Faulty:
    """A container that fails at some packets, once each or always."""

    def __init__(self, container, at, *, always=False):
        self._container, self._left, self._always = container, set(at), always
        self._number = 0
        self.streams = container.streams

    def __enter__(self):
        self._container.__enter__()
        return self

    def __exit__(self, *exception):
        self._container.__exit__(*exception)

    def demux(self, stream):
        for packet in self._container.demux(stream):
            if self._number in self._left:
                self._left -= set() if self._always else {self._number}
                raise av.error.OSError(5, "Input/output error")
            self._number += 1
            yield packet


def faulty(monkeypatch, **how):
    opened = clip_module.open_container
    monkeypatch.setattr(clip_module, "open_container", lambda *arguments: Faulty(opened(*arguments), **how))


def test_a_place_that_cannot_be_read_is_passed(mp4, monkeypatch):
    clip = Clip(mp4)
    faulty(monkeypatch, at=[5, 12])
    frames = list(clip.frames(loop=False))
    assert len(frames) == 23  # each fault took the packet that was being read
    assert clip.findings.discarded == {"error": 2}


def test_a_file_that_cannot_be_read_on_begins_again(mp4, monkeypatch):
    clip = Clip(mp4)
    faulty(monkeypatch, at=[12], always=True)
    frames = list(islice(clip.frames(loop=True), 36))
    assert [number for number, frame in enumerate(frames) if frame.is_key_frame] == [0, 10, 12, 22, 24, 34]
    assert set(decode_steps(frames)) == {FRAME}
    assert clip.findings.discarded["error"] == 2 * MAX_READ_ERRORS
    [told] = clip.findings.warnings
    assert "has a place that cannot be read: Input/output error" in told


def test_a_file_that_cannot_be_read_at_all_is_a_reason(mp4, monkeypatch):
    clip = Clip(mp4)
    faulty(monkeypatch, at=[0], always=True)
    with pytest.raises(SourceError, match="cannot be read to its end: Input/output error"):
        next(clip.frames(loop=True))


def test_a_file_that_became_another_is_a_reason(mp4, monkeypatch, make_clip):
    clip = Clip(mp4)
    sound = make_sound(Path(mp4).with_name("sound.mkv"))
    opened = clip_module.open_container
    monkeypatch.setattr(clip_module, "open_container", lambda _path, options: opened(sound, options))
    with pytest.raises(SourceError, match="has changed: its H\\.264 is not where it was"):
        next(clip.frames(loop=True))


def make_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame(format="s16", layout="mono", samples=800)
        sound.rate = 8000
        container.mux(stream.encode(sound))
    return str(path)


# --- parameter sets and start points


@pytest.fixture
def open_groups(make_clip, tmp_path):
    """A clip whose IDR was cut off: it begins at a recovery point, and its parameter sets are in its header only."""
    source = make_clip("open.mp4", frames=60, gop=15, b_frames=2, x264="open-gop=1")
    samples = samples_of(source)
    first = next(number for number, each in enumerate(samples) if number and each.is_key)
    kept = [each for each in samples[first:] if each.pts >= samples[first].pts]
    lasts = kept[1].duration
    for number, each in enumerate(kept):  # without a hole where pictures were cut out
        each.dts, each.duration = kept[0].pts + (number - 2) * lasts, lasts
    return remuxed(source, tmp_path / "recovery.mp4", kept)


def kinds_of(frame):
    return [nal_type(unit) for unit in split_access_unit(frame.data)]


def test_a_clip_without_an_idr_begins_at_a_recovery_point_with_the_containers_parameter_sets(open_groups):
    frames = once(open_groups)
    assert not any(5 in kinds_of(frame) for frame in frames)
    starts = [frame for frame in frames if frame.is_key_frame]
    assert len(starts) >= 3
    assert all(kinds_of(frame)[:2] == [7, 8] for frame in starts)
    assert frames[0] is starts[0]
    assert pictures(frames) == pictures_of_ffmpeg(open_groups)
    assert len(pictures(frames)) == len(samples_of(open_groups))


def test_each_pass_begins_with_the_containers_parameter_sets(open_groups):
    count = len(once(open_groups))
    frames = looped(open_groups, 2 * count)
    assert kinds_of(frames[count])[:2] == [7, 8]
    assert shown_steps(frames) == {FRAME}


def test_an_intra_picture_alone_is_no_start_point(make_clip, tmp_path):
    """A container's flag is not enough: a recovery point or an IDR is."""
    source = make_clip("flags.mp4", frames=25)
    samples = samples_of(source)
    for each in samples:
        each.is_key = True
    frames = once(remuxed(source, tmp_path / "flags.mp4", samples))
    assert [number for number, frame in enumerate(frames) if frame.is_key_frame] == [0, 10, 20]


def without_sets(path, target):
    """A copy whose configuration record has no parameter sets; the bytes after the record stay."""
    data = Path(path).read_bytes()
    at = data.index(b"avcC") + 4
    record = data[at : at + int.from_bytes(data[at - 8 : at - 4], "big") - 8]
    empty = record[:5] + b"\xe0\0"
    return patched(path, target, record, empty + bytes(len(record) - len(empty)))


def test_a_clip_without_parameter_sets_says_so(mp4, tmp_path):
    path = without_sets(mp4, tmp_path / "none.mp4")
    with pytest.raises(SourceError, match=r"none\.mp4 has no parameter sets \(SPS and PPS\), neither in its header"):
        next(Clip(path).frames(loop=True))


def test_a_header_that_is_damaged_says_so(mp4, tmp_path):
    data = Path(mp4).read_bytes()
    at = data.index(b"avcC") + 4
    path = patched(mp4, tmp_path / "damaged.mp4", data[at : at + 8], data[at : at + 5] + b"\xff\xff\xff")
    with pytest.raises(SourceError, match=r"damaged\.mp4 (has a damaged header|has no H\.264|cannot be opened)"):
        Clip(path)


def sets_of(path):
    return Clip(path).format.parameter_sets


@pytest.fixture
def replaced_pps(make_clip, tmp_path):
    """Two groups of pictures; behind the last picture of the first comes the PPS of the second, with the same id. A
    decoder that has the other PPS reads the slices with the wrong entropy coding."""
    common = "8x8dct=1:bframes=0"
    one = make_clip("cabac.mp4", frames=10, x264=f"{common}:cabac=1")
    other = make_clip("cavlc.mp4", frames=10, x264=f"{common}:cabac=0")
    (sps, pps), (same_sps, other_pps) = sets_of(one), sets_of(other)
    assert sps == same_sps
    assert pps != other_pps
    first, second = samples_of(one), samples_of(other)
    first[-1] = with_units(first[-1], behind=[other_pps])
    return remuxed(one, tmp_path / "replaced.mp4", stamped(first + second, range(20)), Fraction(1, 25))


def test_a_replaced_pps_is_in_force_from_the_next_picture_on(replaced_pps):
    frames = looped(replaced_pps, 40)
    wanted = pictures_of_ffmpeg(replaced_pps)
    assert pictures(frames) == wanted * 2
    assert len(wanted) == 20


def test_a_snapshot_decodes_with_the_parameter_sets_in_force(replaced_pps):
    frame = once(replaced_pps)[10]
    assert frame.is_key_frame
    assert pictures([frame]) == pictures_of_ffmpeg(replaced_pps)[10:11]


def test_parameter_sets_in_a_sample_of_their_own_go_with_the_next_picture(replaced_pps, tmp_path):
    samples = samples_of(replaced_pps)
    other_pps = bytes(split_sample(memoryview(samples[9].data), 4)[-1])
    assert nal_type(other_pps) == NalType.PPS
    samples[9].data = samples[9].data.removesuffix(length_prefixed(other_pps))
    alone = Sample(length_prefixed(other_pps), None, None, 1, is_key=False)
    stamps = [*range(0, 20, 2), 19, *range(20, 40, 2)]
    parts = stamped([*samples[:10], alone, *samples[10:]], stamps)
    path = remuxed(replaced_pps, tmp_path / "alone.mp4", parts, Fraction(1, 50))
    clip = Clip(path)
    frames = list(clip.frames(loop=False))
    assert len(frames) == 20
    assert not clip.findings.discarded
    assert pictures(frames) == pictures_of_ffmpeg(replaced_pps)


# --- looking into a file


@pytest.fixture
def mid_group_ts(make_clip, tmp_path):
    """A recording that was begun in the middle of a long group of pictures: its first IDR comes after 9 s."""
    source = annex_b_of(make_clip("long.mp4", frames=500, gop=250), tmp_path)
    samples = stamped(samples_of(source)[25:], range(475))
    assert not samples[0].is_key
    return remuxed(source, tmp_path / "mid.ts", samples, Fraction(1, 25))


def test_a_recording_that_begins_in_the_middle_of_a_group_plays_from_its_first_idr(mid_group_ts):
    clip = Clip(mid_group_ts)
    frames = list(clip.frames(loop=False))
    assert (clip.format.width, clip.format.height, clip.format.rate_hz) == (320, 240, 25)
    assert len(frames) == 250
    assert frames[0].is_key_frame
    assert pictures(frames) == pictures_of_ffmpeg(mid_group_ts)


def test_a_file_is_given_up_where_no_decoder_could_begin(mp4, tmp_path, monkeypatch):
    samples = [each for each in samples_of(mp4) if not each.is_key]
    path = remuxed(mp4, tmp_path / "nothing.mp4", samples)
    monkeypatch.setattr(clip_module, "MAX_LEAD_BYTES", sum(len(each.data) for each in samples[:5]))
    assert MAX_LEAD_BYTES > 10 << 20
    reads = []
    real = clip_module.AccessUnitReader.read
    monkeypatch.setattr(
        clip_module.AccessUnitReader, "read", lambda reader, packet: reads.append(packet) or real(reader, packet)
    )
    with pytest.raises(SourceError, match="has no key frame to begin with"):
        next(Clip(path).frames(loop=True))
    assert len(reads) == 6


def test_a_rotation_is_known(mp4, tmp_path):
    path = rotated(mp4, tmp_path / "rotated.mp4")
    assert Clip(mp4).format.rotation_degrees == 0
    assert Clip(path).format.rotation_degrees == -90


def test_a_start_code_of_four_bytes_is_before_every_unit(mp4):
    assert all(frame.data.startswith(START_CODE) for frame in once(mp4))
