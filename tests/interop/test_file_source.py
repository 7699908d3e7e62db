"""Files as streams: they loop without a seam, and one that is missing keeps nobody else from playing."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import pytest

from tests.support.hiccups import until_calm
from tests.support.odd_clips import remuxed, rotated, samples_of, stamped
from tests.support.players import FFPROBE, Playing, Shown
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import Response
from tests.support.service import RunningService, running_service
from tests.support.witness import Seen, Witness

CLIP_FRAMES: Final = 25
FRAME_RATE_HZ: Final = 25
LOOPS: Final = 4
WATCHED_S: Final = 5.0
CLIPS: Final = {"raw": ("raw.h264", 0), "film": ("film.mp4", 0), "reordered": ("reordered.mp4", 2)}
"""Stream -> file, and how many frames in a row are shown later than they are sent."""


def make_clip(path: Path, b_frames: int) -> None:
    """Encode one second: a grey that brightens."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", FRAME_RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FRAME_RATE_HZ)
        stream.codec_context.max_b_frames = b_frames
        for number in range(CLIP_FRAMES):
            picture = av.VideoFrame(320, 240, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([60 + 4 * number]) * plane.buffer_size)
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Three clips, a test pattern and a file that does not exist."""
    folder = tmp_path_factory.mktemp("clips")
    tables = ['[streams.main]\nsource = "testpattern"\nwidth = 320\nheight = 240\nbitrate_bps = 200_000']
    for name, (file_name, b_frames) in CLIPS.items():
        make_clip(folder / file_name, b_frames)
        tables.append(f'[streams.{name}]\nsource = "file"\npath = "{folder / file_name}"')
    tables.append(f'[streams.gone]\nsource = "file"\npath = "{folder / "gone.mp4"}"')
    with running_service("\n\n".join(tables), is_healthy=False) as running:
        wait_until_only_one_is_down(running)
        yield running


def wait_until_only_one_is_down(service: RunningService) -> None:
    deadline = time.monotonic() + 15
    while len(service.http("/healthz")[1].splitlines()) > 1:
        assert time.monotonic() < deadline, service.output
        time.sleep(0.02)


@pytest.fixture(scope="module")
def described(service: RunningService) -> tuple[Response, float, dict[str, Seen], Shown]:
    """DESCRIBE of the missing file and how long it took, what readers of the others saw meanwhile and a player."""
    return until_calm(lambda: describe(service), limit_s=0.1)


def describe(service: RunningService) -> tuple[Response, float, dict[str, Seen], Shown]:
    pictures = LOOPS * CLIP_FRAMES
    with ExitStack() as stack:
        watched = ("main", "raw", "film")
        witnesses = {name: stack.enter_context(Witness(service.rtsp_url(name), "udp")) for name in watched}
        playing = stack.enter_context(Playing(FFPROBE, service.rtsp_url("reordered"), "tcp", pictures))
        reader = stack.enter_context(RtspReader(service.rtsp_url("gone"), timeout_s=3 * WATCHED_S))
        asked = time.monotonic()
        response = reader.describe()
        taken_s = time.monotonic() - asked
        time.sleep(WATCHED_S)
        return response, taken_s, {name: one.stop() for name, one in witnesses.items()}, playing.finish()


@pytest.mark.parametrize("name", ["raw", "film"])
def test_a_file_loops_without_a_seam(described, name):
    seen = described[2][name]
    assert len(seen.frames) > LOOPS * CLIP_FRAMES
    assert seen.gaps == ()
    assert {round(1000 * step_s) for step_s in seen.media_steps_s} == {1000 // FRAME_RATE_HZ}
    assert seen.longest_pause_s < 0.25


def test_a_file_with_reordered_frames_is_shown_in_order_over_its_seams(described):
    shown = described[3]
    assert shown.faults == ()
    assert len(shown.times_s) == LOOPS * CLIP_FRAMES
    assert shown.shortest_step_s > 0
    assert shown.longest_step_s < 1.5 / FRAME_RATE_HZ


def test_health_names_the_file_that_is_missing(service):
    status, body = service.http("/healthz")
    assert status == 503
    assert body.startswith(b"gone: ")
    assert b"gone.mp4 does not exist" in body


def test_a_stream_whose_source_has_failed_answers_503_without_waiting(described):
    """At once while it is down, and when it has failed again while it is being tried."""
    response, taken_s, *_others = described
    assert response.status == 503
    assert taken_s < 3.0


def test_the_other_streams_do_not_notice(described):
    seen = described[2]["main"]
    assert seen.gaps == ()
    assert seen.longest_pause_s < 0.25


# --- files that are odd


HOLE_S: Final = 12
LAPSE_S: Final = 11


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A time-lapse, a recording with a hole, one with a damaged access unit, one that begins at a recovery point, and a
    phone's."""
    folder = tmp_path_factory.mktemp("odd")
    make_clip(folder / "plain.mp4", 0)
    plain = str(folder / "plain.mp4")
    samples = samples_of(plain)
    remuxed(plain, folder / "lapse.mp4", stamped(samples[:1] * 3, range(3)), Fraction(LAPSE_S))
    stamps = [*range(10), *range(10 + FRAME_RATE_HZ * HOLE_S, CLIP_FRAMES + FRAME_RATE_HZ * HOLE_S)]
    remuxed(plain, folder / "hole.mp4", stamped(samples, stamps), Fraction(1, FRAME_RATE_HZ))
    torn = stamped(samples, range(CLIP_FRAMES))
    torn[5].data = b"\xff\xff" + torn[5].data[2:]
    remuxed(plain, folder / "torn.mp4", torn, Fraction(1, FRAME_RATE_HZ))
    rotated(plain, folder / "phone.mp4")
    make_recovery(folder)
    names = ("lapse", "hole", "torn", "phone", "recovery")
    tables = [f'[streams.{name}]\nsource = "file"\npath = "{folder / name}.mp4"' for name in names]
    with running_service("\n\n".join(tables)) as running:
        yield running


