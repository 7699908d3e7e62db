"""Whether the clock follows a time source: asked of the kernel, and seldom."""

import re
import subprocess

import pytest

from edge_streamer.runtime import clock_lock
from edge_streamer.runtime.clock_lock import READ_EVERY_S, ClockLock, is_synchronised


def test_the_kernel_is_asked_at_most_once_a_second() -> None:
    answers = iter([True, False])
    lock = ClockLock(lambda: next(answers))
    assert [lock.is_locked(0.5), lock.is_locked(0.5)] == [True, True]
    assert lock.is_locked(0.5 + READ_EVERY_S - 0.01)
    assert not lock.is_locked(0.5 + READ_EVERY_S + 0.01)


def test_it_is_what_adjtimex_says() -> None:
    """adjtimex(8) of Debian is not everywhere, a Python of our own is: it reads the same structure field by field."""
    code = (
        "import ctypes; t = (ctypes.c_long * 32)(); "
        "state = ctypes.CDLL(None).adjtimex(t); print(state, ctypes.cast(ctypes.byref(t, 5 * ctypes.sizeof("
        "ctypes.c_long)), ctypes.POINTER(ctypes.c_int))[0])"
    )
    done = subprocess.run(["python3", "-c", code], capture_output=True, text=True, timeout=30, check=True)
    state, status = map(int, re.findall(r"-?\d+", done.stdout))
    is_unsynchronised = bool(status & 0x40) or state < 0
    assert is_synchronised() != is_unsynchronised


@pytest.mark.parametrize(("state", "is_locked"), [(0, True), (4, True), (5, False), (-1, False)])
def test_a_clock_at_fault_or_a_refusal_is_no_lock(monkeypatch: pytest.MonkeyPatch, state: int, is_locked: bool) -> None:
    class Library:
        def __init__(self, name: None) -> None:
            pass

        def adjtimex(self, buffer: object) -> int:
            return state

    monkeypatch.setattr(clock_lock.ctypes, "CDLL", Library)
    assert is_synchronised() == is_locked
