"""How the service leaves: politely when asked, at once when asked twice, and without orphans when it is killed."""

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

import pytest

from tests.support.hiccups import repeated_when_noisy
from tests.support.processes import is_running
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

LEAVE_LIMIT_S: Final = 2.0
AT_ONCE_S: Final = 0.3
ORPHAN_LIMIT_S: Final = 2.0
RTCP_BYE: Final = 203
"""Packet type (RFC 3550 section 6.6)."""


def rtcp_types(compound: bytes) -> list[int]:
    """The packet types in a compound packet; the length is in words and does not count the first (section 6.4.1)."""
    types, start = [], 0
    while start < len(compound):
        types.append(compound[start + 1])
        start += 4 * (1 + int.from_bytes(compound[start + 2 : start + 4]))
    return types


def last_words(reader: RtspReader) -> list[int]:
    """Read until the server closes; return the types in the last RTCP packet."""
    heard: list[int] = []
    try:
        for packet in reader.packets():
            if packet.kind == "rtcp":
                heard = rtcp_types(packet.data)
    except ConnectionError:
        return heard
    raise AssertionError("unreachable: packets() ends with an exception")


def test_a_service_whose_log_nobody_reads_serves_and_leaves(tmp_path):
    """A full pipe as standard error: each line that has no place in it is dropped, none is waited for."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            continue
    os.set_blocking(writer, True)
    arguments = ["serve", "--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    command = [sys.executable, "-m", "edge_streamer", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writer, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        url = next(line.strip() for line in process.stdout if "rtsp://" in line)
        with RtspReader(url, "tcp") as viewer:
            viewer.start()
            viewer.next_rtp()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LEAVE_LIMIT_S) == 0
    os.close(writer)
    os.close(reader)


def test_a_service_whose_terminal_is_closed_leaves():
    """The kernel sends SIGHUP to the session whose terminal it is; without a terminal that means to reload."""
    terminal, its_end = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, "-m", "edge_streamer"]
    arguments = ["serve", "--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen([*command, *arguments], stdin=its_end, stdout=subprocess.PIPE, stderr=its_end) as process:
        os.close(its_end)
        assert process.stdout is not None
        assert any(b"rtsp://" in line for line in process.stdout)
        os.close(terminal)
        assert process.wait(LEAVE_LIMIT_S) == 0


def wait_until_gone(pids: list[int], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while alive := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline, f"still running after {limit_s} s: {alive}"
        time.sleep(0.02)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_says_goodbye_to_everybody_and_leaves_nothing_behind(signal_number):
    with (
        running_service() as service,
        RtspReader(service.rtsp_url("main"), "tcp") as tcp,
        RtspReader(service.rtsp_url("main"), "udp") as udp,
    ):
        for reader in (tcp, udp):
            reader.start()
            reader.next_rtp()
        sources = service.child_pids
        exit_code, taken_s = service.stop(signal_number)
        assert exit_code == 0
        assert taken_s < LEAVE_LIMIT_S
        assert RTCP_BYE in last_words(tcp)
        assert RTCP_BYE in last_words(udp)
        assert not tcp.gaps
        assert not udp.gaps
        assert [pid for pid in sources if is_running(pid)] == []


@repeated_when_noisy(AT_ONCE_S / 2)
def test_a_second_signal_leaves_at_once():
    """The source hangs, so that leaving in order would take its time."""
    with running_service() as service:
        sources = service.child_pids
        os.kill(sources[0], signal.SIGSTOP)
        os.kill(service.pid, signal.SIGTERM)
        time.sleep(0.05)
        _exit_code, taken_s = service.stop(signal.SIGTERM)
        assert taken_s < AT_ONCE_S
        wait_until_gone(sources, ORPHAN_LIMIT_S)


def test_a_hanging_source_does_not_keep_the_service():
    with running_service() as service:
        sources = service.child_pids
        os.kill(sources[0], signal.SIGSTOP)
        exit_code, taken_s = service.stop()
        assert exit_code == 0
        assert taken_s < LEAVE_LIMIT_S
        assert [pid for pid in sources if is_running(pid)] == []


def test_no_source_survives_a_killed_server():
    with running_service() as service:
        sources = playing_sources(service)
        exit_code, _taken_s = service.stop(signal.SIGKILL)
        assert exit_code == -signal.SIGKILL
        wait_until_gone(sources, ORPHAN_LIMIT_S)


def playing_sources(service: RunningService) -> list[int]:
    """Return the source processes, one of which is at work for a viewer."""
    with RtspReader(service.rtsp_url("main"), "tcp") as reader:
        reader.start()
        reader.next_rtp()
        return service.child_pids
