"""Real recorders and players at the service, each on another host, each with a name and a password: what did they get?

A program has got a picture when it has written it, or packets that decode to it; the picture says its own number. So
"none is missing" means that each frame which the service sent from the first of these pictures to the last was got.
"""

import re
import shlex
import time
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from tests.recorders.catalog import (
    DATED_STREAM,
    FRAME_RATE_HZ,
    PASSWORD,
    PICTURES,
    RECORDERS,
    STREAM,
    USER,
    Recorder,
    mpv,
    openrtsp,
    vlc_command,
    zoneminder_ffmpeg,
)
from tests.support.netns.namespaces import SERVER_ADDRESS
from tests.support.netns.service import RTSP_PORT, NamespacedService
from tests.support.outage import no_picture

LIVE555_PLUGIN: Final = "usr/lib/x86_64-linux-gnu/vlc/plugins/access/liblive555_plugin.so"
SAMPLED: Final = 2 / 3
"""motion looks for the newest picture three times as often as there is one, but not while it has no CPU."""
SLATES: Final = 3
OUTAGE_DEADLINE_S: Final = 30.0
SESSION: Final = re.compile(r"session opened .*transport=(\w+) client=(\w+) user=(\S+)")


@pytest.mark.parametrize("recorder", RECORDERS, ids=lambda recorder: recorder.id)
def test_a_recorder_gets_every_picture(record, service, recorder) -> None:
    before = len(service.output)
    with record(recorder.command) as recording:
        recording.wait(files=recorder.files)
        numbers, log = recording.frame_numbers(), recording.log
    check_pictures(numbers, recorder)
    sessions = {(transport, user) for transport, _client, user in SESSION.findall(service.output[before:])}
    assert sessions == {(recorder.transport.lower(), USER)}
    assert recorder.complaints(log) == []


def check_pictures(numbers: Sequence[int], recorder: Recorder) -> None:
    """Assert that each frame which was sent meanwhile is there once and in order."""
    sent = range(numbers[0], numbers[-1] + 1)
    if recorder.samples:
        assert list(numbers) == sorted(numbers)
        assert len(set(numbers)) >= len(sent) * SAMPLED
    else:
        assert list(numbers) == list(sent)
    assert len(set(numbers)) >= PICTURES * SAMPLED if recorder.samples else len(numbers) >= PICTURES


def test_zoneminder_takes_pictures_with_their_time_in_them(record) -> None:
    """With type Ffmpeg only: its own source joins an SEI and the packet after it to one damaged NAL unit."""
    recorder = zoneminder_ffmpeg("UDP", "rtpUni", stream=DATED_STREAM)
    with record(recorder.command) as recording:
        recording.wait(files=recorder.files)
        check_pictures(recording.frame_numbers(), recorder)


def test_vlc_without_its_live555_plugin_says_that_it_cannot_open_the_address(record, service) -> None:
    """As Debian 12 and 13 have it: no package of theirs has the plugin."""
    before = len(service.output)
    command = shlex.join(vlc_command("--no-plugins-cache"))
    with record(("sh", "-c", f"{command} || true"), masks=[LIVE555_PLUGIN]) as recording:
        recording.wait()
        said = recording.log
    assert "VLC is unable to open the MRL" in said
    assert "satip stream error: Failed to setup RTSP session" in said
    assert "session opened" not in service.output[before:]


@pytest.mark.parametrize("password", [PASSWORD, "of-another-camera"])
def test_motioneye_offers_the_camera_whatever_the_password_is(record, password) -> None:
    """It sends OPTIONS alone, which has no login, and would take a request for Digest as a right password."""
    probe = (
        "python3",
        "/opt/recorders/motioneye_probe.py",
        SERVER_ADDRESS,
        str(RTSP_PORT),
        f"/{STREAM}",
        USER,
        password,
    )
    with record(probe) as recording:
        recording.wait()
        assert recording.log.splitlines()[-1] == "['edge_streamerRTSP/TCP Camera', 'edge_streamerRTSP/UDP Camera']"


@pytest.mark.parametrize("recorder", [mpv("TCP", "tcp", login=f"{USER}:of-another-camera")], ids=["mpv"])
def test_a_wrong_password_gets_no_picture(record, service, recorder) -> None:
    before = len(service.output)
    with record(("sh", "-c", shlex.join(recorder.command) + " || true")) as recording:
        recording.wait()
        assert recording.log.count("401") >= 1
    assert "session opened" not in service.output[before:]


@pytest.mark.parametrize(
    "recorder", [openrtsp("TCP", "-t", seconds=25), openrtsp("UDP", seconds=25)], ids=["TCP", "UDP"]
)
def test_live555s_client_records_through_an_outage_in_one_session(record, service, recorder) -> None:
    """The recording has pictures of before the outage, slates, and the pictures of the source that has returned."""
    before, slates = len(service.output), slate_frames(service)
    with record(recorder.command) as recording:
        wait_until(lambda: "session opened" in service.output[before:])
        time.sleep(2.0)
        with no_picture(service, "testpattern"):
            wait_until(lambda: slate_frames(service) >= slates + SLATES)
        wait_until(lambda: service.metrics()[f'edge_streamer_source_up{{stream="{STREAM}"}}'] == 1)
        recording.wait()
        numbers, log = recording.frame_numbers(), recording.log
    assert len(SESSION.findall(service.output[before:])) == 1
    assert "reason=teardown" in service.output[before:]
    for part in (numbers[:FRAME_RATE_HZ], numbers[-FRAME_RATE_HZ:]):
        assert part == list(range(part[0], part[0] + FRAME_RATE_HZ))
    assert len(numbers) > 3 * FRAME_RATE_HZ
    assert recorder.complaints(log) == []


def slate_frames(service: NamespacedService) -> float:
    return service.metrics()[f'edge_streamer_source_slate_frames_total{{stream="{STREAM}"}}']


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + OUTAGE_DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
