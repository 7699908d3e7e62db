"""When a frame was exposed: what RTCP says of it is the instant that the sensor's clock gave, to a millisecond."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.rtsp.reader import MediaPacket
from tests.support.witness import Witness

WATCHED_S: Final = 6.0
"""Sender reports come every few seconds; one is enough to date every frame."""
LIMIT_NS: Final = 1_000_000
FRAME_NS: Final = 1_000_000_000 // 30
"""The quickest frame arrives before the next is exposed: so it is dated by its own exposure and no other's."""
SENDER_REPORT: Final = 200
NTP_TO_UNIX_S: Final = 2_208_988_800


@dataclass(frozen=True, slots=True)
class SenderReport:
    """RFC 3550 section 6.4.1: an instant in UTC and the RTP time stamp that stands for it."""

    wall_ns: int
    rtp_timestamp: int

    def wall_ns_of(self, packet: MediaPacket) -> int:
        """Return when the packet's frame was exposed."""
        ticks = (packet.rtp_timestamp - self.rtp_timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        return self.wall_ns + ticks * 1_000_000_000 // 90_000


def sender_report(data: bytes) -> SenderReport:
    """Read the report that a compound packet begins with."""
    seconds, fraction, rtp_timestamp = (int.from_bytes(data[start : start + 4]) for start in (8, 12, 16))
    return SenderReport((seconds - NTP_TO_UNIX_S) * 10**9 + (fraction * 10**9 >> 32), rtp_timestamp)


def nearest(instants: Sequence[int], instant: int) -> int:
    """Return that of the sorted `instants` which is nearest."""
    index = bisect_left(instants, instant)
    return min(instants[max(0, index - 1) : index + 1], key=lambda each: abs(each - instant))


@pytest.fixture(scope="module")
def packets(camera):
    """What each stream sent at the same time, by its name."""
    with Witness(camera.url("main"), "tcp") as main, Witness(camera.url("sub"), "tcp") as sub:
        time.sleep(WATCHED_S)
        return {"main": main.stop().packets, "sub": sub.stop().packets}


@pytest.mark.parametrize("name", ["main", "sub"])
def test_a_frame_is_dated_to_its_exposure(camera, packets, name, record_property):
    captures = camera.bench.captures()
    exposures = [wall_ns for _sensor_ns, wall_ns in captures]
    wall_since_monotonic_ns = captures[-1][1] - captures[-1][0]
    reports = [packet.data for packet in packets[name] if packet.kind == "rtcp" and packet.data[1] == SENDER_REPORT]
    assert reports, "no sender report"
    report = sender_report(reports[-1])
    errors_ns, ages_ns = [], []
    for packet in packets[name]:
        if packet.kind == "rtp" and packet.has_marker:
            wall_ns = report.wall_ns_of(packet)
            exposed_ns = nearest(exposures, wall_ns)
            errors_ns.append(abs(wall_ns - exposed_ns))
            ages_ns.append(round(packet.arrived * 1e9) + wall_since_monotonic_ns - exposed_ns)
    record_property(f"{name}_worst_error_us", max(errors_ns) // 1000)
    assert max(errors_ns) < LIMIT_NS
    assert 0 < min(ages_ns) < FRAME_NS
