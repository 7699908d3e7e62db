"""The viewers of a stream that play, and how frames reach them.

A viewer that starts with a new key frame plays at once: in its batch, or alone. One that starts with cached frames is
*late* until it has had them: it gets a portion when it joins and the rest by calls of `catch_up`, a few milliseconds
apart, so that megabytes for one viewer hold up no other. Frames that are published meanwhile wait behind them
(`media.catch_up`); when none waits any more, the viewer plays like the others. It loses no frame and sees no gap.

Owned by a `media.stream`; `services.late_viewers` has the timer.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from edge_streamer.media.budget import WriteBudget
from edge_streamer.media.catch_up import CatchUp
from edge_streamer.media.viewer import Batch, BatchKind, Viewer
from edge_streamer.protocol.rtp.packets import PacketizedFrame

PORTION_BYTES: Final = 256 << 10
"""What all late viewers of a stream together are handed in one turn, rounded up to a whole frame."""

Deliver = Callable[[PacketizedFrame], None]


class Audience:
    """`on_late` is called when a viewer has become late: `catch_up` is then to be called until it returns False."""

    def __init__(self) -> None:
        self.on_late: Callable[[], None] = _nothing
        self._playing: dict[Viewer, Batch | None] = {}
        self._batches: dict[Hashable, Batch] = {}
        self._alone: dict[Viewer, Deliver] = {}  # playing viewers without a batch
        self._late: dict[Viewer, CatchUp] = {}  # the one whose turn is next comes first

    def __len__(self) -> int:
        return len(self._playing) + len(self._late)

    # --- viewers come and go

    def start(self, viewer: Viewer, first: PacketizedFrame) -> None:
        """Have `viewer` play, with `first` as the frame that is delivered next."""
        self._enter(viewer)
        self._start(viewer, first)

    def start_late(self, viewer: Viewer, frames: Sequence[PacketizedFrame], write_budget: WriteBudget) -> None:
        """Start `viewer` with cached frames, of which there is at least one."""
        late = self._late[viewer] = CatchUp(frames, write_budget)
        self._start(viewer, frames[0])
        if self._late.get(viewer) is late:  # a client's pipelined requests run inside its start
            self._hand_out(viewer, late, PORTION_BYTES)
        if self._late.get(viewer) is late:
            self.on_late()

    def leave(self, viewer: Viewer) -> None:
        """Deliver no longer to `viewer`; without effect for one that does not play."""
        self._late.pop(viewer, None)
        batch = self._playing.pop(viewer, None)
        self._alone.pop(viewer, None)
        if batch is not None:
            batch.remove(viewer)

    def _start(self, viewer: Viewer, first: PacketizedFrame) -> None:
        try:
            viewer.start(first)
        except Exception as error:  # noqa: BLE001 - as in _deliver
            self._fail(viewer, error)

    def _enter(self, viewer: Viewer) -> None:
        kind = viewer.batch_kind
        batch = self._playing[viewer] = self._batch(kind) if kind else None
        if batch is None:
            self._alone[viewer] = viewer.deliver
        else:
            batch.add(viewer)

    def _batch(self, kind: BatchKind) -> Batch:
        if kind.key not in self._batches:
            self._batches[kind.key] = kind.new()
        return self._batches[kind.key]

    # --- frames

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame that was just published to every viewer that plays, and put it behind what a late one awaits."""
        late = tuple(self._late.items()) if self._late else ()
        for key, batch in tuple(self._batches.items()):
            for viewer, error in batch.deliver(frame):
                self._fail(viewer, error)
            if batch.is_empty:
                del self._batches[key]
        if self._alone:
            self._deliver(frame, tuple(self._alone.items()))
        for viewer, catch_up in late:
            if self._late.get(viewer) is catch_up:
                self._add(viewer, catch_up, frame)

    def _deliver(self, frame: PacketizedFrame, viewers: Iterable[tuple[Viewer, Deliver]]) -> None:
        playing = self._playing
        for viewer, deliver in viewers:
            if viewer in playing:  # it may have left during this loop
                try:
                    deliver(frame)
                except Exception as error:  # noqa: BLE001 - the boundary between viewers: one must not end the others
                    self._fail(viewer, error)

    def _fail(self, viewer: Viewer, error: Exception) -> None:
        self.leave(viewer)
        viewer.on_fault(error)

    # --- late viewers

    def catch_up(self, now: float) -> bool:
        """Hand the late viewers their next portion, in turn; return whether one is still late."""
        left_bytes = PORTION_BYTES
        for viewer, late in tuple(self._late.items()):
            late.earn(now)
            if left_bytes > 0 and self._late.get(viewer) is late:
                handed_bytes = self._hand_out(viewer, late, left_bytes)
                left_bytes -= handed_bytes
                if handed_bytes and self._late.get(viewer) is late:
                    self._late[viewer] = self._late.pop(viewer)  # the others come first next time
        return bool(self._late)

    def _hand_out(self, viewer: Viewer, late: CatchUp, most_bytes: int) -> int:
        """Deliver as many frames as the viewer has room for, and return their size."""
        room_bytes = viewer.room_bytes
        return self._hand_over(viewer, late, min(most_bytes, late.credit_bytes if room_bytes is None else room_bytes))

    def _hand_over(self, viewer: Viewer, late: CatchUp, most_bytes: int) -> int:
        """Deliver frames of `most_bytes`, the last of them whole; a viewer that has had all of them plays."""
        handed_bytes = 0
        while handed_bytes < most_bytes and late:
            frame = late.take()
            handed_bytes += frame.packet_bytes
            try:
                viewer.deliver(frame)
            except Exception as error:  # noqa: BLE001 - as in _deliver
                self._fail(viewer, error)
            if self._late.get(viewer) is not late:
                return handed_bytes
        if not late:
            del self._late[viewer]
            self._enter(viewer)
        return handed_bytes

    def _add(self, viewer: Viewer, late: CatchUp, frame: PacketizedFrame) -> None:
        if frame.is_key_frame and viewer.skip(len(late)):
            late.clear()
        late.add(frame)
        if late.is_too_late:  # its write queue decides what becomes of it, as of any viewer that is too slow
            self._hand_over(viewer, late, late.waiting_bytes)


def _nothing() -> None:
    """The callback of a stream without a `LateViewers`: such a stream has no viewer."""
