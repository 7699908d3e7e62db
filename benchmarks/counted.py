"""The server's half of a frame's way and nothing else: the process whose instructions `benchmarks.instructions` counts.

`python -m benchmarks.counted tcp 50` reads frames of 4 Mbit/s from a source process through a real supervisor,
publishes them and sends them to 50 readers at the end of real sockets. The clock is turned by hand, a thirtieth of a
second a frame, so that every run has the same timers, and each frame has arrived whole before the loop turns. The
source and the readers are processes of their own. RTSP requests, RTCP and HTTP are left out: they do not come with a
frame.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from msgspec.structs import replace

from edge_streamer.runtime.loop import Loop
from tests.support.frames import TICKS_A_FRAME, frame, key_frame
from tests.support.hall import Hall
from tests.support.loop import HandClock, turn_until
from tests.support.supervised import Supervised, message

FPS: Final = 30
GOP_FRAMES: Final = FPS
KEY_FRAME_BYTES: Final = 90_000
FRAME_BYTES: Final = 14_000
"""One key frame and 29 of these a second are 4 Mbit/s."""
MAX_READERS: Final = 200
WARM_UP_FRAMES: Final = GOP_FRAMES
COUNTED_FRAMES: Final = 4 * GOP_FRAMES
"""Whole groups of pictures, so that they have as many key frames as any four seconds."""
MARK_FUNCTION: Final = "getppid"
HANDSHAKE: Final = "handshake"
"""In place of a transport: no server, only what paces it, so that its cost can be taken off."""
_CAPTURE_DELAY_S: Final = 0.020
_HANDOFF_DELAY_S: Final = 0.001
_MAX_TURNS: Final = 20
"""A key frame takes two reads and so two turns; a frame that takes more than this does not come."""

_SOURCE: Final = """
send(READY)
with open({go!r}, "rb", 0) as go, open({sent!r}, "wb", 0) as sent, open({messages!r}, "rb") as messages:
    for length_bytes in {lengths_bytes!r}:
        data = messages.read(length_bytes)
        if not go.read(1):
            break
        send(data)
        sent.write(b"x")
wait()
"""
"""The source process's program: one frame for each byte that it reads from `go`, then a byte to `sent`."""


class Pace:
    """What makes every run the same: before each frame the readers' process empties its sockets and tells the source's
    process, which sends the frame and tells this one."""

    def __init__(self, folder: Path) -> None:
        self.go = str(folder / "go")
        self.sent = str(folder / "sent")
        for path in (self.go, self.sent):
            os.mkfifo(path)
        self._readers_pid = 0
        self._wanted = self._sent = -1

    def run_readers(self, empty: Callable[[], None], next_pipe: str) -> None:
        """Start the readers' process: it calls `empty` before each frame, and then writes to `next_pipe`."""
        asked, self._wanted = os.pipe()
        self._readers_pid = os.fork()
        if not self._readers_pid:
            try:
                os.close(self._wanted)
                tell = os.open(next_pipe, os.O_RDWR)  # does not wait for a reader, which may never come
                while os.read(asked, 1):
                    empty()
                    os.write(tell, b"x")
            finally:
                os._exit(0)
        os.close(asked)

    def open(self) -> None:
        """Wait until the other processes run."""
        self._sent = os.open(self.sent, os.O_RDONLY)

    def step(self) -> None:
        """Return when the readers have read everything and the next frame waits in the server's socket."""
        os.write(self._wanted, b"x")
        if not os.read(self._sent, 1):
            raise RuntimeError("the source has ended")

    def close(self) -> None:
        """Let the other processes end; the readers' one is waited for."""
        for descriptor in (self._wanted, self._sent):
            if descriptor >= 0:
                os.close(descriptor)
        if self._readers_pid:
            os.waitpid(self._readers_pid, 0)


