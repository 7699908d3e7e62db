"""One output of a source and the stream that it feeds: its frames, its notes, and the requests to it.

`demand` tracks whether the stream is wanted, `encoder` the output's encoder, `questions` the requests that are open,
`liveness` whether viewers can be served, `outage` what they get while they cannot.

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
from edge_streamer.protocol.source.request import AnyOutput, Options
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.turns import TimeHistogram
from edge_streamer.services.status import Histogram, StreamStatus
from edge_streamer.services.supervision.demand import Demand
from edge_streamer.services.supervision.encoder import OutputEncoder
from edge_streamer.services.supervision.liveness import Liveness
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.notes import event_of, reason_of
from edge_streamer.services.supervision.outage import Outage, OutageState
from edge_streamer.services.supervision.questions import (
    Changes,
    OnChange,
    OnSnapshot,
    Snapshots,
    SourceFailure,
    StreamChange,
)
from edge_streamer.services.supervision.slate import slate_spec
from edge_streamer.services.supervision.spec import StreamPolicy
from edge_streamer.services.supervision.times import HANDOFF_BOUNDS_S, SourceTimes, add_age


class SourceOutput:
    """`is_down`: the source has failed and does not run now."""

    def __init__(
        self,
        loop: Loop,
        number: int,
        stream: Stream,
        spec: AnyOutput,
        policy: StreamPolicy,
        ask: Callable[[SourceCommand], None],
        times: SourceTimes,
        log: SourceLog,
        options: Options,
    ) -> None:
        self.number: Final = number
        self.stream: Final = stream
        self.demand: Final = Demand(policy)
        self.encoder: Final = OutputEncoder(stream, spec)
        self.outage: Final = Outage(
            loop,
            stream,
            log,
            lambda reason, since_wall_s: slate_spec(stream, self.encoder, options, reason, since_wall_s),
            self._on_no_slate,
            is_enabled=policy.shows_slate,
        )
        self.liveness: Final = Liveness(stream, self.encoder)
        self.is_down = False
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
        """Whether `give_up_after_s` has passed without a frame, and viewers get no slate."""
        return not self.outage.is_shown and self.demand.is_overdue(now, self.liveness.heard_at)

    def missing_since(self, now: float, *, has_failed: bool) -> float | None:
        """Return since when a picture is missing that is overdue by now; None when none is. `has_failed`: the process
        has, since it was last up."""
        return self.liveness.missing_since(now, self.demand.awaited_from, has_failed=has_failed)

    def give_up(self) -> bool:
        """Forget the stream's format and frames; return whether there may be sessions to end."""
        is_first = self.demand.give_up()
        self.stream.forget_format()
        return is_first or self.stream.is_watched

    # --- the process

    def on_started(self) -> None:
        """Called when a process was started: its media times have another origin."""
        self.is_down = False
        self.stream.is_down = False
        self.stream.track.announce_restart()
        self.snapshots.ask_again()

    def on_ended(self) -> None:
        """Called when the process has ended, or was told to end: nothing of it is taken any more."""
        self.liveness.on_ended()
        self._key_frame_at = self._key_frame_interval_s = None
        self.stream.key_frame_requests.ask = None

    def on_failed(self, reason: str) -> None:
        """Called when the source has failed, or will give no more frames; all that waits is told `reason`."""
        self.is_down = True
        if not self.outage.will_be_shown:
            self.stream.declare_down()
        self.snapshots.fail(reason)
        self.changes.fail(reason)

    def _on_no_slate(self) -> None:
        if self.is_down:
            self.stream.declare_down()

    def on_off(self) -> None:
        """Called when the source is turned off: drop the cache, or the next viewer would start with an old picture."""
        self.demand.forget()
        self.outage.on_off()
        self.is_down = False
        self.stream.is_down = False  # the next client may wait: the source is then started again
        self.stream.forget_frames()
        self.changes.fail("nobody watches the stream any more")

    def take(self, frame: EncodedFrame, now: float) -> None:
        """Publish an access unit that arrived at `now`; if it has a picture, update what depends on pictures."""
        add_age(self._handoff, frame.sent_ns, now)
        published = self.stream.publish(frame, now)
        self._times.note_sent(frame, self._loop.now())
        if published is None:
            if self.outage.is_shown:  # it ends at a picture that a decoder can start with
                self.stream.key_frame_requests.request(now)
                self.liveness.take_useless(now)
            return
        if not self.liveness.take(published, now):
            return
        if self.outage.state is not OutageState.CLEAR:
            self.outage.on_returned()
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
            case "waiting":
                self.liveness.on_waiting(now)
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
        """Have `callback` called with a snapshot, or with the reason for none: `why_down` if the source is down, or if
        its picture is so late that viewers get a slate."""
        if self.is_down or self.outage.is_shown:
            self._loop.post(partial(callback, SourceFailure(why_down)))
            return
        self.snapshots.request(callback)
        if self.liveness.is_live:
            self.snapshots.ask_if_awaited()

    def change(self, change: StreamChange, callback: OnChange, why_down: str) -> None:
        """Have `callback` called with None when the change is in effect, else with the reason."""
        refusal = self.encoder.refusal(change) if self.liveness.is_live else f"the source is not up: {why_down}"
        if refusal:
            self._loop.post(partial(callback, SourceFailure(refusal)))
        else:
            self.changes.request(change, callback)

    # --- status

    def status(
        self, now: float, source_kind: str, *, is_wanted: bool, is_starting: bool, reason: str, restarts: dict[str, int]
    ) -> StreamStatus:
        """Return the stream's status; the arguments are of its process, `reason` applies if there is no picture."""
        stream, ready, last = self.stream, self.encoder.ready, self.stream.last_frame
        is_up = self.liveness.is_up(now)
        return StreamStatus(
            name=stream.name,
            source_kind=source_kind,
            encoder=printable(ready.encoder),
            encoder_reason=printable(ready.encoder_reason),
            camera=printable(ready.camera),
            width=self.encoder.width,
            height=self.encoder.height,
            nominal_fps=self.encoder.nominal_fps,
            bitrate_bps=self.encoder.bitrate_bps,
            can_set_bitrate=ready.can_set_bitrate,
            can_set_fps=ready.can_set_fps,
            link_bitrate_bps=stream.link_bitrate_bps,
            write_budget_bytes=stream.write_budget_bytes(),
            is_up=is_up,
            is_wanted=is_wanted,
            is_failing=is_wanted and not is_up and not is_starting,
            reason="" if is_up else self.liveness.why_unservable() or reason,
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
            start_cache_bytes=None if stream.cache.has_overflowed else stream.cache.cached_bytes,
            start_cache_overflows=stream.cache.overflows,
            is_slate_shown=self.outage.is_shown,
            slate_frames=stream.counters.slate_frames,
        )
