"""Viewers that start with cached frames: handed out in portions, without a gap, and nobody else waits for them."""

from itertools import pairwise

import pytest

from edge_streamer.media.audience import PORTION_BYTES, Audience
from edge_streamer.media.budget import WriteBudget
from edge_streamer.media.catch_up import BURST_BYTES, PACE, SLOWEST_PACE_BYTES_PER_S
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.protocol.rtp.packets import PacketizedFrame

TICK_S = 0.01
FRAME_BYTES = 20_000
BUDGET = WriteBudget(8.0, 4_000_000)


class Line:
    """Makes frames, in sequence."""

    def __init__(self) -> None:
        self._packetizer = H264Packetizer(ssrc=1, first_sequence=1000)

    def frame(self, size_bytes: int = FRAME_BYTES, *, is_key_frame: bool = False) -> PacketizedFrame:
        return self._packetizer.packetize([b"\x41" + bytes(size_bytes - 1)], 0, is_key_frame=is_key_frame)

    def frames(self, count: int) -> list[PacketizedFrame]:
        return [self.frame() for _ in range(count)]


class Viewer:
    """A viewer with room for so much at a time; it may fail, leave, or skip."""

    batch_kind = None

    def __init__(self, room_bytes: int | None = 1 << 30, *, skips: bool = False) -> None:
        self.room_bytes = room_bytes
        self.started: list[PacketizedFrame] = []
        self.frames: list[PacketizedFrame] = []
        self.skipped = 0
        self.errors: list[Exception] = []
        self.on_deliver = lambda: None
        self.on_start = lambda: None
        self._skips = skips

    def start(self, first: PacketizedFrame) -> None:
        self.started.append(first)
        self.on_start()

    def deliver(self, frame: PacketizedFrame) -> None:
        self.frames.append(frame)
        self.on_deliver()

    def on_fault(self, error: Exception) -> None:
        self.errors.append(error)

    def skip(self, frames: int) -> bool:
        self.skipped += frames if self._skips else 0
        return self._skips

    @property
    def got_bytes(self) -> int:
        return sum(frame.packet_bytes for frame in self.frames)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def audience() -> Audience:
    return Audience()


def have_no_gap(frames: list[PacketizedFrame]) -> bool:
    return all(
        (earlier.first_sequence + earlier.packet_count) & 0xFFFF == later.first_sequence
        for earlier, later in pairwise(frames)
    )


def test_a_short_group_is_had_at_once_and_asks_for_no_timer(audience, line):
    asked = []
    audience.on_late = lambda: asked.append("asked")
    viewer, cached, new = Viewer(), line.frames(5), line.frame()
    audience.start_late(viewer, cached, BUDGET)
    audience.deliver(new)
    assert (viewer.started, viewer.frames) == (cached[:1], [*cached, new])
    assert asked == []
    assert not audience.catch_up(0.0)


def test_a_long_group_comes_in_portions_and_new_frames_come_behind_it(audience, line):
    asked = []
    audience.on_late = lambda: asked.append("asked")
    viewer, frames = Viewer(), line.frames(200)
    audience.start_late(viewer, frames, BUDGET)
    turns = 0
    before_bytes = 0
    is_late = True
    while is_late:
        assert viewer.got_bytes - before_bytes < PORTION_BYTES + 2 * FRAME_BYTES
        before_bytes = viewer.got_bytes
        frames.append(line.frame())
        audience.deliver(frames[-1])
        turns += 1
        is_late = audience.catch_up(turns * TICK_S)
    frames.append(line.frame())
    audience.deliver(frames[-1])
    assert viewer.frames == frames
    assert asked == ["asked"]
    assert len(audience) == 1


def test_a_connection_without_room_is_handed_nothing(audience, line):
    viewer = Viewer(room_bytes=0)
    audience.start_late(viewer, line.frames(3), BUDGET)
    assert audience.catch_up(0.0)
    assert viewer.frames == []
    viewer.room_bytes = 1
    assert audience.catch_up(TICK_S)
    assert len(viewer.frames) == 1, "a whole frame, since it is never cut"


def test_late_viewers_share_a_turn_and_take_turns(audience, line):
    viewers, frames = [Viewer() for _ in range(4)], line.frames(120)
    for viewer in viewers:
        audience.start_late(viewer, frames, BUDGET)
    at_first = [len(viewer.frames) for viewer in viewers]
    for turn in range(4):
        before = sum(viewer.got_bytes for viewer in viewers)
        audience.catch_up(turn * TICK_S)
        assert sum(viewer.got_bytes for viewer in viewers) - before < PORTION_BYTES + 2 * FRAME_BYTES
    assert all(len(viewer.frames) > first for viewer, first in zip(viewers, at_first, strict=True))


