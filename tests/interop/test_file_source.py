"""Files as streams: they loop without a seam, and one that is missing keeps nobody else from playing."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import pytest

from tests.support.hiccups import until_calm
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
