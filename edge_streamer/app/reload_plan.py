"""What a reload has to do: the configuration that runs and the one that was read in, and the difference as a plan.

It reads no file, starts nothing and asks nobody. `reloader` reads the file and `app` carries the plan out, its
streams by `running_sources`. The rules, which `docs/operations.md` tells operators:

- A stream whose keys are the same, and whose source's are, is untouched: not a frame is lost.
- A stream with another key, or another source, is replaced: a new stream takes its name, and the sessions of the old
  one end when the new one has its first picture.
- Two streams of one camera share its process. When one of them changes, the other pauses while the camera is opened
  anew, a second or two, and its sessions stay.
- Limits and log-ins count for connections and sessions that come; who is here stays.
- What was told to people who are here (addresses, ports, time-outs, budgets) waits for a restart: see `RESTART_KEYS`.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from edge_streamer.app.source_plan import PlannedSource
from edge_streamer.config.config import SECTIONS, Config
from edge_streamer.config.streams import DecidedStream
from edge_streamer.protocol.source.request import CameraOptions, V4l2Options
from edge_streamer.services.marks import keys_marked
from edge_streamer.services.rtsp.settings import group_places
from edge_streamer.services.status import ReloadOutcome

RESTART_KEYS: Final = keys_marked(SECTIONS, "restart_only", True)
_SECTIONS: Final = tuple(dict.fromkeys(key.partition(".")[0] for key in RESTART_KEYS))

Place: TypeAlias = tuple[str, int]
"""Address and RTP port of a stream's multicast group."""


@dataclass(frozen=True, slots=True)
class InEffect:
    """What runs: its configuration, the sources that feed its streams, and where each stream's multicast group is.

    `config` has the values that are in effect, whatever the file says; the places are those that viewers were told.
    """

    config: Config
    sources: tuple[PlannedSource, ...]
    places: Mapping[str, Place]

    @classmethod
    def from_start(cls, config: Config, sources: Sequence[PlannedSource]) -> "InEffect":
        """Return what is in effect when the service has just started."""
        return cls(config, tuple(sources), group_places(config.multicast, config.streams))


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """What becomes of everything.

    `after` is what is in effect afterwards. Of its sources `begun` are new, and `ended` run no more. `carried` are the
    streams of `begun` that go on as they were from another process; `replaced`, `added` and `removed` do not.
    """

    after: InEffect
    begun: tuple[PlannedSource, ...]
    ended: tuple[PlannedSource, ...]
    carried: tuple[str, ...]
    replaced: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    needs_restart: tuple[str, ...]

    @property
    def outcome(self) -> ReloadOutcome:
        """What the plan comes to, for people."""
        changed = (*self.replaced, *self.added, *self.removed, *self.carried)
        return ReloadOutcome(changed=changed, needs_restart=self.needs_restart)


def plan_reload(now: InEffect, config: Config, sources: Sequence[PlannedSource]) -> ReloadPlan:
    """Return how to come from what is in effect now to what was read in."""
    begun = tuple(source for source in sources if source not in now.sources)
    ended = tuple(source for source in now.sources if source not in sources)
    before, after = _streams(ended), _streams(begun)
    settled, waiting_keys = _settled_config(now.config, config)
    places, waiting_places = _settled_places(now.places, settled)
    return ReloadPlan(
        after=InEffect(settled, tuple(sources), places),
        begun=begun,
        ended=ended,
        carried=tuple(name for name in after if before.get(name) == after[name]),
        replaced=tuple(name for name in after if name in before and before[name] != after[name]),
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        needs_restart=(*waiting_keys, *waiting_places),
    )


def _streams(sources: Iterable[PlannedSource]) -> dict[str, DecidedStream]:
    return {name: stream for source in sources for name, stream in source.streams.items()}


def device_of(source: PlannedSource) -> str:
    """Return the device that only one process can open; empty for a source without one."""
    match source.spec.options:
        case CameraOptions(camera=number):
            return f"camera {number}"
        case V4l2Options(device=path):
            return os.path.realpath(path)  # /dev/v4l/by-id/... are links
        case _:
            return ""


def _settled_config(running: Config, new: Config) -> tuple[Config, tuple[str, ...]]:
    """Return `new` with what only a restart changes as it was, and the keys of that."""
    waiting = tuple(key for key in RESTART_KEYS if _value(running, key) != _value(new, key))
    sections = {section: _with_values_of(running, new, section, waiting) for section in _SECTIONS}
    return msgspec.structs.replace(new, **sections), waiting


def _with_values_of(running: Config, new: Config, section: str, keys: Iterable[str]) -> Any:
    kept = {key.partition(".")[2]: _value(running, key) for key in keys if key.startswith(f"{section}.")}
    return msgspec.structs.replace(getattr(new, section), **kept)


def _value(config: Config, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)


def _settled_places(running: Mapping[str, Place], settled: Config) -> tuple[dict[str, Place], tuple[str, ...]]:
    """Return where groups are: those of streams that were there stay where viewers were told, and nobody takes their
    place. With it come the streams that would have another place after a restart, or that have none until then."""
    wanted = group_places(settled.multicast, settled.streams)
    stay = {name: running[name] for name in wanted if name in running}
    places = stay | {name: place for name, place in wanted.items() if name not in stay and place not in stay.values()}
    if "multicast" not in settled.rtsp.transports:
        return places, ()
    return places, tuple(f"streams.{name}: its multicast group" for name in wanted if places.get(name) != wanted[name])
