"""Source programs as real child processes over a real socketpair, and clips to feed them with."""

import json
import socket
import string
import subprocess
import sys
import time
from dataclasses import dataclass, field

import av
import pytest

from edge_streamer.protocol.source.messages import SourceCommand, SourceFrame, SourceNote, SourceParser, SourceSnapshot
from edge_streamer.sources.drawing.font import cell_width, glyph

COMMAND = [sys.executable, "-m", "edge_streamer.sources"]
PATIENCE_S = 20.0


@dataclass
class SourceProcess:
    """A running source, seen from the server's end of the socketpair."""

    process: subprocess.Popen
    socket: socket.socket
    parser: SourceParser
    frames: dict[int, list] = field(default_factory=dict)
    notes: list[SourceNote] = field(default_factory=list)
    snapshots: list[SourceSnapshot] = field(default_factory=list)
    order: list = field(default_factory=list)
    is_at_end: bool = False

    def send(self, *commands):
        self.socket.sendall(b"".join(command.encode() for command in commands))

    def command(self, name, output=0, bitrate_bps=None, fps=None):
        self.send(SourceCommand(name, output, bitrate_bps, fps))

    def read_until(self, is_enough):
        """Read messages until `is_enough(self)` or the end of the socket."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_at_end and not is_enough(self):
            assert time.monotonic() < deadline, f"nothing came of it: {self.notes}, {self.counts()}"
            self._read()
        return self

    def read_frames(self, count, output=0):
        return self.read_until(lambda source: len(source.frames[output]) >= count).frames[output]

    def read_to_end(self):
        self.read_until(lambda source: False)
        return self.process.wait(PATIENCE_S)

    def note(self, event):
        self.read_until(lambda source: source.notes_of(event))
        return self.notes_of(event)[0]

    def snapshot(self):
        self.read_until(lambda source: source.snapshots)
        return self.snapshots[0]

    def notes_of(self, event):
        return [note for note in self.notes if note.values["event"] == event]

    def frames_before(self, note):
        """How many frames of the note's own output came before it."""
        before = self.order[: self.order.index(note)]
        return sum(isinstance(message, SourceFrame) and message.output == note.output for message in before)

    def counts(self):
        return {output: len(frames) for output, frames in self.frames.items()}

    def _read(self):
        data = self.socket.recv(1 << 20)
        self.is_at_end = not data
        for message in self.parser.receive(data):
            self.order.append(message)
            if isinstance(message, SourceFrame):
                self.frames[message.output].append(message.frame)
            elif isinstance(message, SourceSnapshot):
                self.snapshots.append(message)
            else:
                self.notes.append(message)


def _start(kind, outputs, options):
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    arguments = [*COMMAND, kind, "--fd", str(theirs.fileno()), "--options", json.dumps(options)]
    for output in outputs:
        arguments += ["--output", json.dumps(output)]
    process = subprocess.Popen(arguments, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE)
    theirs.close()
    count = max(1, len(outputs))
    return SourceProcess(process, ours, SourceParser(count), {output: [] for output in range(count)})


def _starter():
    started = []

    def start(kind, *outputs, **options):
        started.append(_start(kind, outputs, options))
        return started[-1]

    yield start
    for source in started:
        source.socket.close()
        source.process.kill()
        source.process.wait()
        source.process.stderr.close()


start_source = pytest.fixture(_starter)
start_module_source = pytest.fixture(_starter, scope="module")


@pytest.fixture(scope="session")
def decode():
    """The function that decodes access units and fails on the first that is not clean."""

    def decoded(frames):
        context = av.CodecContext.create("h264", "r")
        context.options = {"err_detect": "explode"}
        pictures = [picture for frame in frames for picture in context.decode(av.Packet(frame.data))]
        return pictures + context.decode(None)

    return decoded


GLYPHS = set(string.printable[:95] + "°·–") - {"O"}  # which looks like 0
MOST_NOISE = 30  # mean difference of a cell's pixels from its letter: what an encoder may add


def _read_overlay(lines):
    """Return the overlay's text in lines of luma; reads until a cell looks like no letter."""
    strip_height, margin = max(12, len(lines) // 24 // 2 * 2), max(4, len(lines) // 32 // 2 * 2)
    padding = strip_height // 11
    height = strip_height - 2 * padding
    width = cell_width(height)
    letters = {b"".join(glyph(each, width, height)).translate(SHADES): each for each in GLYPHS}
    text, left = "", margin + padding
    while left + width <= len(lines[0]):
        cell = b"".join(line[left : left + width] for line in lines[margin + padding :][:height])
        nearest = cell if cell in letters else min(letters, key=lambda letter: _difference(letter, cell))
        if _difference(nearest, cell) > MOST_NOISE * len(cell):
            break
        text, left = text + letters[nearest], left + width
    return text.rstrip()


SHADES = bytes(24 + (235 - 24) * coverage // 255 for coverage in range(256))


def _difference(letter, cell):
    return sum(abs(wanted - shown) for wanted, shown in zip(letter, cell, strict=True))


@pytest.fixture(scope="session")
def read_overlay():
    return _read_overlay
