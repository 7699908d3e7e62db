"""A supervisor with a real child process: a tiny program that sends bytes made here, on a clock turned by hand.

    def test_something(supervise, clock):
        source = supervise("send(READY, KEY); wait()")
        source.wait_for_frames(1)

A program has `READY`, `KEY` and `FRAME` to `send`, `note(event=..., ...)`, `picture(jpeg)`, `command()` for what the
server says next, `wait()` for its end, and `ignore_sigterm()`. The next start runs the next program; the last one is
repeated.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import dedent

import pytest

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import encode_frame_header, encode_note, encode_snapshot_header
from edge_streamer.protocol.source.request import AnyOutput, Options, Output, PatternOptions
from edge_streamer.runtime.children import ChildProcess
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.status import StreamStatus
from edge_streamer.services.supervision import process
from edge_streamer.services.supervision.life import LifeState
from edge_streamer.services.supervision.output import SourceOutput
from edge_streamer.services.supervision.spec import StreamPolicy
from edge_streamer.services.supervision.supervisor import SourceSupervisor
from edge_streamer.services.supervision.times import SourceTimes
from tests.support.frames import frame, key_frame
from tests.support.loop import turn_until

MAIN = Output("main", 640, 360, 30.0, 1_000_000, 2.0)
HEARD = {LifeState.STARTING, LifeState.UP, LifeState.FINISHING}
"""In these the supervisor takes what a child writes, once one runs."""
CAN_ALL = encode_note(0, event="ready", encoder="x264", fps=30, can_set_bitrate=True, can_set_fps=True)


def message(encoded: EncodedFrame, output: int = 0) -> bytes:
    return encode_frame_header(output, encoded) + encoded.data


PRELUDE = f"""
import json, os, signal, socket, sys, time
server = socket.socket(fileno=int(sys.argv[2]))
KEY = {message(key_frame(0))!r}
FRAME = {message(frame(3000))!r}
READY = {encode_note(0, event="ready", encoder="x264", width=640, height=360, fps=30, can_force_key_frame=True)!r}
CAN_ALL = {CAN_ALL!r}

def send(*parts):
    server.sendall(b"".join(parts))

def note(**values):
    body = json.dumps(values).encode()
    send({encode_note(0, x=1)[:8]!r}, len(body).to_bytes(4, "little"), bytes(32), body)

def picture(jpeg, output=0):
    header = {encode_snapshot_header(0, b"x")[:8]!r}
    send(header[:3], bytes([output]), header[4:], len(jpeg).to_bytes(4, "little"), bytes(32), jpeg)

def command():
    line = b""
    while not line.endswith(b"\\n"):
        line += server.recv(1) or sys.exit(0)
    return json.loads(line)

def ignore_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

def wait():
    while heard := server.recv(1000):
        if b'"stop"' in heard:
            sys.exit(0)
"""


@dataclass
class Programs:
    """What the supervisor takes for a `SourceSpec`; `started` has the outputs of each start."""

    texts: list[str]
    outputs: tuple[AnyOutput, ...] = (Output("main", fps=30.0),)
    kind: str = "testpattern"
    options: Options = field(default_factory=PatternOptions)
    started: list[tuple[AnyOutput, ...]] = field(default_factory=list)

    @property
    def starts(self) -> int:
        return len(self.started)

    def arguments(self) -> list[str]:
        text = self.texts[min(self.starts, len(self.texts) - 1)]
        self.started.append(self.outputs)
        return [sys.executable, "-I", "-S", "-c", PRELUDE + dedent(text)]


class Viewer:
    """Keeps what it gets."""

    batch_kind = None
    room_bytes = 1 << 20

    def __init__(self) -> None:
        self.frames = []

    def start(self, first) -> None: ...

    def deliver(self, packetized) -> None:
        self.frames.append(packetized)

    def on_fault(self, error: Exception) -> None:
        raise error


class Supervised:
    """A supervisor, its streams, and what it told."""

    def __init__(
        self,
        loop: Loop,
        *texts: str,
        outputs: tuple[AnyOutput, ...] = Programs.outputs,
        policies: tuple[StreamPolicy, ...] = (),
        streams: Sequence[Stream] = (),
        is_started: bool = True,
    ) -> None:
        """`streams` are new ones where none are given."""
        self.loop = loop
        self.programs = Programs(list(texts), outputs)
        self.streams = streams or [Stream(output.name, link_bitrate_bps=output.bitrate_bps) for output in outputs]
        self.times = SourceTimes()
        self.ended: list[str] = []
        self.over = 0
        self.on_given_up: Callable[[Stream], None] = lambda stream: None
        self.children: dict[int, ChildProcess] = {}  # by their process ids; filled by `supervise`
        self.supervisor = SourceSupervisor(
            loop, self.programs, self.streams, self.times, self._note_given_up, policies, self._note_over
        )
        if is_started:
            self.supervisor.start()

    def _note_given_up(self, stream: Stream) -> None:
        self.ended.append(stream.name)
        self.on_given_up(stream)

    def _note_over(self) -> None:
        self.over += 1

    @property
    def state(self) -> LifeState:
        return self.supervisor.state

    @property
    def output(self) -> SourceOutput:
        return self.supervisor.outputs[0]

    @property
    def child(self) -> ChildProcess:
        """The child that runs."""
        return self.children[self.supervisor.pid]

    @property
    def stream(self) -> Stream:
        return self.streams[0]

    @property
    def status(self) -> StreamStatus:
        return self.supervisor.statuses()[0]

    @property
    def restarts(self) -> dict[str, int]:
        return dict(self.supervisor.restarts)

    @property
    def is_running(self) -> bool:
        return self.supervisor.pid is not None

    def say(self, what: bytes = b"x") -> None:
        """Write to the child, for programs that go on when they hear something."""
        assert self.child.send(what)

    def hear_again(self) -> None:
        """Have the child send one more frame, unless it is being ended."""
        frames = self.stream.counters.frames
        if self.is_running and self.state in HEARD:
            self.say()
            turn_until(self.loop, lambda: self.state not in HEARD or self.stream.counters.frames > frames)

    def wait_for_frames(self, count: int) -> None:
        turn_until(self.loop, lambda: self.stream.counters.frames >= count)

    def wait_for_end(self) -> None:
        turn_until(self.loop, lambda: self.supervisor.pid is None)


@pytest.fixture
def supervise(no_descriptor_left, loop, monkeypatch) -> Iterator[Callable[..., Supervised]]:
    """Return a function that starts supervisors, stopped after the test."""
    made = []
    children: dict[int, ChildProcess] = {}

    class KnownChild(ChildProcess):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            children[self.pid] = self

        @property
        def is_over(self) -> bool:
            return self._process.returncode is not None

    monkeypatch.setattr(process, "ChildProcess", KnownChild)

    def start(*texts: str, **arguments) -> Supervised:
        made.append(Supervised(loop, *texts, **arguments))
        made[-1].children = children
        return made[-1]

    yield start
    for supervised in made:
        supervised.supervisor.stop()
        supervised.supervisor.kill()
        turn_until(loop, lambda supervised=supervised: supervised.supervisor.is_stopped)
    turn_until(loop, lambda: all(child.is_over for child in children.values()))  # also those that encode a slate
