"""Power cuts on the emulated disk: what a boot wrote is recorded once, and booted again as it was at random instants.

Called by `test_power_cuts`. A scenario is one boot from power-on until its work is done; its instants are those between
two of the requests that its disk was asked for.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from tests.image.builds import BuiltImage
from tests.image.disk import Disk, copied_disk
from tests.image.machine import AMD64, Device, running_device
from tests.support.power_cut import Flush, Recording, cut, read_recording

MEMORY_MIB: Final = 512
AT_A_TIME: Final = 2
QUICKER: Final = ("mitigations=off", "nokaslr")
"""What an emulated processor has no need of."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A boot that was recorded: the disk before it, and everything that was written."""

    name: str
    before: Disk
    recording: Recording

    def disk_at(self, instant: int, seed: int, target: Path) -> Disk:
        """Return the disk as it was when the power went after so many requests."""
        disk = copied_disk(self.before.path, target)
        self.recording.write_disk(target, cut(self.recording, instant, Random(seed)))
        return disk


@dataclass(frozen=True, slots=True)
class Instant:
    """When the power goes: in which scenario, after how many of its requests, and what the card makes of the last."""

    scenario: Scenario
    requests: int
    seed: int

    def __str__(self) -> str:
        return f"{self.scenario.name} after request {self.requests} of {len(self.scenario.recording.entries)}"


@contextmanager
def device_of(built: BuiltImage, disk: Disk, recording: Path | None = None) -> Iterator[Device]:
    """Switch a device on with that disk."""
    options = {"memory_mib": MEMORY_MIB, "parameters": QUICKER}
    with running_device(AMD64, built.boot(), disk.path, recording=recording, **options) as device:
        yield device


def recorded(built: BuiltImage, name: str, before: Disk, until: Callable[[Device], None]) -> tuple[Scenario, Disk]:
    """Boot a copy of a disk until its work is done and switch it off; return what was written, and the disk after."""
    after = copied_disk(before.path, before.path.with_name(f"{name}-after"))
    log = before.path.with_name(f"{name}-log")
    with device_of(built, after, log) as device:
        until(device)
        device.shell.run("sync")
    return Scenario(name, before, read_recording(log)), after


def instants(scenarios: Sequence[Scenario], count: int, random: Random) -> list[Instant]:
    """Return so many instants: each after a random request, in a part between two flushes that is as likely as another.

    Most requests copy the files of `/var`, which nobody minds; a state that matters is written with a flush or two.
    """
    parts = [(scenario, part) for scenario in scenarios for part in _parts(scenario.recording)]
    chosen = [random.choice(parts) for _ in range(count)]
    return [Instant(scenario, random.choice(part), random.getrandbits(32)) for scenario, part in chosen]


def _parts(recording: Recording) -> Iterator[range]:
    """Give the numbers of requests after which the power may go, from each flush to the next."""
    flushes = [number for number, entry in enumerate(recording.entries, 1) if isinstance(entry, Flush)]
    for begin, end in pairwise([0, *flushes]):
        yield range(begin + 1, end + 1)


def each(chosen: Sequence[Instant], check: Callable[[Instant], None], say: Callable[[str], None]) -> list[str]:
    """Check two instants at a time and return what went wrong, each with its instant; says how long each took."""

    def checked(instant: Instant) -> None:
        began = time.monotonic()
        check(instant)
        say(f"{instant}: {time.monotonic() - began:.0f} s")

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        checks = {instant: pool.submit(checked, instant) for instant in chosen}
    failed = ((instant, done.exception()) for instant, done in checks.items())
    return [f"{instant}, seed {instant.seed}: {failure!r}" for instant, failure in failed if failure is not None]
