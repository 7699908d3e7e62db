"""Records to a journal that is a real datagram socket, read, full and gone; and who gets which handler."""

import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_streamer.logs.events import HandlerFailed, SourceComplained, SourceUp, log_event
from edge_streamer.logs.journal import MAX_MESSAGE_BYTES, JournalHandler, leads_to_journal, new_log_handler
from edge_streamer.logs.stderr import StderrHandler
from edge_streamer.logs.text import PriorityFormatter, TerminalFormatter


def parsed(datagram: bytes) -> list[tuple[str, str]]:
    """Read the native protocol: `NAME=value` lines, or a name, 64 bits of size in little endian, and the value."""
    fields = []
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            datagram = rest
        else:
            size_bytes = int.from_bytes(rest[:8], "little")
            value, end, datagram = (
                rest[8 : 8 + size_bytes],
                rest[8 + size_bytes : 9 + size_bytes],
                rest[9 + size_bytes :],
            )
            assert end == b"\n"
        fields.append((name.decode(), value.decode()))
    return fields


class Journal:
    """A journal's socket, and a logger that leads to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()
        self.handler = JournalHandler(str(path))
        self.log = logging.Logger("edge_streamer.x", logging.DEBUG)
        self.log.addHandler(self.handler)

    def open(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(str(self.path))

    def vanish(self) -> None:
        self.socket.close()
        self.path.unlink()

    def read(self) -> list[dict[str, str]]:
        """Return what waits."""
        records = []
        while True:
            try:
                records.append(dict(parsed(self.socket.recv(1 << 20))))
            except BlockingIOError:
                return records

    def close(self) -> None:
        self.handler.close()
        self.socket.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "socket")
    yield made
    made.close()


def test_an_event_arrives_with_its_id_and_fields(journal):
    log_event(journal.log, SourceComplained(streams=("main",), text='lens cap "on"\nMESSAGE_ID=forged'))
    (fields,) = journal.read()
    assert fields["MESSAGE_ID"] == SourceComplained.message_id
    assert fields["MESSAGE"] == r'source complains streams=main text="lens cap \"on\"\nMESSAGE_ID=forged"'
    assert (fields["PRIORITY"], fields["SYSLOG_IDENTIFIER"], fields["LOGGER"]) == (
        "4",
        "edge_streamer",
        "edge_streamer.x",
    )
    assert (fields["STREAM"], fields["TEXT"]) == ("main", r'lens cap "on"\nMESSAGE_ID=forged')
    assert fields["CODE_FILE"] == __file__
    assert fields["CODE_FUNC"] == "test_an_event_arrives_with_its_id_and_fields"
    assert fields["CODE_LINE"].isdigit()


def test_several_streams_are_several_fields_of_one_record(journal):
    log_event(journal.log, SourceUp(kind="file", streams=("main", "sub")))
    fields = parsed(journal.socket.recv(1 << 16))
    assert [value for name, value in fields if name == "STREAM"] == ["main", "sub"]


def test_what_is_no_event_arrives_without_an_id(journal):
    journal.log.info("plain %s", "words")
    (fields,) = journal.read()
    assert (fields["MESSAGE"], fields["PRIORITY"]) == ("plain words", "6")
    assert "MESSAGE_ID" not in fields


def test_a_traceback_is_one_record_of_several_lines(journal):
    error = ValueError("odd\nMESSAGE_ID=forged")
    log_event(journal.log, HandlerFailed(handler="X"), error)
    (fields,) = journal.read()
    lines = fields["MESSAGE"].split("\n")
    assert lines == ["fault handler=X", "  ValueError: odd", "  MESSAGE_ID=forged"]
    assert fields["MESSAGE_ID"] == HandlerFailed.message_id


def test_a_message_has_a_limit(journal):
    journal.log.info("ü" * MAX_MESSAGE_BYTES)
    data = journal.socket.recv(1 << 20)
    assert data.startswith(b"MESSAGE=" + b"\xc3\xbc" * (MAX_MESSAGE_BYTES // 2) + b"\n")
    assert len(data) < MAX_MESSAGE_BYTES + 1024


def test_a_full_journal_costs_records_and_no_time_and_is_told_of(journal):
    began = time.monotonic()
    for number in range(3000):
        journal.log.info("line %d", number)
    assert time.monotonic() - began < 2.0, "it waited"
    taken = [fields["MESSAGE"] for fields in journal.read()]
    assert taken == [f"line {number}" for number in range(len(taken))]
    assert 0 < len(taken) < 3000
    journal.log.info("heard")
    journal.log.info("again")
    apology, *later = journal.read()
    assert apology["MESSAGE"] == f"{3000 - len(taken)} log records dropped: the journal did not take them"
    assert apology["PRIORITY"] == "4"
    assert [fields["MESSAGE"] for fields in later] == ["heard", "again"]


def test_a_journal_that_is_started_anew_is_found_again(journal):
    journal.vanish()
    journal.log.info("nobody")
    journal.open()
    journal.log.info("heard")
    assert [fields["MESSAGE"] for fields in journal.read()] == [
        "1 log records dropped: the journal did not take them",
        "heard",
    ]


# --- who gets which handler


@pytest.fixture
def stderr(tmp_path: Path):
    with (tmp_path / "stderr").open("w") as file:
        yield file


def stream_of(file) -> str:
    status = os.fstat(file.fileno())
    return f"{status.st_dev}:{status.st_ino}"


def handler_for(stderr, environment, journal_socket="/nowhere") -> logging.Handler:
    handler = new_log_handler(stderr, environment, journal_socket)
    handler.close()
    return handler


def test_where_standard_error_is_the_journals_records_go_there_with_fields(stderr, journal):
    handler = handler_for(stderr, {"JOURNAL_STREAM": stream_of(stderr)}, str(journal.path))
    assert isinstance(handler, JournalHandler)


def test_without_the_journals_socket_lines_carry_their_priority(stderr):
    handler = handler_for(stderr, {"JOURNAL_STREAM": stream_of(stderr)})
    assert isinstance(handler, StderrHandler)
    assert isinstance(handler.formatter, PriorityFormatter)


@pytest.mark.parametrize("value", [None, "", "1:2", "nonsense", "12", "1:2:3"])
def test_a_variable_of_somebody_else_is_none(stderr, journal, value):
    environment = {} if value is None else {"JOURNAL_STREAM": value}
    assert not leads_to_journal(stderr.fileno(), environment)
    handler = handler_for(stderr, environment, str(journal.path))
    assert isinstance(handler, StderrHandler)
    assert isinstance(handler.formatter, TerminalFormatter)


def test_without_standard_error_nobody_is_told():
    assert isinstance(handler_for(None, {}), logging.NullHandler)


def test_the_fallback_writes_lines(tmp_path, stderr):
    handler = new_log_handler(stderr, {"JOURNAL_STREAM": stream_of(stderr)}, "/nowhere")
    log = logging.Logger("x")
    log.addHandler(handler)
    log_event(log, SourceUp(kind="file", streams=("main",)))
    assert (tmp_path / "stderr").read_text() == "<6>source up kind=file streams=main\n"


def test_a_standard_error_that_is_closed_is_found_out_by_python(tmp_path):
    """What `new_log_handler` is given where the descriptor was closed at the start."""
    assert (
        os.spawnv(
            os.P_WAIT,
            "/bin/sh",
            ["sh", "-c", f"exec 2>&-; {sys.executable} -c 'import sys; sys.exit(sys.stderr is not None)'"],
        )
        == 0
    )
