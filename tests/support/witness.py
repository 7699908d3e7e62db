"""A reader in a thread of its own that watches for as long as a test does something else, and then tells what it saw.

    with Witness(service.rtsp_url("main"), "udp") as witness:
        ...  # whatever must not disturb it
        seen = witness.stop()
    assert not seen.gaps

Called by the interop and runtime tests.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import TracebackType
from typing import Final, Self

from tests.support.rtsp.reader import MediaPacket, RtspReader, SequenceGap
from tests.support.rtsp.wire import Transport

FIRST_PACKET_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.02
_RTP_CLOCK_HZ: Final = 90_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness saw: its packets in order of arrival and the breaks in their sequence."""

    packets: tuple[MediaPacket, ...]
    gaps: tuple[SequenceGap, ...]

    @property
    def frames(self) -> list[MediaPacket]:
        """The last packet of each access unit."""
        return [packet for packet in self.packets if packet.kind == "rtp" and packet.has_marker]

    @property
    def media_times_s(self) -> list[float]:
        """The time stamp of each access unit, unwrapped, in seconds since the first."""
        times_s = [0.0]
        for earlier, later in pairwise(self.frames):
            ticks = (later.rtp_timestamp - earlier.rtp_timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
            times_s.append(times_s[-1] + ticks / _RTP_CLOCK_HZ)
        return times_s

    @property
    def media_steps_s(self) -> list[float]:
        """The time stamps' steps from one access unit to the next, in seconds."""
        return [later - earlier for earlier, later in pairwise(self.media_times_s)]

    @property
    def longest_pause_s(self) -> float:
        """The longest time without a complete access unit."""
        return max(later.arrived - earlier.arrived for earlier, later in pairwise(self.frames))

    @property
    def lateness_s(self) -> list[float]:
        """By how much each access unit came later (negative: earlier) than its time stamp and the median say."""
        offsets_s = [frame.arrived - time_s for frame, time_s in zip(self.frames, self.media_times_s, strict=True)]
        usual_s = median(offsets_s)
        return [offset_s - usual_s for offset_s in offsets_s]


class Witness:
    """See the module. Entering returns when a first packet is there; what ends the reader early is raised by `stop`."""

    def __init__(self, url: str, transport: Transport) -> None:
        self.reader = RtspReader(url, transport)
        self._packets: list[MediaPacket] = []
        self._failure: Exception | None = None
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"witness of {url} over {transport}")

    def __enter__(self) -> Self:
        self.reader.start()
        self._thread.start()
        deadline = time.monotonic() + FIRST_PACKET_TIMEOUT_S
        while not self._packets:
            assert time.monotonic() < deadline, f"{self.reader.url}: nothing to see"
            time.sleep(_POLL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_stopping.set()
        self._thread.join()
        self.reader.close()

    def packets_since(self, arrived: float) -> Iterator[MediaPacket]:
        """Yield what has come after that time (monotonic) so far."""
        return (packet for packet in tuple(self._packets) if packet.arrived > arrived)

    def stop(self) -> Seen:
        """Stop watching and return what was seen; the session is left as it is."""
        self._is_stopping.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return Seen(tuple(self._packets), tuple(self.reader.gaps))

    def _watch(self) -> None:
        try:
            while not self._is_stopping.is_set():
                self._packets.extend(self.reader.packets(seconds=_POLL_S))
        except Exception as error:  # noqa: BLE001 - the thread's boundary
            self._failure = error
