"""Child processes: tiny Python programs, started as the sources are, with `--fd N` at the end of their arguments."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from edge_streamer.logs.limits import BURST_LINES
from edge_streamer.runtime import children
from edge_streamer.runtime.children import ChildProcess
from tests.support.loop import take_faults, turn_until
from tests.support.processes import is_running

PRELUDE = "import os, signal, socket, sys, time\nserver = socket.socket(fileno=int(sys.argv[2]))\n"


def program(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", PRELUDE + dedent(text)]


class Delegate:
    """Notes what its child says; `act` runs with the data."""

    def __init__(self) -> None:
        self.act = lambda data: None
        self.data = b""
        self.lines: list[str] = []
        self.exit_codes: list[int] = []
        self.errors: list[Exception] = []

    def on_child_data(self, data: bytes) -> None:
        assert not self.exit_codes, "nothing comes after the end"
        self.data += data
        self.act(data)

    def on_child_complaint(self, line: str) -> None:
        assert not self.exit_codes, "nothing comes after the end"
        self.lines.append(line)

    def on_child_ended(self, exit_code: int) -> None:
        self.exit_codes.append(exit_code)

    def on_child_fault(self, error: Exception) -> None:
        self.errors.append(error)


@pytest.fixture
def start(loop):
    """Return a function that starts programs; after the test they are ended and their descriptors counted."""
    started = []

    def make(text: str) -> tuple[ChildProcess, Delegate]:
        delegate = Delegate()
        started.append((ChildProcess(loop, program(text), delegate), delegate))
        return started[-1]

    yield make
    for child, delegate in started:
        child.kill()
        turn_until(loop, lambda delegate=delegate: delegate.exit_codes)
        assert len(delegate.exit_codes) == 1


def test_bytes_go_both_ways(loop, start):
    child, delegate = start("""
        while command := server.recv(100):
            server.sendall(b"<" + command + b">")
        """)
    assert child.send(b"one")
    turn_until(loop, lambda: delegate.data == b"<one>")
    assert child.send(b"two")
    turn_until(loop, lambda: delegate.data == b"<one><two>")


@pytest.mark.parametrize(
    ("text", "exit_code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -11),
    ],
)
def test_how_it_ended_is_told_once(loop, start, text, exit_code):
    _child, delegate = start(text)
    turn_until(loop, lambda: delegate.exit_codes)
    for _ in range(3):
        loop.turn()
    assert delegate.exit_codes == [exit_code]


def test_last_words_are_read_before_the_end_is_told(loop, start):
    """They wait in the socketpair and in the pipe while the loop is held up elsewhere."""
    child, delegate = start("""
        server.sendall(bytes(100_000) + b"the end")
        sys.stderr.write("why\\n")
        """)
    select.select([child._pidfd], [], [], 10)
    loop.turn()
    loop.turn()
    assert delegate.data == bytes(100_000) + b"the end"
    assert delegate.lines == ["why"]
    assert delegate.exit_codes == [0]


def test_complaints_come_line_by_line_and_the_last_one_needs_no_end(loop, start):
    _child, delegate = start("""
        for part in ("first\\nsec", "ond\\n", "\\n", "last"):
            sys.stderr.write(part)
            sys.stderr.flush()
        """)
    turn_until(loop, lambda: delegate.exit_codes)
    assert delegate.lines == ["first", "second", "", "last"]


def test_a_traceback_is_read_whole(loop, start):
    child, delegate = start(f"sys.stderr.write(''.join(f'line {{n}}\\n' for n in range({BURST_LINES})))")
    select.select([child._pidfd], [], [], 10)
    turn_until(loop, lambda: delegate.exit_codes)
    assert delegate.lines == [f"line {n}" for n in range(BURST_LINES)]


def test_of_a_flood_the_first_lines_are_read_and_the_last(loop, start):
    child, delegate = start("sys.stderr.write(''.join(f'line {n}\\n' for n in range(2000)))")
    select.select([child._pidfd], [], [], 10)
    turn_until(loop, lambda: delegate.exit_codes)
    dropped = 2000 - BURST_LINES
    assert delegate.lines == [
        *(f"line {n}" for n in range(BURST_LINES)), f"{dropped} more lines dropped, the last: line 1999",
    ]  # fmt: skip


def test_after_a_flood_lines_come_again_with_time(loop, clock, start):
    _child, delegate = start("""
        sys.stderr.write("x\\n" * 1000)
        sys.stderr.flush()
        server.sendall(b"flooded")
        server.recv(1)
        sys.stderr.write("again\\n")
        """)
    turn_until(loop, lambda: delegate.data)
    turn_until(loop, lambda: _child._dropped_lines == 1000 - BURST_LINES)
    assert len(delegate.lines) == BURST_LINES
    clock.advance(1.0)
    assert _child.send(b"x")
    turn_until(loop, lambda: delegate.exit_codes)
    assert delegate.lines[BURST_LINES:] == [f"{1000 - BURST_LINES} more lines dropped, the last: x", "again"]


def test_no_escape_and_no_end_of_line_gets_through(loop, start):
    _child, delegate = start("os.write(2, b'\\x1b[2Jred\\rroot\\xe2\\x80\\xa8fake\\n')")
    turn_until(loop, lambda: delegate.exit_codes)
    assert delegate.lines == [
        "\N{REPLACEMENT CHARACTER}[2Jred\N{REPLACEMENT CHARACTER}root\N{REPLACEMENT CHARACTER}fake"
    ]


def test_a_line_without_end_is_cut_to_its_tail(loop, start):
    _child, delegate = start("os.write(2, b'x' * 60_000 + b'tail')")
    turn_until(loop, lambda: delegate.exit_codes)
    assert len(delegate.lines) == 1
    assert len(delegate.lines[0]) == children.MAX_LINE_BYTES
    assert delegate.lines[0].endswith("tail")


def test_what_is_no_text_is_shown_all_the_same(loop, start):
    _child, delegate = start("os.write(2, b'\\xff\\n')")
    turn_until(loop, lambda: delegate.exit_codes)
    assert delegate.lines == ["�"]


def test_terminate_asks_and_kill_does_not(loop, start):
    polite, told = start("""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        server.sendall(b"ready")
        while True:
            signal.pause()
        """)
    stubborn, silent = start("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.sendall(b"ready")
        while True:
            signal.pause()
        """)
    turn_until(loop, lambda: told.data and silent.data)
    polite.terminate()
    stubborn.terminate()
    turn_until(loop, lambda: told.exit_codes)
    assert told.exit_codes == [7]
    assert silent.exit_codes == []
    stubborn.kill()
    turn_until(loop, lambda: silent.exit_codes)
    assert silent.exit_codes == [-9]


