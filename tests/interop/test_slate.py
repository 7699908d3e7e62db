"""A source gives no picture for a while: its viewers get a slate, on the same time line, and then the picture again.

One service, every player, one outage; the tests look at what was recorded.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.complaints import ffmpeg_complaints
from tests.support.outage import no_picture, sources_of
from tests.support.players import FFMPEG, GSTREAMER, PYAV, Playing, Shown
from tests.support.service import RunningService, running_service
from tests.support.witness import Seen, Witness

ONE_STREAM: Final = """
[streams.main]
source = "testpattern"
width = 640
height = 360
fps = 15
bitrate_bps = 500_000
give_up_after_s = 5
"""
NO_CAMERA: Final = """
[streams.yard]
source = "v4l2"
device = "/dev/no-camera"
width = 640
height = 360
"""
FPS: Final = 15
BEFORE_S: Final = 6.0
"""GStreamer and the `-c copy` recorders have started by then."""
OUTAGE_S: Final = 9.0
"""Longer than `give_up_after_s`, and shorter than a process may take for its first picture."""
PICTURES: Final = 200
SLATE_WITHIN_S: Final = 5.0
"""The silence limit at 15 fps is 1.2 s; 0.75 s later the slate is due, the survey comes by twice a second, and the
process that encodes it takes half a second."""
PLAYERS: Final = {
    "ffmpeg-tcp": (FFMPEG, "tcp"),
    "ffmpeg-udp": (FFMPEG, "udp"),
    "gstreamer-tcp": (GSTREAMER, "tcp"),
    "gstreamer-udp": (GSTREAMER, "udp"),
    "pyav-tcp": (PYAV, "tcp"),
}
RECORDINGS: Final = {"mkv": ["-f", "matroska"], "mp4": ["-f", "mp4", "-movflags", "frag_keyframe+empty_moov"]}


@dataclass
class Recording:
    """What was seen of one outage."""

    readers: dict[str, Seen] = field(default_factory=dict)
    shown: dict[str, Shown] = field(default_factory=dict)
    files: dict[str, tuple[list[float], str]] = field(default_factory=dict)  # times of packets; complaints
    segments: list[int] = field(default_factory=list)  # pictures in each
    began: float = 0.0
    ended: float = 0.0
    status: dict[str, Any] = field(default_factory=dict)
    health: tuple[int, bytes] = (0, b"")
    metrics: dict[str, float] = field(default_factory=dict)
    snapshot: tuple[int, bytes] = (0, b"")
    late: Shown | None = None
    sessions_ended: dict[str, float] = field(default_factory=dict)
    log: str = ""


@contextmanager
def ffmpeg_copies(url: str, transport: str, *sink: str) -> Iterator[subprocess.Popen]:
    """An ffmpeg that records without decoding; at the block's end it is told to finish its file."""
    source = ["-rtsp_transport", transport, "-i", url, "-c", "copy"]
    command = ["ffmpeg", "-hide_banner", "-v", "warning", "-y", *source, *sink]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("slate")
    with running_service(ONE_STREAM) as service, ExitStack() as stack:
        return record(service, folder, stack)


def record(service: RunningService, folder: Path, stack: ExitStack) -> Recording:
    seen, url = Recording(), service.rtsp_url("main")
    witnesses = {transport: stack.enter_context(Witness(url, transport)) for transport in ("tcp", "udp")}
    playing = {
        name: stack.enter_context(Playing(player, url, transport, PICTURES))
        for name, (player, transport) in PLAYERS.items()
    }
    files = {name: folder / f"recording.{name}" for name in RECORDINGS}
    copying = [
        stack.enter_context(ffmpeg_copies(url, "tcp", *RECORDINGS[name], str(path))) for name, path in files.items()
    ]
    cut = ["-f", "segment", "-segment_time", "2", str(folder / "part-%03d.mkv")]
    copying.append(stack.enter_context(ffmpeg_copies(url, "udp", *cut)))
    time.sleep(BEFORE_S)
    seen.began = time.monotonic()
    with no_picture(service, "testpattern"):
        time.sleep(OUTAGE_S - 3.0)
        look_around(service, seen)
        seen.late = stack.enter_context(Playing(FFMPEG, url, "tcp", 2)).finish()
    seen.ended = time.monotonic()
    seen.shown = {name: each.finish() for name, each in playing.items()}
    for process in copying:
        process.communicate("q", timeout=20)
    seen.files = {name: read_back(path) for name, path in files.items()}
    seen.segments = [len(read_back(path)[0]) for path in sorted(folder.glob("part-*.mkv"))]
    seen.sessions_ended = {key: value for key, value in service.metrics().items() if "sessions_ended_total" in key}
    seen.readers = {transport: witness.stop() for transport, witness in witnesses.items()}
    seen.log = service.output
    return seen


def look_around(service: RunningService, seen: Recording) -> None:
    seen.status = json.loads(service.http("/api/v1/streams/main")[1])
    seen.health = service.http("/healthz")
    seen.metrics = service.metrics()
    seen.snapshot = service.http("/api/v1/streams/main/snapshot.jpg")


