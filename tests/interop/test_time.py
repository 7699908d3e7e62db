"""What time it was in front of the camera: the first reply says it, and the sender reports agree."""

import re
import subprocess
import time
from typing import Final

import pytest

from tests.support.players import scan_plugins
from tests.support.rtsp.instants import NTP_EPOCH_OFFSET_S, instant_in, instant_of
from tests.support.rtsp.joining import join
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import Transport
from tests.support.service import RunningService

TRANSPORTS: Final[tuple[Transport, ...]] = ("tcp", "udp")
FRAME_S: Final = 1 / 30
LONGEST_GROUP_S: Final = 10.0
KEY_FRAME_OF_ITS_OWN_S: Final = 1.1
"""Who joins this long after everybody else is sent a new key frame and nothing older."""
_SEGMENT: Final = re.compile(r"\(type: segment .*? start=\(guint64\)(\d+), .*? time=\(guint64\)(\d+),")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("starts_with", "watched_s"), [("a new key frame", 0.5), ("the cached frames", 5.5)])
def test_play_and_the_sender_reports_give_a_packet_the_same_time(
    service: RunningService, transport: Transport, starts_with: str, watched_s: float
) -> None:
    if starts_with == "the cached frames":  # since the key frame that this viewer asks for
        join(service.rtsp_url("main"), transport)
    else:
        time.sleep(KEY_FRAME_OF_ITS_OWN_S)
    with RtspReader(service.rtsp_url("main"), transport) as reader:
        began = time.time()
        promised = instant_in(reader.start())
        first = reader.next_rtp()
        reports = [packet.data for packet in reader.packets(seconds=watched_s) if packet.kind == "rtcp"]
    assert began - LONGEST_GROUP_S < promised < time.time()
    assert len(reports) >= watched_s // 5 + 1, "one right behind the first frames, and one at each interval"
    for report in reports:
        assert instant_of(report, first.rtp_timestamp) == pytest.approx(promised, abs=FRAME_S)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_gstreamer_reads_the_time_of_its_first_picture_in_the_reply(
    service: RunningService, transport: Transport
) -> None:
    """It makes the time the stream time of its segment, in nanoseconds since 1900."""
    scan_plugins()
    began = time.time()
    source = f"rtspsrc location={service.rtsp_url('main')} protocols={transport}"
    pipeline = f"{source} ! rtph264depay ! fakesink silent=false num-buffers=30"
    played = subprocess.run(["gst-launch-1.0", "-v", *pipeline.split()], capture_output=True, text=True, timeout=30)
    segment = _SEGMENT.search(played.stdout)
    assert segment is not None, played.stderr
    assert began - LONGEST_GROUP_S < int(segment[2]) / 1e9 - NTP_EPOCH_OFFSET_S < time.time()