def test_a_stopped_child_can_be_killed(loop, start):
    child, delegate = start("""
        server.sendall(b"ready")
        os.kill(os.getpid(), signal.SIGSTOP)
        """)
    turn_until(loop, lambda: delegate.data and _state_of(child.pid) == "T")
    child.terminate()
    child.kill()
    turn_until(loop, lambda: delegate.exit_codes)
    assert delegate.exit_codes == [-9]


def _state_of(pid: int) -> str:
    """One letter of proc(5): "T" for a stopped process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_signals_after_the_end_reach_nobody(loop, start):
    child, delegate = start("")
    turn_until(loop, lambda: delegate.exit_codes)
    child.terminate()
    child.kill()


def test_a_child_that_does_not_read_makes_send_say_so(loop, start):
    child, delegate = start("""
        server.sendall(b"ready")
        while True:
            signal.pause()
        """)
    turn_until(loop, lambda: delegate.data)
    assert not all(child.send(b"x" * 10_000) for _ in range(1000))


def test_a_child_that_only_closes_its_end_does_not_make_the_loop_spin(loop, start):
    child, delegate = start("""
        server.sendall(b"bye")
        server.close()
        while True:
            signal.pause()
        """)
    turn_until(loop, lambda: delegate.data)
    turn_until(loop, lambda: not child._registrations[0].is_open)
    assert delegate.exit_codes == []
    assert not child.send(b"x")


def test_a_fault_in_what_takes_its_data_is_told_and_the_end_still_comes(loop, start):
    _child, delegate = start("server.sendall(b'x')")
    delegate.act = lambda data: [][0]
    turn_until(loop, lambda: delegate.exit_codes)
    assert [type(error) for error in delegate.errors] == [IndexError]
    assert take_faults(loop) == 1


def test_a_program_that_does_not_exist_raises_and_leaves_nothing(loop):
    with pytest.raises(FileNotFoundError):
        ChildProcess(loop, ["/nonexistent/program"], Delegate())


def test_a_start_without_a_descriptor_left_leaves_no_process(loop, monkeypatch):
    pids = []

    def refuse(pid: int) -> int:
        pids.append(pid)
        raise OSError(24, "too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(OSError, match="too many"):
        ChildProcess(loop, program("signal.pause()"), Delegate())
    assert not is_running(pids[0])


def test_no_child_survives_the_server_however_it_dies():
    server = dedent(f"""
        import sys
        sys.path.insert(0, {os.getcwd()!r})
        from edge_streamer.runtime.children import ChildProcess
        from edge_streamer.runtime.loop import Loop
        class Delegate:
            def on_child_data(self, data): print(child.pid, flush=True)
        loop = Loop()
        child = ChildProcess(loop, {program("server.sendall(b'ready'); server.recv(1)")!r}, Delegate())
        loop.run()
        """)
    with subprocess.Popen([sys.executable, "-I", "-c", server], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pidfd = os.pidfd_open(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
    ended, _writable, _failed = select.select([pidfd], [], [], 10)
    os.close(pidfd)
    assert ended
