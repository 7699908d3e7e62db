"""Log records into real pipes that are full, drained and closed."""

import logging
import os
import select

import pytest

from edge_streamer.logs.stderr import CHUNK_BYTES, MAX_RECORD_BYTES, StderrHandler


class LoggedPipe:
    """A pipe with a handler at its one end."""

    def __init__(self, reader: int, writer: int) -> None:
        self.reader, self.writer = reader, writer
        self.handler = StderrHandler(self.writer)

    def log(self, text: str) -> None:
        self.handler.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, text, None, None))

    def fill(self) -> None:
        """Leave no room; the descriptor blocks again afterwards, as an inherited one does."""
        os.set_blocking(self.writer, False)
        try:
            while True:
                os.write(self.writer, bytes(CHUNK_BYTES))
        except BlockingIOError:
            os.set_blocking(self.writer, True)

    def read(self) -> str:
        """Read all that waits, without what filled the pipe."""
        data = b""
        while select.select([self.reader], [], [], 0)[0]:
            data += os.read(self.reader, 1 << 20)
        return data.lstrip(b"\0").decode()

    def close(self) -> None:
        for end in (self.reader, self.writer):
            try:
                os.close(end)
            except OSError:
                continue


@pytest.fixture
def pipe():
    made = LoggedPipe(*os.pipe())
    yield made
    made.close()


def test_a_record_is_a_line(pipe):
    pipe.log("one")
    pipe.log("zwei: ü")
    assert pipe.read() == "one\nzwei: ü\n"


def test_a_full_pipe_costs_lines_and_no_time_and_is_told_of(pipe):
    pipe.fill()
    for number in range(1000):
        pipe.log(f"lost {number}")
    assert pipe.read() == ""
    pipe.log("heard")
    pipe.log("again")
    assert pipe.read() == "1000 log lines dropped: standard error took none\nheard\nagain\n"


def test_a_record_larger_than_a_pipe_takes_at_once_comes_whole(pipe):
    pipe.log("x" * 3 * CHUNK_BYTES)
    assert pipe.read() == "x" * 3 * CHUNK_BYTES + "\n"


def test_a_record_has_a_limit(pipe):
    pipe.log("x" * 2 * MAX_RECORD_BYTES)
    assert pipe.read() == "x" * MAX_RECORD_BYTES + "\n"


def test_a_record_torn_by_a_full_pipe_ends_its_line(pipe):
    pipe.fill()
    os.read(pipe.reader, CHUNK_BYTES)
    pipe.log("x" * 2 * CHUNK_BYTES)
    pipe.read()
    pipe.log("heard")
    assert pipe.read() == "\n1 log lines dropped: standard error took none\nheard\n"


def test_lines_without_a_reader_are_dropped_and_the_next_reader_is_told(tmp_path):
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    pipe = LoggedPipe(reader, os.open(tmp_path / "log", os.O_WRONLY))
    pipe.log("heard")
    assert pipe.read() == "heard\n"
    os.close(pipe.reader)
    pipe.log("lost")
    pipe.reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    pipe.log("heard again")
    assert pipe.read() == "1 log lines dropped: standard error took none\nheard again\n"
    pipe.close()