def make_recovery(folder: Path) -> None:
    """Encode open groups of pictures and cut the first off: no IDR is left, and no parameter sets but the header's."""
    with av.open(str(folder / "open.mp4"), "w") as container:
        stream = container.add_stream("libx264", FRAME_RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FRAME_RATE_HZ)
        stream.options = {"x264-params": "open-gop=1:keyint=10:min-keyint=10:bframes=0:scenecut=0"}
        for number in range(50):
            picture = av.VideoFrame(320, 240, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([60 + 3 * number]) * plane.buffer_size)
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    samples = samples_of(str(folder / "open.mp4"))[10:]
    stamps = range(len(samples))
    remuxed(str(folder / "open.mp4"), folder / "recovery.mp4", stamped(samples, stamps), Fraction(1, FRAME_RATE_HZ))


@pytest.fixture(scope="module")
def watched(odd: RunningService) -> dict[str, Seen]:
    """What readers saw of the odd files in the time of two of their longest steps."""
    with ExitStack() as stack:
        names = ("lapse", "hole", "torn", "recovery")
        witnesses = {name: stack.enter_context(Witness(odd.rtsp_url(name), "tcp")) for name in names}
        time.sleep(2 * HOLE_S + 3)
        return {name: witness.stop() for name, witness in witnesses.items()}


def test_a_time_lapse_is_sent_at_its_own_pace(watched, odd):
    """The first frame is of the cache: it was sent before."""
    seen = watched["lapse"]
    assert 2 <= len(seen.frames) <= 4
    assert seen.media_steps_s == pytest.approx([LAPSE_S] * (len(seen.frames) - 1), abs=0.01)
    with RtspReader(odd.rtsp_url("lapse")) as reader:
        described = reader.describe()
    bandwidth = next(line for line in described.body.decode().splitlines() if line.startswith("b=AS:"))
    assert int(bandwidth.removeprefix("b=AS:")) < 100


def test_a_hole_lasts_as_long_as_it_does(watched):
    seen = watched["hole"]
    steps = {round(step_s, 2) for step_s in seen.media_steps_s}
    assert steps <= {0.04, HOLE_S + 0.04}
    assert HOLE_S + 0.04 in steps
    assert seen.longest_pause_s == pytest.approx(HOLE_S + 0.04, abs=1)


def test_what_is_damaged_costs_its_own_picture_only(watched, odd):
    steps = [round(step_s, 2) for step_s in watched["torn"].media_steps_s]
    assert set(steps) == {0.04, 0.08}
    metrics = odd.metrics()
    assert metrics['edge_streamer_source_discarded_buffers_total{reason="torn",stream="torn"}'] > 10
    assert metrics['edge_streamer_source_restarts_total{reason="exited",stream="torn"}'] == 0
    assert odd.output.count("has a damaged access unit") == 1


def test_a_viewer_starts_at_a_recovery_point(watched, odd):
    seen = watched["recovery"]
    assert {round(step_s, 2) for step_s in seen.media_steps_s} == {0.04}
    assert seen.gaps == ()
    with Playing(FFPROBE, odd.rtsp_url("recovery"), "tcp", 30) as playing:
        shown = playing.finish()
    assert shown.faults == ()
    assert len(shown.times_s) == 30
    assert odd.http("/api/v1/streams/recovery/snapshot.jpg")[0] == 200


def test_a_rotation_is_told_in_status_and_log(odd):
    streams = {stream["name"]: stream for stream in json.loads(odd.http("/api/v1/streams")[1])}
    assert "is to be turned by -90 degrees" in streams["phone"]["encoder_reason"]
    assert "is to be turned by -90 degrees" in odd.output
    assert streams["lapse"]["up"] is True
