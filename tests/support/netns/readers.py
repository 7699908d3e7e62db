"""The test's end of a reader process, and what can be said of what it measured.

port = lab.add_reader()
with reader_process(port) as reader:
    reader.open("it", url="rtsp://198.18.0.1:8554/mbit2")
    reader.wait_playing("it")
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.support.netns.client import Measured
from tests.support.netns.namespaces import ReaderPort

PLAYING_DEADLINE_S: Final = 15.0
CLOCK_HZ: Final = 90_000
LIVE_AGE_S: Final = 0.25
"""A frame that is no older than this, against the same reader's usual, is live: a quarter of the smallest budget's
second, and far above what scheduling adds."""
_REPOSITORY: Final = Path(__file__).parents[3]


class ReaderProcess:
    """A process with clients in one reader's namespace."""

    def __init__(self, port: ReaderPort) -> None:
        self.port = port
        with port.namespace.entered():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.netns.reader"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=_REPOSITORY,
                text=True,
            )

    def open(self, client: str, kind: str = "player", **options: Any) -> None:
        """Let a client of that kind begin; `options` as its class in `netns_client` takes them."""
        self._ask("open", client, kind=kind, options=options)

    def tell(self, client: str, action: str) -> None:
        """Let a client do something: see `netns_reader.ACTIONS`."""
        self._ask(action, client)

    def report(self, client: str, action: str = "report") -> Measured:
        """Return what a client has measured; `cleared` and `forget` are described in `netns_reader`."""
        return Measured(**self._ask(action, client))

    def wait_until(self, client: str, state: str) -> Measured:
        """Return when a client's state is that one; AssertionError when it ended or takes too long."""
        deadline = time.monotonic() + PLAYING_DEADLINE_S
        while time.monotonic() < deadline:
            measured = self.report(client)
            if measured.state == state:
                return measured
            assert not measured.ending, f"{client} of {self.port.address} ended: {measured.ending}"
            time.sleep(0.02)
        raise AssertionError(f"{client} of {self.port.address} is still {measured.state}, not {state}")

    def wait_playing(self, client: str) -> Measured:
        """Return when media has arrived."""
        self.wait_until(client, "playing")
        deadline = time.monotonic() + PLAYING_DEADLINE_S
        while not (measured := self.report(client)).packets:
            assert time.monotonic() < deadline, f"{client} of {self.port.address} plays and gets nothing"
            time.sleep(0.02)
        return measured

    def end(self) -> None:
        """End the process; its clients' sockets close with it."""
        with self._process:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _ask(self, action: str, client: str, **more: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": action, "client": client, **more}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the reader process of {self.port.address} has ended"
        return json.loads(answer)


@contextmanager
def reader_process(port: ReaderPort) -> Iterator[ReaderProcess]:
    """Give a reader process that ends with the block."""
    process = ReaderProcess(port)
    try:
        yield process
    finally:
        process.end()


# --- what the figures say


def frame_ages(frames: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """Return each frame's arrival and its age there: arrival minus RTP time, in seconds from an unknown origin."""
    ages: list[tuple[float, float]] = []
    media_s, previous = 0.0, frames[0][1] if frames else 0
    for arrived, rtp_time in frames:
        media_s += ((rtp_time - previous + (1 << 31)) % (1 << 32) - (1 << 31)) / CLOCK_HZ
        previous = rtp_time
        ages.append((arrived, arrived - media_s))
    return ages


def live_again_at(frames: Sequence[tuple[float, int]], stalled_at: float) -> float | None:
    """Return when a reader was at the live edge again after a stall, for good: the arrival of the first frame after
    which none is older than `LIVE_AGE_S` against those before the stall. None when it never was."""
    ages = frame_ages(frames)
    usual = median(age for arrived, age in ages if arrived < stalled_at)
    after = [(arrived, age - usual) for arrived, age in ages if arrived > stalled_at]
    late = [index for index, (_arrived, age) in enumerate(after) if age > LIVE_AGE_S]
    first_live = late[-1] + 1 if late else 0
    return after[first_live][0] if first_live < len(after) else None


def lateness(frames: Sequence[tuple[float, int]]) -> list[float]:
    """Return how much later than the earliest of them each frame came, on the stream's own clock, in seconds."""
    ages = [age for _arrived, age in frame_ages(frames)]
    return [age - min(ages) for age in ages]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
