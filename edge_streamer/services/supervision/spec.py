"""What a source is to be: the process to run, its outputs, and when it runs. Values only; made by `app`.

What becomes of them at run time is `supervisor`'s.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What one output of a source shall be; 0 or empty means: as the source finds it, or does by itself."""

    name: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    bitrate_bps: int = 0
    gop_s: float = 0.0
    encoder: str = ""
    overlay: str = ""

    def to_json(self) -> str:
        """Return what the child is told: the fields that are set."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What to run: `python -m edge_streamer.sources KIND` with the kind's own options and an output per stream."""

    kind: str
    outputs: tuple[OutputSpec, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """Return the command line, without the socket's number."""
        outputs = [part for output in self.outputs for part in ("--output", output.to_json())]
        options = ["--options", json.dumps(dict(self.options))] if self.options else []
        return [sys.executable, "-m", "edge_streamer.sources", self.kind, *options, *outputs]


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """When a stream's source runs, and how long a frame is waited for.

    `on_demand`: only while somebody watches, and `linger_s` longer. After `give_up_after_s` without a frame the
    stream's sessions end; its source is tried on.
    """

    on_demand: bool = False
    linger_s: float = 10.0
    give_up_after_s: float = 60.0
