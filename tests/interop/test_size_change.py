"""A stream whose picture changes its size: decoders were set up for the old one, so its sessions end and come again."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import pytest

from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.rtcp import says_goodbye
from tests.support.service import RunningService, running_service

RATE_HZ: Final = 25
FRAMES_A_SIZE: Final = 50
SIZES: Final = ((320, 240), (640, 360))


def encode(path: Path, width: int, height: int) -> bytes:
    """Return two seconds of Annex B in one size, a key frame each half second."""
    with av.open(str(path), "w", format="h264") as container:
        options = {"tune": "zerolatency", "x264-params": "keyint=12:scenecut=0:repeat-headers=1"}
        stream = container.add_stream("libx264", RATE_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(FRAMES_A_SIZE):
            picture = av.VideoFrame(width, height, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([60 + 3 * number]) * plane.buffer_size)
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("sizes")
    clip = folder / "two-sizes.h264"
    clip.write_bytes(b"".join(encode(folder / f"{width}.h264", width, height) for width, height in SIZES))
    with running_service(f'[streams.door]\nsource = "file"\npath = "{clip}"') as running:
        yield running


def profile_of(reader: RtspReader) -> bytes:
    """Return the fmtp line, which holds the parameter sets."""
    return next(line for line in reader.describe().body.splitlines() if line.startswith(b"a=fmtp:"))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_sessions_end_with_goodbye_and_a_new_one_gets_the_new_size(service, transport):
    ended = 'edge_streamer_sessions_ended_total{reason="stream_replaced"}'
    before = service.metrics()[ended]
    with RtspReader(service.rtsp_url("door"), transport) as reader:
        first = profile_of(reader)
        reader.setup()
        reader.play()
        reports = watch_to_the_end(reader, service, ended, before)
    assert service.metrics()[ended] == before + 1
    assert any(says_goodbye(report) for report in reports)
    with RtspReader(service.rtsp_url("door"), transport) as reader:
        assert profile_of(reader) != first
        reader.setup()
        reader.play()
        assert sum(1 for _packet in reader.packets(count=30)) == 30


def watch_to_the_end(reader: RtspReader, service: RunningService, ended: str, before: float) -> list[bytes]:
    """Read until the session is over (the picture changes every two seconds) and return its RTCP packets."""
    reports: list[bytes] = []
    deadline = time.monotonic() + 10
    while not any(says_goodbye(report) for report in reports):
        assert time.monotonic() < deadline, (service.metrics()[ended], before)
        try:
            reports.extend(packet.data for packet in reader.packets(seconds=0.25) if packet.kind == "rtcp")
        except ConnectionError:
            break
    return reports
