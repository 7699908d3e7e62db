"""Live video from the running service: what browsers are sent, kept as files that ffprobe and ffmpeg judge.

Chromium's judgement is in `tests/page`. Here nothing is shown, so every fragment can be looked at.
"""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import pytest

from edge_streamer.codec.frame import CLOCK_HZ
from tests.support.browser.live_recorder import LiveRecorder, watch, watch_for
from tests.support.complaints import ffmpeg_complaints
from tests.support.hiccups import until_calm
from tests.support.service import running_service

WATCH_S: Final = 5.0
FRAME_RATE_HZ: Final = {"main": 30, "sub": 15}
FIRST_FRAME_LIMIT_S: Final = 0.5
LATENESS_LIMIT_S: Final = 0.1


def probe(path: Path) -> list[dict[str, str]]:
    """Return what ffprobe says of each frame; AssertionError when it complains of the file."""
    command = [
        "ffprobe",
        "-v",
        "warning",
        "-of",
        "json",
        "-show_entries",
        "frame=pts,key_frame,width,height",
        str(path),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not ffmpeg_complaints(run.stderr)
    return json.loads(run.stdout)["frames"]


def decode(path: Path) -> None:
    """Decode all; AssertionError when ffmpeg complains of the file.

    The pictures keep their own times. At the frame rate, which the null muxer would round them to, two pictures that a
    busy machine has made within one interval have the same time, and FFmpeg complains of that.
    """
    output = ["-fps_mode", "passthrough", "-enc_time_base", f"1/{CLOCK_HZ}", "-f", "null", "-"]
    command = ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), *output]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, ffmpeg_complaints(run.stderr)) == (0, []), run.stderr


def test_two_pictures_of_one_moment_are_no_fault_and_a_torn_one_is(make_clip, tmp_path):
    """At 25 Hz, times 1/90000 s apart are the same; a busy machine makes such pictures after it was held up."""
    file = tmp_path / "close.mp4"
    with av.open(make_clip("even.mp4", frames=25)) as even, av.open(str(file), "w") as close:
        stream = close.add_stream_from_template(even.streams.video[0])
        stream.time_base = Fraction(1, CLOCK_HZ)
        for number, packet in enumerate(packet for packet in even.demux(video=0) if packet.size):
            packet.stream, packet.time_base = stream, Fraction(1, CLOCK_HZ)
            packet.pts = packet.dts = 3600 * number - (3599 if number == 7 else 0)
            close.mux(packet)
    assert [int(each["pts"]) for each in probe(file)][6:8] == [21_600, 21_601]
    decode(file)

    data = bytearray(file.read_bytes())
    data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
    file.write_bytes(data)
    with pytest.raises(AssertionError):
        decode(file)


@pytest.fixture(scope="module")
def recorded(service) -> Mapping[str, LiveRecorder]:
    """Each stream watched for a while, by stream."""

    def record() -> Mapping[str, LiveRecorder]:
        with LiveRecorder(service, "main") as main, LiveRecorder(service, "sub") as sub:
            watch_for(WATCH_S, main, sub)
            for recorder in (main, sub):
                recorder.leave()
        return {"main": main, "sub": sub}

    return until_calm(record, limit_s=LATENESS_LIMIT_S / 2)


@pytest.mark.parametrize("name", ["main", "sub"])
def test_what_is_sent_is_a_faultless_file_of_the_stream_as_it_is_made(recorded, tmp_path, name):
    browser = recorded[name].browser
    fragments, rate_hz = browser.fragments, FRAME_RATE_HZ[name]
    assert browser.order == "mi" + "".join("K" if each.is_key_frame else "f" for each in fragments)
    assert len(fragments) >= (WATCH_S - FIRST_FRAME_LIMIT_S) * rate_hz
    steps = {later.decode_time - earlier.decode_time for earlier, later in pairwise(fragments)}
    assert steps == {CLOCK_HZ // rate_hz}

    file = tmp_path / "live.mp4"
    file.write_bytes(browser.file)
    frames = probe(file)
    assert [frame["pts"] for frame in frames] == [each.decode_time for each in fragments]
    assert [frame["key_frame"] for frame in frames] == [int(each.is_key_frame) for each in fragments]
    said = browser.messages[0]
    assert {(frame["width"], frame["height"]) for frame in frames} == {(said["width"], said["height"])}
    decode(file)


@pytest.mark.parametrize("name", ["main", "sub"])
def test_the_picture_is_there_at_once_and_stays_live(recorded, name):
    recorder = recorded[name]
    assert recorder.arrived[0] - recorder.opened_at < FIRST_FRAME_LIMIT_S
    times_s = [each.decode_time / CLOCK_HZ for each in recorder.browser.fragments]
    delays_s = [arrived - time_s for arrived, time_s in zip(recorder.arrived, times_s, strict=True)]
    lateness_s = sorted(delay_s - min(delays_s) for delay_s in delays_s[FRAME_RATE_HZ[name] :])
    assert lateness_s[len(lateness_s) * 95 // 100] < LATENESS_LIMIT_S
    live_s = recorder.browser.said("live_s")
    assert len(live_s) >= WATCH_S - 1
    assert all(later - earlier == pytest.approx(1.0, abs=0.3) for earlier, later in pairwise(live_s))


def test_all_browsers_of_a_stream_are_sent_the_same_bytes(service):
    with ExitStack() as stack:
        recorders = [stack.enter_context(LiveRecorder(service, "main")) for _ in range(3)]
        watch_for(2.0, *recorders)
    by_time = [{each.decode_time: each.data for each in recorder.browser.fragments} for recorder in recorders]
    common = set.intersection(*(set(each) for each in by_time))
    assert len(common) > FRAME_RATE_HZ["main"]
    assert all(len({each[decode_time] for each in by_time}) == 1 for decode_time in common)


def test_a_browser_outlives_the_source_and_starts_one_that_nobody_else_wants(tmp_path):
    config = "[streams.yard]\nsource = 'testpattern'\nwidth = 320\nheight = 240\nfps = 15\non_demand = true\n"
    with running_service(config) as service, LiveRecorder(service, "yard") as recorder:
        watch(recorder, until=lambda: len(recorder.browser.fragments) >= 15)
        (child,) = service.child_pids
        os.kill(child, signal.SIGKILL)
        watch(recorder, until=lambda: service.child_pids not in ([child], []))
        before = len(recorder.browser.fragments)
        watch(recorder, until=lambda: len(recorder.browser.fragments) >= before + 15)
        service.stop()
        watch(recorder, until=lambda: recorder.is_closed)
        assert recorder.browser.close_code == 1001

    fragments = recorder.browser.fragments
    assert all(later.decode_time > earlier.decode_time for earlier, later in pairwise(fragments))
    file = tmp_path / "live.mp4"
    file.write_bytes(recorder.browser.file)
    assert [frame["pts"] for frame in probe(file)] == [each.decode_time for each in fragments]
    decode(file)