@pytest.mark.parametrize(
    ("budget", "pace_bytes_per_s"),
    [(BUDGET, PACE * 500_000), (WriteBudget(8.0, 0), SLOWEST_PACE_BYTES_PER_S)],
)
def test_datagrams_are_paced_to_a_few_times_the_streams_rate(audience, line, budget, pace_bytes_per_s):
    viewer = Viewer(room_bytes=None)
    audience.start_late(viewer, line.frames(200), budget)
    assert viewer.got_bytes <= BURST_BYTES + 2 * FRAME_BYTES
    now, before_bytes = 1000.0, viewer.got_bytes
    audience.catch_up(now)
    for _ in range(100):
        now += TICK_S
        audience.catch_up(now)
    assert 0.9 * pace_bytes_per_s < viewer.got_bytes - before_bytes < 1.1 * pace_bytes_per_s + 2 * FRAME_BYTES


def test_a_pause_of_the_loop_makes_no_burst_of_datagrams(audience, line):
    viewer = Viewer(room_bytes=None)
    audience.start_late(viewer, line.frames(200), BUDGET)
    audience.catch_up(1000.0)
    before_bytes = viewer.got_bytes
    audience.catch_up(1003.0)
    assert viewer.got_bytes - before_bytes <= BURST_BYTES + 2 * FRAME_BYTES


def test_a_viewer_that_keeps_every_frame_goes_past_a_new_key_frame_without_a_gap(audience, line):
    viewer, frames = Viewer(room_bytes=1), [*line.frames(5), line.frame(is_key_frame=True), line.frame()]
    audience.start_late(viewer, frames[:5], BUDGET)
    for frame in frames[5:]:
        audience.deliver(frame)
    while audience.catch_up(0.0):
        pass
    assert viewer.frames == frames
    assert have_no_gap(viewer.frames)


def test_a_viewer_that_skips_goes_on_at_a_new_key_frame(audience, line):
    viewer, frames = Viewer(room_bytes=1, skips=True), [*line.frames(5), line.frame(is_key_frame=True), line.frame()]
    audience.start_late(viewer, frames[:5], BUDGET)
    for frame in frames[5:]:
        audience.deliver(frame)
    while audience.catch_up(0.0):
        pass
    assert viewer.frames == [frames[0], *frames[5:]]
    assert viewer.skipped == 4


def test_what_a_viewer_started_with_does_not_count_against_its_budget(audience, line):
    """The start has many times the budget; what is published meanwhile has less than one."""
    budget = WriteBudget(8.0, 100_000)
    viewer = Viewer(room_bytes=0)
    audience.start_late(viewer, line.frames(100), budget)
    published_bytes = 0
    while published_bytes + 2 * FRAME_BYTES < budget.write_budget_bytes:
        frame = line.frame()
        published_bytes += frame.packet_bytes
        audience.deliver(frame)
    assert viewer.frames == []
    for _ in range(3):
        audience.deliver(line.frame())
    assert len(viewer.frames) > 100, "now its write queue decides"
    assert not audience.catch_up(0.0)


def test_a_late_viewer_that_leaves_gets_nothing_more(audience, line):
    viewer = Viewer(room_bytes=1)
    audience.start_late(viewer, line.frames(5), BUDGET)
    audience.leave(viewer)
    audience.deliver(line.frame())
    assert not audience.catch_up(0.0)
    assert (len(viewer.frames), len(audience)) == (1, 0)


def test_a_late_viewer_may_leave_while_it_is_served(audience, line):
    viewer, other = Viewer(room_bytes=1), Viewer(room_bytes=1)
    for each in (viewer, other):
        audience.start_late(each, line.frames(3), BUDGET)
    other.on_deliver = lambda: audience.leave(viewer)
    viewer.on_deliver = lambda: audience.leave(other)
    audience.catch_up(0.0)
    audience.deliver(line.frame())
    assert sorted((len(viewer.frames), len(other.frames))) == [1, 2]


def test_a_late_viewer_that_leaves_while_others_are_delivered_to_gets_nothing(audience, line):
    playing, late = Viewer(), Viewer(room_bytes=0)
    audience.start(playing, line.frame())
    audience.start_late(late, line.frames(3), BUDGET)
    playing.on_deliver = lambda: audience.leave(late)
    audience.deliver(line.frame())
    assert not audience.catch_up(0.0)
    assert late.frames == []


def test_a_late_viewer_that_raises_is_told_once(audience, line):
    def fail() -> None:
        raise ValueError("its own fault")

    viewer, other = Viewer(room_bytes=1), Viewer(room_bytes=1)
    for each in (viewer, other):
        audience.start_late(each, line.frames(3), BUDGET)
    viewer.on_deliver = fail
    while audience.catch_up(0.0):
        pass
    assert (len(viewer.errors), len(viewer.frames)) == (1, 2)
    assert (len(other.errors), len(other.frames)) == (0, 3)


def test_frames_are_handed_over_by_reference(audience, line):
    frames = line.frames(100)
    viewers = [Viewer(room_bytes=1 << 20) for _ in range(3)]
    for viewer in viewers:
        audience.start_late(viewer, frames, BUDGET)
    while audience.catch_up(0.0):
        pass
    assert all(got is frame for viewer in viewers for got, frame in zip(viewer.frames, frames, strict=True))
