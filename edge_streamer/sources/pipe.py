"""Output to a pipe, for a source run by hand: `python -m edge_streamer.sources testpattern | ffplay -`.

Output 0 goes to a descriptor as raw Annex B. A pipe carries no commands; of the notes only the reason of a failure is
printed, to standard error. A full pipe blocks, so the player sets the pace. Used by `__main__`.
"""

import os
import select
import sys
import time
from typing import Any

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.sources.ending import SourceStopped


class PipeLink:
    """Writes the first output's access units to `fd`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def wait(self, until_ns: int, wake_fd: int | None = None) -> list[SourceCommand]:
        """Sleep until `until_ns` of CLOCK_MONOTONIC or until `wake_fd` is readable; a pipe gives no commands."""
        left_s = max(0, until_ns - time.monotonic_ns()) / 1e9
        select.select([] if wake_fd is None else [wake_fd], [], [], left_s)
        return []

    def send_frame(self, output: int, frame: EncodedFrame) -> None:
        """Write the access unit; SourceStopped when the reader has closed the pipe."""
        unsent = memoryview(frame.data if output == 0 else b"")
        try:
            while unsent:
                unsent = unsent[os.write(self._fd, unsent) :]
        except BrokenPipeError:
            raise SourceStopped("the reader closed the pipe") from None

    def send_note(self, output: int, **values: Any) -> None:
        """Print why the source failed; all other notes are for the server."""
        if values["event"] == "failed":
            print(f"edge_streamer.sources: output {output}: {values['reason']}", file=sys.stderr)

    def send_snapshot(self, _output: int, _jpeg: bytes) -> None:
        """Drop the picture: a pipe carries no command, so none asked for it."""

    def wants_key_frame(self, _output: int) -> bool:
        """Return False: a pipe loses no frame."""
        return False

    def finish(self, _within_s: float) -> None:
        """Called at the end; each frame was written when it came, so nothing is left to deliver."""
