"""A source that gives no picture for as long as a test wants, under a service that runs.

    with no_picture(service, "testpattern"):
        ...  # every process of that kind is stopped, as a driver that hangs; the one that is stopped last goes on

The process that encodes a slate is of another kind, and is left alone.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.service import RunningService

POLL_S: Final = 0.01


def sources_of(service: RunningService, kind: str) -> list[int]:
    """Return the processes of sources of `kind`."""
    return [pid for pid in service.child_pids if _kind_of(pid) == kind]


@contextmanager
def no_picture(service: RunningService, kind: str) -> Iterator[None]:
    """Stop the processes of that kind, also those that are started in the place of one that was ended, until the block
    ends."""
    stopped: set[int] = set()
    is_over = threading.Event()

    def hold() -> None:
        while not is_over.is_set():
            for pid in sources_of(service, kind):
                if pid not in stopped and _signal(pid, signal.SIGSTOP):
                    stopped.add(pid)
            time.sleep(POLL_S)

    for pid in sources_of(service, kind):
        _signal(pid, signal.SIGSTOP)
        stopped.add(pid)
    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        for pid in stopped:
            _signal(pid, signal.SIGCONT)


def _kind_of(pid: int) -> str | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return words[3].decode() if words[1:3] == [b"-m", b"edge_streamer.sources"] else None


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
