"""The specification of a source: the process to run, its outputs, and when it runs. Values only; made by `app`.

`supervisor` acts on them.
"""

import sys
from dataclasses import dataclass

from edge_streamer.protocol.source.request import AnyOutput, Options, Request, command_line


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """The process to run: `python -m edge_streamer.sources` with an output per stream and the options of its kind."""

    outputs: tuple[AnyOutput, ...]
    options: Options

    @property
    def kind(self) -> str:
        """The kind of source, which follows from its options: `testpattern`, `file`, `picamera2`, `v4l2` or `slate`."""
        return Request(self.outputs, self.options).kind

    def arguments(self) -> list[str]:
        """Return the command line, without the socket's number."""
        words = command_line(Request(self.outputs, self.options))
        return [sys.executable, "-m", "edge_streamer.sources", *words]


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """When a stream's source runs, and how long sessions wait for a frame.

    `on_demand`: the source runs only while the stream has a viewer, and `linger_s` longer. After `give_up_after_s`
    without a frame the stream's sessions end, unless a slate is shown; its source is still restarted. `shows_slate`:
    viewers get a slate while the source gives no picture.
    """

    on_demand: bool = False
    linger_s: float = 10.0
    give_up_after_s: float = 60.0
    shows_slate: bool = False
