"""Waiting for something in the guest, which is as slow as the machine is busy: until it is so, not for a time."""

import time
from collections.abc import Callable
from typing import Final

DEADLINE_S: Final = 90.0
"""For anything to happen: a source process alone takes the emulated processor five to ten seconds to start."""
POLL_S: Final = 0.3


def wait_until(what: str, is_so: Callable[[], bool], evidence: Callable[[], str]) -> None:
    """Return when it is so; AssertionError with the evidence when it is not in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not in {DEADLINE_S} s: {what}\n{evidence()}"
        time.sleep(POLL_S)
