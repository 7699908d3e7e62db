"""The encoder of one output: its requested settings, what it reports of itself, and its settings after changes.

Held by `output`, which takes the source's notes; a changed rate is passed on to the stream.
"""

from typing import Any

import msgspec

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import SourceChanged, SourceReady
from edge_streamer.protocol.source.request import AnyOutput
from edge_streamer.services.supervision.questions import StreamChange


class OutputEncoder:
    """`spec` is what the next process is asked for, `ready` what the present one reports of its encoder, `bitrate_bps`
    the rate in effect. A configured `link_bitrate_bps` (the stream was made with another rate than the encoder's) is
    the least rate of the stream's link."""

    def __init__(self, stream: Stream, spec: AnyOutput) -> None:
        self.spec = spec
        self.ready = SourceReady()
        self.bitrate_bps = spec.bitrate_bps
        self._fps = 0.0
        self._stream = stream
        self._least_link_bps = stream.link_bitrate_bps if stream.link_bitrate_bps != spec.bitrate_bps else 0

    @property
    def nominal_fps(self) -> float:
        """Frames a second: as the source reports, else as requested; 0 when neither is known."""
        return self._fps or self.spec.fps

    @property
    def width(self) -> int:
        """Picture width in pixels: as the source reports, else as requested; 0 when neither is known."""
        return self.ready.width or self.spec.width

    @property
    def height(self) -> int:
        """Picture height in pixels, as `width`."""
        return self.ready.height or self.spec.height

    def take_ready(self, ready: SourceReady, now: float) -> None:
        """Take the source's report of its encoder."""
        self.ready = ready
        self._fps = self._stream.nominal_fps = ready.fps
        self._take_bitrate(self.spec.bitrate_bps, now)

    def take_changed(self, changed: SourceChanged, confirmed: dict[str, Any], now: float) -> None:
        """Take the source's report of settings in effect; the next process is asked for those that are `confirmed`."""
        if changed.fps is not None:
            self._fps = self._stream.nominal_fps = changed.fps
        if changed.bitrate_bps is not None:
            self._take_bitrate(changed.bitrate_bps, now)
        self.spec = msgspec.structs.replace(self.spec, **confirmed)

    def _take_bitrate(self, bitrate_bps: int, now: float) -> None:
        if bitrate_bps != self.bitrate_bps:
            self.bitrate_bps = bitrate_bps
            self._stream.link.configure(max(bitrate_bps, self._least_link_bps), now)

    def refusal(self, change: StreamChange) -> str:
        """Return why the encoder cannot do `change`, so that the source is not asked; empty when it can."""
        asked = {command.command for command in change.commands(0)}
        if "set_bitrate" in asked and not self.ready.can_set_bitrate:
            return "this source cannot change its bit rate"
        if "set_fps" in asked and not self.ready.can_set_fps:
            return "this source cannot change its frame rate"
        return ""
