"""The process whose instructions are counted: it runs without valgrind too, and its marks are where they should be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import counted
from benchmarks.counted import COUNTED_FRAMES, FRAME_BYTES, GOP_FRAMES, HANDSHAKE, KEY_FRAME_BYTES, WARM_UP_FRAMES

GROUPS = (WARM_UP_FRAMES + COUNTED_FRAMES) // GOP_FRAMES


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_frame_is_published(transport: str):
    # In a process of its own: it forks, and what it forks must not run this process's tests.
    command = (sys.executable, "-m", "benchmarks.counted", transport, "3")
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    sliced_bytes = GROUPS * (KEY_FRAME_BYTES + (GOP_FRAMES - 1) * FRAME_BYTES)
    assert sliced_bytes < int(done.stdout) < 1.01 * sliced_bytes  # start codes and parameter sets come on top


def test_the_frames_between_the_marks_are_those_that_count(monkeypatch: pytest.MonkeyPatch):
    events: list[object] = []
    monkeypatch.setattr(counted, "mark", lambda: events.append("mark"))
    counted._marked(events.append, range(1, 1 + WARM_UP_FRAMES + COUNTED_FRAMES))
    first, last = (index for index, event in enumerate(events) if event == "mark")
    assert events[first + 1 : last] == list(range(1 + WARM_UP_FRAMES, 1 + WARM_UP_FRAMES + COUNTED_FRAMES))
    assert last == len(events) - 1


def test_a_mark_is_the_function_that_valgrind_is_told(monkeypatch: pytest.MonkeyPatch):
    called: list[str] = []
    monkeypatch.setattr(os, counted.MARK_FUNCTION, lambda: called.append("marked"))
    counted.mark()
    assert called == ["marked"]


@pytest.mark.parametrize("arguments", [("tcp", "0"), ("udp", "201"), (HANDSHAKE, "-1"), ("multicast", "1")])
def test_refuses_what_it_cannot_count(arguments: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["counted", *arguments])
    with pytest.raises(SystemExit, match="2"):
        counted.main()