def serve(transport: str, readers: int) -> int:
    """Take frames and send each to `readers` readers, the last `COUNTED_FRAMES` of them between two marks; return how
    many bytes were published."""
    clock = HandClock()
    with TemporaryDirectory(prefix="edge-streamer-counted-") as folder, ExitStack() as stack:
        loop = stack.enter_context(closing(Loop(clock)))
        hall = Hall(loop, transport, readers, stack)
        counters = hall.stream.counters
        bytes_before = counters.bytes
        frames = range(counters.frames + 1, counters.frames + 1 + WARM_UP_FRAMES + COUNTED_FRAMES)
        messages = [_message(index, clock.now + (index + 1) / FPS) for index in range(len(frames))]
        pace = stack.enter_context(closing(Pace(Path(folder))))
        pace.run_readers(hall.drain, pace.go)
        stack.enter_context(_source(loop, hall, messages, pace, Path(folder) / "messages"))
        pace.open()

        def take(count: int) -> None:
            pace.step()
            clock.advance(1 / FPS)
            _turn_until_published(loop, hall, count)

        _marked(take, frames)
        return counters.bytes - bytes_before


def take_steps() -> None:
    """Do what `serve` does for its pace, and nothing else, as often: its cost is no frame's."""
    with TemporaryDirectory(prefix="edge-streamer-counted-") as folder, closing(Pace(Path(folder))) as pace:
        pace.run_readers(lambda: None, pace.sent)
        pace.open()
        _marked(lambda _count: pace.step(), range(WARM_UP_FRAMES + COUNTED_FRAMES))


def _marked(take: Callable[[int], None], frames: range) -> None:
    """Call `take` for each of `frames`, with a mark after those that warm up and one at the end."""
    for count in frames[:WARM_UP_FRAMES]:
        take(count)
    mark()
    for count in frames[WARM_UP_FRAMES:]:
        take(count)
    mark()


def mark() -> None:
    """Call the C function at which valgrind is told to write its counts and begin anew: `MARK_FUNCTION`."""
    os.getppid()


def _message(index: int, arrives_at: float) -> bytes:
    """Return what the source writes for a frame, which the server reads at `arrives_at`."""
    media_time = (index + 1) * TICKS_A_FRAME
    is_key_frame = index % GOP_FRAMES == 0
    encoded = key_frame(media_time, KEY_FRAME_BYTES) if is_key_frame else frame(media_time, FRAME_BYTES)
    captured_ns, sent_ns = (round((arrives_at - delay_s) * 1e9) for delay_s in (_CAPTURE_DELAY_S, _HANDOFF_DELAY_S))
    return message(replace(encoded, captured_ns=captured_ns, sent_ns=sent_ns))


@contextmanager
def _source(loop: Loop, hall: Hall, messages: list[bytes], pace: Pace, path: Path) -> Iterator[None]:
    """Have the source's process feed the stream; it reads its messages from `path`."""
    path.write_bytes(b"".join(messages))
    lengths_bytes = [len(data) for data in messages]
    text = _SOURCE.format(go=pace.go, sent=pace.sent, messages=str(path), lengths_bytes=lengths_bytes)
    with _stand_in_for_pidfd() as tell_end:
        supervisor = Supervised(loop, text, streams=[hall.stream]).supervisor
        if supervisor.pid is None:
            raise RuntimeError("the source's process did not start")
        try:
            yield
        finally:
            supervisor.stop()
            supervisor.kill()
            tell_end()
            turn_until(loop, lambda: supervisor.is_stopped)


@contextmanager
def _stand_in_for_pidfd() -> Iterator[Callable[[], None]]:
    """Have the loop watch a pipe instead of the source's pidfd; yield what makes it readable.

    valgrind 3.19, which is Debian 12's, does not know pidfd_open(2).
    """
    readable_at_end, held = os.pipe()
    with patch("os.pidfd_open", lambda _pid: readable_at_end):
        yield lambda: os.close(held)


def _turn_until_published(loop: Loop, hall: Hall, count: int) -> None:
    for _ in range(_MAX_TURNS):
        if hall.stream.counters.frames >= count:
            return
        loop.turn()
    raise RuntimeError(f"frame {count} was not published in {_MAX_TURNS} turns")


def main() -> None:
    """Run what the command line asks for and print how many bytes were published."""
    parser = argparse.ArgumentParser(description="Frames from a source to readers, to be counted by valgrind.")
    parser.add_argument("transport", choices=("tcp", "udp", HANDSHAKE))
    parser.add_argument("readers", type=int, help=f"at most {MAX_READERS}")
    arguments = parser.parse_args()
    if not 0 < arguments.readers <= MAX_READERS:
        parser.error(f"at most {MAX_READERS} readers")
    if arguments.transport == HANDSHAKE:
        take_steps()
    else:
        print(serve(arguments.transport, arguments.readers))


if __name__ == "__main__":
    main()
