"""A viewer that stays: one RTSP session, read all the time while a test does something to the camera.

with Viewer(service, "raw") as viewer:
    viewer.see(10)
    ...                      # the camera fails
    viewer.see(10)           # the same session shows pictures again
viewer.check()
"""

import subprocess
from itertools import groupby, pairwise
from typing import Final, Self

from tests.guest.service import GuestService
from tests.guest.waiting import DEADLINE_S
from tests.support.complaints import ffmpeg_complaints
from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.rtp import RtpPacket

_IDR: Final = 5
_HALF_CYCLE: Final = 1 << 31


class Viewer:
    """One session over TCP, and every packet of it."""

    def __init__(self, service: GuestService, stream: str) -> None:
        """Connect and say all up to PLAY, once the source has started, which takes it longer than DESCRIBE waits."""
        service.wait_for_frames(stream, 1)
        self._packets: list[bytes] = []
        self._pictures = 0
        self._reader = RtspReader(service.rtsp_url(stream), timeout_s=DEADLINE_S)
        try:
            self._reader.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self._reader.close()

    def see(self, pictures: int) -> None:
        """Read until so many more whole pictures came; TimeoutError if none comes, ConnectionError if it was ended."""
        wanted = self._pictures + pictures
        while self._pictures < wanted:
            packet = self._reader.next_rtp()
            self._packets.append(packet.data)
            self._pictures += packet.has_marker

    @property
    def access_units(self) -> list[list[bytes]]:
        """The NAL units of each picture."""
        return access_units(self._packets)

    @property
    def h264(self) -> bytes:
        """All that was seen, as Annex B."""
        return b"".join(map(annex_b, self.access_units))

    def check(self) -> None:
        """Whatever the camera did: no gap in the sequence, time goes forward, and it began with a key frame."""
        assert not self._reader.gaps
        first = {nal[0] & 0x1F for nal in self.access_units[0]}
        assert _IDR in first, f"the first picture is made of NAL units {first}"
        times = [timestamp for timestamp, _ in groupby(RtpPacket.parse(data).timestamp for data in self._packets)]
        steps = [(later - earlier) % (1 << 32) for earlier, later in pairwise(times)]
        assert all(0 < step < _HALF_CYCLE for step in steps), steps


def decode(h264: bytes, pixel_format: str = "gray") -> bytes:
    """Return the decoded pictures as raw bytes; AssertionError when the decoder has anything to complain of."""
    command = ["ffmpeg", "-nostdin", "-v", "warning", "-err_detect", "explode", "-f", "h264", "-i", "-"]
    output = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-fps_mode", "passthrough", "-"]
    done = subprocess.run([*command, *output], input=h264, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not ffmpeg_complaints(done.stderr.decode(errors="replace")), done.stderr
    return done.stdout
