"""Clients of every kind that come and go at random: what a service meets in a bad year, in five minutes.

The animals live in a few cages, each a reader process in its own namespace whose link can be cut. Who does what when
follows from the seed; what becomes of it does not, and nobody minds: the healthy readers next door are what is judged.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.support.netns.namespaces import Laboratory
from tests.support.netns.readers import ReaderProcess

MAX_ANIMALS: Final = 60
LEAVING_KEPT: Final = 10
"""A TEARDOWN gets this many more leavers' time to be answered before its connection is closed."""
SHORT_STALL_S: Final = (0.5, 6.0)
POWER_LOSS_S: Final = (9.0, 12.0)
"""Longer than `dead_after_s`: whoever is behind that link is dead, and the next to come there is alive again."""
TINY_BUFFER_BYTES: Final = 4096
STRANGERS: Final = ("header_trickler", "reply_ignorer", "garbage_sender")


@dataclass(slots=True)
class Cage:
    """A reader process and the clients in it; `cut_until` is when its link is mended, 0 while it works."""

    reader: ReaderProcess
    animals: list[str] = field(default_factory=list)
    leaving: deque[str] = field(default_factory=deque)
    cut_until: float = 0.0


class Zoo:
    """See the module. `urls` are the streams that animals watch."""

    def __init__(self, lab: Laboratory, readers: Sequence[ReaderProcess], urls: Sequence[str], seed: int) -> None:
        self.events: Counter[str] = Counter()
        self._lab = lab
        self._cages = [Cage(reader) for reader in readers]
        self._urls = urls
        self._chance = random.Random(seed)
        self._names = count()
        self._actions: Mapping[str, tuple[int, Callable[[Cage, float], None]]] = {
            "join": (8, self._join),
            "leave": (4, self._leave),
            "reset": (4, self._reset),
            "stop reading": (2, self._stop_reading),
            "sip": (1, self._sip),
            "stranger": (3, self._let_in_stranger),
            "link stall": (1, lambda cage, now: self._cut(cage, now, SHORT_STALL_S)),
            "power loss": (1, lambda cage, now: self._cut(cage, now, POWER_LOSS_S)),
        }

    def step(self, now: float) -> None:
        """Let one thing happen, and mend the links whose time has come."""
        self._mend(now)
        [name] = self._chance.choices(list(self._actions), [weight for weight, _act in self._actions.values()])
        self.events[name] += 1
        self._actions[name][1](self._chance.choice(self._cages), now)

    def close(self) -> None:
        """Let everybody go, each as if its machine had crashed, and mend all links."""
        self._lab.mend([cage.reader.port for cage in self._cages])
        for cage in self._cages:
            for animal in [*cage.animals, *cage.leaving]:
                cage.reader.tell(animal, "reset")
                cage.reader.report(animal, "forget")
            cage.animals.clear()
            cage.leaving.clear()

    @property
    def animals(self) -> int:
        """How many clients there are, dead ones that nobody has cleared away included."""
        return sum(len(cage.animals) for cage in self._cages)

    # --- what happens

    def _join(self, cage: Cage, now: float) -> None:
        transport = self._chance.choice(("tcp", "tcp", "tcp", "udp"))
        self._open(cage, now, "player", transport=transport, receive_buffer_bytes=self._chance.choice((0, 1 << 16)))

    def _let_in_stranger(self, cage: Cage, now: float) -> None:
        kind = self._chance.choice(STRANGERS)
        seed = {"seed": self._chance.getrandbits(32)} if kind == "garbage_sender" else {}
        self._open(cage, now, kind, receive_buffer_bytes=TINY_BUFFER_BYTES, **seed)

    def _open(self, cage: Cage, now: float, kind: str, **options: str | int) -> None:
        if self.animals >= MAX_ANIMALS:
            self._reset(max(self._cages, key=lambda crowded: len(crowded.animals)), now)
        name = f"{kind}{next(self._names)}"
        cage.reader.open(name, kind=kind, url=self._chance.choice(self._urls), **options)
        cage.animals.append(name)

    def _leave(self, cage: Cage, now: float) -> None:
        players = [animal for animal in cage.animals if animal.startswith("player")]
        if players:
            animal = self._chance.choice(players)
            cage.animals.remove(animal)
            cage.leaving.append(animal)
            cage.reader.tell(animal, "leave")
            if len(cage.leaving) > LEAVING_KEPT:
                cage.reader.report(cage.leaving.popleft(), "forget")

    def _reset(self, cage: Cage, now: float) -> None:
        if cage.animals:
            animal = cage.animals.pop(self._chance.randrange(len(cage.animals)))
            cage.reader.tell(animal, "reset")
            cage.reader.report(animal, "forget")

    def _stop_reading(self, cage: Cage, now: float) -> None:
        if cage.animals:
            cage.reader.tell(self._chance.choice(cage.animals), "stop_reading")

    def _sip(self, cage: Cage, now: float) -> None:
        players = [animal for animal in cage.animals if animal.startswith("player")]
        if players:
            cage.reader.tell(self._chance.choice(players), "sip")

    def _cut(self, cage: Cage, now: float, duration_s: tuple[float, float]) -> None:
        if not cage.cut_until:
            cage.cut_until = now + self._chance.uniform(*duration_s)
            self._lab.cut([cage.reader.port])

    def _mend(self, now: float) -> None:
        for cage in self._cages:
            if cage.cut_until and now >= cage.cut_until:
                cage.cut_until = 0.0
                self._lab.mend([cage.reader.port])
