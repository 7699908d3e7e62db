"""`timestamps = "sei"`: every picture says when it was exposed, also in recordings that were copied and not decoded."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import pytest

from edge_streamer.runtime.clock_lock import is_synchronised
from tests.support.browser.live_recorder import LiveRecorder, watch
from tests.support.frame_number import milliseconds_since, read_wall_ms
from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.reader import MediaPacket, RtspReader
from tests.support.rtsp.wire import Transport
from tests.support.service import RunningService, running_service
from tests.support.time_stamps import time_stamps_in

CONFIG: Final = '[streams.main]\nsource = "testpattern"\nwidth = 640\nheight = 360\nfps = 25\ntimestamps = "sei"\n'
FRAME_US: Final = 40_000
TICK_US: Final = 12  # 1/90000 s, rounded up
FRAMES: Final = 50
NTP_TO_UNIX_S: Final = 2_208_988_800
SENDER_REPORT: Final = 200


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(CONFIG) as running:
        yield running


def wall_us_by_report(report: bytes, rtp_timestamp: int) -> int:
    """Return the UTC that a sender report (RFC 3550 6.4.1) gives an RTP timestamp."""
    seconds, fraction, reported = (int.from_bytes(report[start : start + 4]) for start in (8, 12, 16))
    ticks = (rtp_timestamp - reported + (1 << 31)) % (1 << 32) - (1 << 31)
    return (seconds - NTP_TO_UNIX_S) * 1_000_000 + (fraction * 1_000_000 >> 32) + ticks * 100 // 9


def whole_frames(packets: list[MediaPacket]) -> Iterator[tuple[int, bytes]]:
    """Return RTP timestamp and access unit of each frame that has arrived whole."""
    unit: list[bytes] = []
    for packet in packets:
        unit.append(packet.data)
        if packet.has_marker:
            [nal_units] = access_units(unit)
            yield packet.rtp_timestamp, annex_b(nal_units)
            unit = []


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_it_is_the_time_of_the_sender_report(service: RunningService, transport: Transport) -> None:
    with RtspReader(service.rtsp_url("main"), transport) as reader:
        reader.start()
        packets = list(reader.packets(seconds=2.0))
    [report, *_] = [each.data for each in packets if each.kind == "rtcp" and each.data[1] == SENDER_REPORT]
    frames = list(whole_frames([each for each in packets if each.kind == "rtp"]))
    assert len(frames) > FRAMES // 2
    for rtp_timestamp, data in frames:
        [stamp] = time_stamps_in(data)
        assert abs(stamp.wall_us - wall_us_by_report(report, rtp_timestamp)) <= 2 * TICK_US


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
def test_it_survives_a_recorder_that_copies(service: RunningService, tmp_path: Path, container: str) -> None:
    """The picture has a clock of its own drawn into it, of milliseconds: each picture carries its own time."""
    file = tmp_path / f"copied.{container}"
    record = [
        "-rtsp_transport",
        "tcp",
        "-i",
        service.rtsp_url("main"),
        "-frames:v",
        str(FRAMES),
        "-c",
        "copy",
        str(file),
    ]
    subprocess.run(["ffmpeg", "-v", "error", *record], timeout=60, check=True)
    unpack = ["-i", str(file), "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"]
    stream = subprocess.run(["ffmpeg", "-v", "error", *unpack], timeout=60, check=True, capture_output=True).stdout
    stamps = time_stamps_in(stream)
    with av.open(str(file)) as recording:
        shown_ms = [read_wall_ms(picture) for picture in recording.decode(video=0)]
    assert len(stamps) == len(shown_ms) == FRAMES
    late_ms = [milliseconds_since(shown, stamp.wall_us // 1000) for stamp, shown in zip(stamps, shown_ms, strict=True)]
    assert set(late_ms) <= {-1, 0, 1}
    assert {stamp.is_locked for stamp in stamps} == {is_synchronised()}


def test_ffmpeg_reads_it_as_what_it_is(service: RunningService) -> None:
    command = ["ffmpeg", "-hide_banner", "-rtsp_transport", "tcp", "-i", service.rtsp_url("main"), "-frames:v", "5"]
    trace = ["-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]
    read = subprocess.run([*command, *trace], timeout=60, check=True, capture_output=True, text=True).stderr
    assert read.count("User Data Unregistered") >= 5
    identifier = [int(line.rpartition("=")[2]) for line in read.splitlines() if "uuid_iso_iec_11578[" in line]
    assert bytes(identifier[:16]) == b"MISPmicrosectime"


def test_the_page_gets_it_too(service: RunningService) -> None:
    with LiveRecorder(service, "main") as recorder:
        watch(recorder, until=lambda: len(recorder.browser.fragments) >= 5)
        samples = [fragment.sample for fragment in recorder.browser.fragments]
    for sample in samples:
        assert sample.count(b"MISPmicrosectime") == 1