def read_back(path: Path) -> tuple[list[float], str]:
    """Return the times of the packets in a file, and what decoding all of it complains of."""
    asked = ["-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    listed = subprocess.run(["ffprobe", "-v", "error", *asked, path], capture_output=True, text=True, check=True)
    decode = ["ffmpeg", "-nostdin", "-hide_banner", "-v", "warning", "-i", path, "-f", "null", "-"]
    decoded = subprocess.run(decode, capture_output=True, text=True, check=True)
    return [float(line.strip(",")) for line in listed.stdout.split()], decoded.stderr


# --- the media


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_reader_sees_one_unbroken_stream_with_a_picture_a_second(recording, transport):
    seen = recording.readers[transport]
    assert seen.gaps == ()
    assert len({packet.ssrc for packet in seen.packets if packet.kind == "rtp"}) == 1
    assert min(seen.media_steps_s) > 0
    during = [frame.arrived for frame in seen.frames if recording.began + 0.5 < frame.arrived < recording.ended]
    assert during[0] < recording.began + SLATE_WITHIN_S
    expected = recording.ended - during[0]
    assert expected - 1.5 < len(during) < expected + 2.5


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_media_time_stands_for_the_time_that_passed(recording, transport):
    seen = recording.readers[transport]
    frames = seen.frames
    assert seen.media_times_s[-1] == pytest.approx(frames[-1].arrived - frames[0].arrived, abs=0.25)


@pytest.mark.parametrize("name", PLAYERS)
def test_players_go_on_and_complain_of_nothing(recording, name):
    shown = recording.shown[name]
    assert shown.faults == ()
    assert len(shown.times_s) == PICTURES
    assert shown.shortest_step_s > 0
    assert shown.longest_step_s < SLATE_WITHIN_S


def test_who_comes_during_the_outage_sees_the_slate(recording):
    assert recording.late.faults == ()
    assert len(recording.late.times_s) == 2


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_without_decoding_stays_whole(recording, name):
    times_s, complaints = recording.files[name]
    assert ffmpeg_complaints(complaints) == []
    steps_s = [later - earlier for earlier, later in pairwise(times_s[1:])]
    assert min(steps_s) > 0
    assert times_s[-1] - times_s[0] > OUTAGE_S + BEFORE_S / 2
    assert len([step_s for step_s in steps_s if 0.9 < step_s < 1.1]) >= OUTAGE_S - SLATE_WITHIN_S


def test_segments_are_cut_at_slates_too(recording):
    assert len(recording.segments) > (OUTAGE_S - SLATE_WITHIN_S) / 2
    assert min(recording.segments) > 0


def test_no_session_was_ended_by_the_service(recording):
    ended = {key: value for key, value in recording.sessions_ended.items() if value}
    assert all('reason="teardown"' in key or 'reason="peer_closed"' in key for key in ended), ended


# --- what is said meanwhile


def test_status_health_and_metrics_tell_the_truth(recording):
    status, label = recording.status, '{stream="main"}'
    assert (status["up"], status["slate_shown"]) == (False, True)
    assert status["slate_frames"] > 0
    assert status["last_frame_age_s"] > OUTAGE_S - 4.0
    assert recording.health[0] == 503
    assert recording.health[1].startswith(b"main: ")
    assert recording.metrics[f"edge_streamer_source_up{label}"] == 0
    assert recording.metrics[f"edge_streamer_source_slate_shown{label}"] == 1
    assert recording.metrics[f"edge_streamer_source_slate_frames_total{label}"] > 0


def test_a_snapshot_is_no_slate(recording):
    assert recording.snapshot[0] == 503, recording.snapshot


def test_the_log_says_when_the_slate_begins_and_ends(recording):
    assert recording.log.count("slate shown stream=main") == 1
    assert recording.log.count("slate ended stream=main reason=returned") == 1


# --- without a picture from the beginning


def test_a_camera_that_is_not_there_is_described_and_played(tmp_path):
    with running_service(NO_CAMERA, is_healthy=False) as service:
        url = service.rtsp_url("yard")
        with Playing(FFMPEG, url, "tcp", 3) as playing:
            shown = playing.finish()
        assert (shown.faults, len(shown.times_s)) == ((), 3)
        picture = tmp_path / "slate.png"
        grab = ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-frames:v", "1", picture]
        subprocess.run(grab, check=True, timeout=30)
        size = ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", picture]
        assert subprocess.run(size, capture_output=True, text=True, check=True).stdout.strip() == "640,360"
        assert service.http("/healthz")[0] == 503


def test_on_demand_nothing_is_encoded_for_nobody():
    with running_service(NO_CAMERA + "on_demand = true\n", is_healthy=False) as service:
        time.sleep(2.0)
        assert sources_of(service, "slate") == []
        assert "slate" not in service.output
        with Witness(service.rtsp_url("yard"), "tcp"):
            assert "slate shown stream=yard" in service.output
