"""The plan of a reload: the difference between the configuration in effect and the one that was just read.

The module is pure: it reads no file and starts nothing. `reload_reader` reads the file; `app` carries the plan out,
with `running_sources` for the streams. The rules, which `docs/operations.md` tells operators:

- A stream whose own keys and whose source's keys are unchanged is untouched: no frame is lost.
- A stream with a changed key, or another source, is replaced: a new stream takes its name, and the sessions of the old
  stream end when the new one has its first picture.
- Two streams of one camera share its process. When one of them changes, the other pauses while the camera is opened
  again, a second or two, and its sessions stay.
- Limits and log-ins apply to new connections and sessions only; those that exist stay.
- Values that clients were already told or that were allotted to them (addresses, ports, time-outs, budgets) change at
  the next restart: see `RESTART_KEYS`.
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

    `config` has the values that are in effect, even where the file has others by now; the places are those that
    clients were told.
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
    """What a reload does to sources (`begun`, `ended`) and to streams (the other four, by name).

    `after` is what is in effect afterwards. `begun` are the sources that are new in it, `ended` those that are no
    longer in it. A `carried` stream is unchanged and goes on, fed by a new process; a `replaced` one is a new stream.
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
        """The plan in short, as the API and the log report it."""
        changed = (*self.replaced, *self.added, *self.removed, *self.carried)
        return ReloadOutcome(changed=changed, needs_restart=self.needs_restart)


def plan_reload(now: InEffect, config: Config, sources: Sequence[PlannedSource]) -> ReloadPlan:
    """Return the plan that leads from what is in effect to the configuration and sources that were read."""
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
    """Return `new` with the running values of the keys that only a restart changes, and those keys that differ."""
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
    """Return the places of multicast groups: a stream that existed keeps the place that clients were told, and no other
    stream takes it. Also return the streams that get another place, or their first one, at the next restart."""
    wanted = group_places(settled.multicast, settled.streams)
    stay = {name: running[name] for name in wanted if name in running}
    places = stay | {name: place for name, place in wanted.items() if name not in stay and place not in stay.values()}
    if "multicast" not in settled.rtsp.transports:
        return places, ()
    return places, tuple(f"streams.{name}: its multicast group" for name in wanted if places.get(name) != wanted[name])
