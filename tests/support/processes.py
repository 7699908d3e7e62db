"""What /proc says of a process (children, CPU, memory), and how one that we started ends.

Called by the running service's test handle and by the benchmarks. Linux only. A process that has just ended has no
children and raises `ProcessLookupError` for the rest.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def child_pids(pid: int) -> list[int]:
    """Return the process ids of all descendants, parents before their children."""
    found = []
    for task in _tasks(pid):
        try:
            children = (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in map(int, children):
            found += [child, *child_pids(child)]
    return found


def cpu_s(pid: int) -> float:
    """Return the seconds that the process's threads have been on a CPU, in nanosecond steps (`schedstat`)."""
    spent_ns = [int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid)]
    if not spent_ns:
        raise ProcessLookupError(f"no process {pid}")
    return sum(spent_ns) / 1e9


def resident_bytes(pid: int) -> int:
    """Return VmRSS: what is in memory, shared pages counted whole."""
    return _kilobytes(_PROC / str(pid) / "status", "VmRSS:")


def open_descriptors(pid: int) -> int:
    """Return how many descriptors the process has open."""
    return len(os.listdir(_PROC / str(pid) / "fd"))


def proportional_bytes(pid: int) -> int:
    """Return PSS: what is in memory, a page shared by n processes counted as 1/n."""
    return _kilobytes(_PROC / str(pid) / "smaps_rollup", "Pss:")


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code (negative: the signal) without reaping, so that the pid stays ours; None while it runs."""
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process group whose leader we started and did not reap yet, then reap the leader."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Descendants:
    """Processes that a process of ours has started, held by pidfd: a number that the kernel reuses is no mistake."""

    def __init__(self) -> None:
        self._descriptors: dict[int, int] = {}

    def note(self, pid: int) -> None:
        """Hold all present descendants of `pid`."""
        for child in child_pids(pid):
            if child not in self._descriptors:
                try:
                    self._descriptors[child] = os.pidfd_open(child)
                except ProcessLookupError:
                    continue

    def end(self, grace_s: float) -> list[int]:
        """Wait until they have ended by themselves; kill and return those that have not after `grace_s`."""
        deadline = time.monotonic() + grace_s
        left = []
        for pid, descriptor in self._descriptors.items():
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                left.append(pid)
            os.close(descriptor)
        self._descriptors.clear()
        return left


def _tasks(pid: int) -> Iterator[Path]:
    try:
        yield from (_PROC / str(pid) / "task").iterdir()
    except (FileNotFoundError, ProcessLookupError):
        return


def _kilobytes(path: Path, name: str) -> int:
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise ProcessLookupError(f"no {path}") from None
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(name))
