"""How long the machine itself holds programs up, measured beside whatever judges times, and the repeat of a noisy run.

    recording = until_calm(record, limit_s=0.05)  # the first run in which nothing was held up longer, of three at most

    @repeated_when_noisy(limit_s=0.05)
    def test_nobody_waits(): ...

A program that wants to sleep for two milliseconds, and does nothing else, is late by what the machine adds: other
programs, a hypervisor, a disk. A run in which that was longer than `limit_s` says little about the service and is made
again. The number of runs is limited, and the last is judged as it is: what is really wrong fails every time.
"""

import functools
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
RUNS: Final = 3
PERIOD_S: Final = 0.002
_REPOSITORY: Final = Path(__file__).parents[2]


class Hiccups(Protocol):
    """By how much a sleeping process was late, at worst, since it is watched."""

    @property
    def worst_s(self) -> float:
        """The longest hiccup so far, or of the whole watch when that is over."""


class _Watched:
    """The process that sleeps; it answers each line with its worst so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._worst_s = 0.0

    @property
    def worst_s(self) -> float:
        if self._process.returncode is None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            self._worst_s = float(self._process.stdout.readline())
        return self._worst_s


@contextmanager
def watched_machine() -> Iterator[Hiccups]:
    """Measure from a process of its own until the block ends."""
    command = [sys.executable, "-S", str(_REPOSITORY / "tests" / "support" / "hiccups.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        watched = _Watched(process)
        assert watched.worst_s >= 0.0  # it has started
        try:
            yield watched
        finally:
            assert watched.worst_s >= 0.0
            process.communicate()


def until_calm(measure: Callable[[], T], *, limit_s: float, is_right: Callable[[T], bool] = lambda _result: False) -> T:
    """Measure until the machine held nothing up for `limit_s`, or the result is right anyway; three times at most."""
    for run in range(1, RUNS + 1):
        with watched_machine() as hiccups:
            result = measure()
        if hiccups.worst_s < limit_s or is_right(result):
            break
        print(f"run {run} of {RUNS}: the machine held a process up for {1000 * hiccups.worst_s:.0f} ms")
    return result


def repeated_when_noisy(limit_s: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have a test that fails while the machine held something up for `limit_s` run again; three times at most."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def repeated(*arguments: object, **named: object) -> None:
            for run in range(1, RUNS + 1):
                try:
                    with watched_machine() as hiccups:
                        test(*arguments, **named)
                except AssertionError as error:
                    if run == RUNS or hiccups.worst_s < limit_s:
                        error.add_note(f"run {run}: the machine held a process up for {1000 * hiccups.worst_s:.0f} ms")
                        raise
                else:
                    return

        return repeated

    return decorate


def _watch() -> None:
    """Sleep and sleep again; print by how much one sleep was too long at worst for each line of standard input."""
    worst_s, woke = 0.0, time.monotonic()
    while True:
        time.sleep(PERIOD_S)
        slept, woke = woke, time.monotonic()
        worst_s = max(worst_s, woke - slept - PERIOD_S)
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(worst_s, flush=True)


if __name__ == "__main__":
    _watch()
