"""One output of a source and the stream that it feeds: its frames, its notes, and the requests to it.

`demand` tracks whether the stream is wanted, `encoder` the output's encoder, `questions` the requests that are open.

Held by the source's supervisor; nothing here starts or ends a process.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.logs.limits import printable
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import (
    SourceChanged,
    SourceCommand,
    SourceDiscarded,
    SourceDropped,
    SourceNote,
    SourceReady,
)
from edge_streamer.protocol.source.request import AnyOutput
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.turns import TimeHistogram
from edge_streamer.services.status import Histogram, StreamStatus
from edge_streamer.services.supervision.demand import Demand
from edge_streamer.services.supervision.encoder import OutputEncoder
from edge_streamer.services.supervision.notes import event_of, reason_of
from edge_streamer.services.supervision.questions import (
    Changes,
    OnChange,
    OnSnapshot,
    Snapshots,
    SourceFailure,
    StreamChange,
)
from edge_streamer.services.supervision.spec import StreamPolicy
from edge_streamer.services.supervision.times import HANDOFF_BOUNDS_S, SourceTimes, add_age

SILENCE_FRAMES: Final = 3
SILENCE_EXTRA_S: Final = 1.0
UNKNOWN_FPS: Final = 1.0


class SourceOutput:
    """`is_live`: pictures have come since the process was started. `prepared_at`: when a process without a frame last
    reported that it waits for its first; `waited_at`: when it last reported that its next frame is not due yet."""

    def __init__(
        self,
        loop: Loop,
        number: int,
        stream: Stream,
        spec: AnyOutput,
        policy: StreamPolicy,
        ask: Callable[[SourceCommand], None],
        times: SourceTimes,
    ) -> None:
        self.number: Final = number
        self.stream: Final = stream
        self.demand: Final = Demand(policy)
        self.encoder: Final = OutputEncoder(stream, spec)
        self.is_live = False
        self.prepared_at = 0.0
        self.waited_at = 0.0
        self.snapshots = Snapshots(loop, number, ask)
        self.changes = Changes(loop, number, ask)
        self._ask = ask
        self._loop = loop
        self._times = times
        self._handoff = TimeHistogram(HANDOFF_BOUNDS_S)  # from the encoder to the loop
        self._dropped_frames = 0
        self._discarded_buffers: Counter[str] = Counter()
        self._key_frame_at: float | None = None  # of the present process
        self._key_frame_interval_s: float | None = None

    # --- silence

    @property
    def heard_at(self) -> float:
        """When the source last sent a frame of this output, or reported that none is due."""
        return max(self.stream.last_frame_at, self.waited_at)

    def silence_limit_s(self) -> float:
        """Return how long the output may be silent before its process counts as failed."""
        return SILENCE_FRAMES / (self.encoder.nominal_fps or UNKNOWN_FPS) + SILENCE_EXTRA_S

    # --- demand

    @property
    def is_demanded(self) -> bool:
        """Whether a viewer watches, or sessions of a stream that this one replaces wait for its first picture."""
        return self.stream.is_watched or self.stream.awaited_by > 0

    def is_wanted(self, now: float) -> bool:
        """Whether a viewer or a snapshot request waits, a viewer watches, or one did less than `linger_s` ago."""
        if self.is_demanded or self.snapshots.is_awaited:
            self.demand.want(now)
        return self.demand.lingers(now)

    def is_overdue(self, now: float) -> bool:
        """Whether `give_up_after_s` has passed without a frame."""
        return self.demand.is_overdue(now, self.heard_at)

    def give_up(self) -> bool:
        """Forget the stream's format and frames; return whether there may be sessions to end."""
        is_first = self.demand.give_up()
        self.stream.forget_format()
        return is_first or self.stream.is_watched

    # --- the process

    def on_started(self) -> None:
        """Called when a process was started: its media times have another origin."""
        self.is_live = False
        self.stream.is_down = False
        self.stream.track.announce_restart()
        self.snapshots.ask_again()

    def on_ended(self) -> None:
        """Called when the process has ended, or was told to end: nothing of it is taken any more."""
        self.is_live = False
        self._key_frame_at = self._key_frame_interval_s = None
        self.stream.key_frame_requests.ask = None

    def on_failed(self, reason: str) -> None:
        """Called when the source has failed, or will give no more frames; all that waits is told `reason`."""
        self.stream.declare_down()
        self.snapshots.fail(reason)
        self.changes.fail(reason)

    def on_off(self) -> None:
        """Called when the source is turned off: drop the cache, or the next viewer would start with an old picture."""
        self.demand.forget()
        self.stream.is_down = False  # the next client may wait: the source is then started again
        self.stream.forget_frames()
        self.changes.fail("nobody watches the stream any more")

    def take(self, frame: EncodedFrame, now: float) -> None:
        """Publish an access unit that arrived at `now`; if it has a picture, update what depends on pictures."""
        add_age(self._handoff, frame.sent_ns, now)
        published = self.stream.publish(frame, now)
        self._times.note_sent(frame, self._loop.now())
        if published is None:
            return
        self.is_live = True
        if published.is_key_frame:
            self._note_key_frame(now)
        if (first_frame_s := self.demand.on_picture(now)) is not None:
            self._times.first_frame.add(first_frame_s)
        self.snapshots.ask_if_awaited()

    def _note_key_frame(self, now: float) -> None:
        if self._key_frame_at is not None:
            self._key_frame_interval_s = now - self._key_frame_at
        self._key_frame_at = now

    # --- notes of the source

    def take_note(self, note: SourceNote, now: float) -> None:
        """Act on a note about this output; SourceFormatError when its values are invalid."""
        match event_of(note):
            case "ready":
                self._take_ready(note.read_as(SourceReady), now)
            case "changed":
                changed = note.read_as(SourceChanged)
                self.encoder.take_changed(changed, self.changes.take(changed), now)
            case "waiting" if self.is_live:
                self.waited_at = now
            case "waiting":
                self.prepared_at = now
            case "dropped":
                self._dropped_frames += note.read_as(SourceDropped).frames
            case "discarded":
                discarded = note.read_as(SourceDiscarded)
                self._discarded_buffers[discarded.reason] += discarded.buffers
            case "unsupported":
                self._take_refusal(str(note.values.get("command")), reason_of(note))

    def _take_ready(self, ready: SourceReady, now: float) -> None:
        self.encoder.take_ready(ready, now)
        self.stream.track.never_reorders = ready.never_reorders
        command = SourceCommand("force_key_frame", self.number)
        self.stream.key_frame_requests.ask = partial(self._ask, command) if ready.can_force_key_frame else None

    def _take_refusal(self, command: str, reason: str) -> None:
        if command == "snapshot":
            self.snapshots.refuse(reason)
        elif command == "force_key_frame":
            self.stream.key_frame_requests.ask = None
        else:
            self.changes.refuse(command, reason)

    # --- requests to the source

    def take_snapshot(self, callback: OnSnapshot, why_down: str) -> None:
        """Have `callback` called with a snapshot, or with the reason for none: `why_down` if the source is down."""
        if self.stream.is_down:
            self._loop.post(partial(callback, SourceFailure(why_down)))
            return
        self.snapshots.request(callback)
        if self.is_live:
            self.snapshots.ask_if_awaited()

    def change(self, change: StreamChange, callback: OnChange, why_down: str) -> None:
        """Have `callback` called with None when the change is in effect, else with the reason."""
        refusal = self.encoder.refusal(change) if self.is_live else f"the source is not up: {why_down}"
        if refusal:
            self._loop.post(partial(callback, SourceFailure(refusal)))
        else:
            self.changes.request(change, callback)

    # --- status

    def status(
        self, now: float, source_kind: str, *, is_wanted: bool, is_starting: bool, reason: str, restarts: dict[str, int]
    ) -> StreamStatus:
        """Return the stream's status. The supervisor passes in what it knows of the process: whether it is wanted or
        still starting, its restarts, and the `reason` that applies if there is no picture."""
        stream, ready, last = self.stream, self.encoder.ready, self.stream.last_frame
        is_up = self.is_live and now - self.heard_at <= self.silence_limit_s()
        return StreamStatus(
            name=stream.name,
            source_kind=source_kind,
            encoder=printable(ready.encoder),
            encoder_reason=printable(ready.encoder_reason),
            camera=printable(ready.camera),
            width=ready.width or self.encoder.spec.width,
            height=ready.height or self.encoder.spec.height,
            nominal_fps=self.encoder.nominal_fps,
            bitrate_bps=self.encoder.bitrate_bps,
            can_set_bitrate=ready.can_set_bitrate,
            can_set_fps=ready.can_set_fps,
            link_bitrate_bps=stream.link_bitrate_bps,
            write_budget_bytes=stream.write_budget_bytes(),
            is_up=is_up,
            is_wanted=is_wanted,
            is_failing=is_wanted and not is_up and not is_starting,
            reason="" if is_up else reason,
            viewers=stream.viewers,
            frames=stream.counters.frames,
            key_frames=stream.counters.key_frames,
            bytes=stream.counters.bytes,
            dropped_frames=self._dropped_frames,
            discarded_buffers=dict(self._discarded_buffers),
            restarts=restarts,
            last_frame_wall_s=last.wall_ns / 1e9 if last else None,
            last_frame_age_s=now - stream.last_frame_at if last else None,
            frame_handoff=Histogram.of(self._handoff),
            key_frame_interval_s=self._key_frame_interval_s,
        )
