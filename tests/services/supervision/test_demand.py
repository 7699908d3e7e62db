"""Sources on demand: when they run, when they stop, and what is shown of them meanwhile."""

import pytest

from edge_streamer.protocol.source.request import FileOutput
from edge_streamer.services.supervision.demand import Demand
from edge_streamer.services.supervision.life import LifeState
from edge_streamer.services.supervision.process import STOP_WITHIN_S
from edge_streamer.services.supervision.restarts import FIRST_BACKOFF_S
from edge_streamer.services.supervision.spec import StreamPolicy
from edge_streamer.services.supervision.survey import SURVEY_INTERVAL_S
from tests.support.frames import key_frame
from tests.support.loop import pass_time, turn_until
from tests.support.supervised import Supervised, Viewer, message

ON_DEMAND = (StreamPolicy(on_demand=True, linger_s=4.0, give_up_after_s=20.0),)
RUNNING = "note(event='ready', fps=30); send(KEY)\nwhile server.recv(1) == b'x': send(FRAME)"
FRAMES_EVERY_S = 0.5
OFF = "on demand: nobody watches"


def run(source: Supervised, clock, seconds: float) -> None:
    """Let time pass while the child, if there is one, sends frames."""
    for _ in range(round(seconds / FRAMES_EVERY_S)):
        clock.advance(FRAMES_EVERY_S)
        source.hear_again()
        source.loop.turn()


def want(source: Supervised) -> None:
    """Ask for the stream, and see it start."""
    frames = source.stream.counters.frames
    source.stream.on_wanted()
    source.wait_for_frames(frames + 1)


@pytest.fixture
def source(supervise) -> Supervised:
    return supervise(RUNNING, policies=ON_DEMAND)


def test_it_is_off_before_anybody_asks_and_that_is_no_failure(source, clock):
    pass_time(source.loop, clock, 60.0)
    status = source.status
    assert source.programs.starts == 0
    assert (status.is_up, status.is_wanted, status.is_failing, status.reason) == (False, False, False, OFF)
    assert source.ended == []
    assert not source.stream.is_down


def test_it_starts_when_somebody_asks_in_the_next_turn(source):
    source.stream.on_wanted()
    source.stream.on_wanted()
    assert source.programs.starts == 0
    assert (source.status.is_wanted, source.status.reason) == (True, "starting")
    assert not source.status.is_failing, "it takes its time"
    source.loop.turn()
    assert source.programs.starts == 1
    source.wait_for_frames(1)
    assert source.status.is_up


def test_who_watched_before_it_was_begun_need_not_ask_again(supervise, clock):
    before = supervise("wait()")
    viewer = Viewer()
    before.stream.join(viewer, clock.now)
    supervise(RUNNING, policies=ON_DEMAND, streams=before.streams)  # as a reload carries a stream over
    before.wait_for_frames(1)
    assert viewer.frames


def test_it_stops_when_nobody_has_watched_for_as_long_as_it_lingers(source, clock):
    want(source)
    viewer = Viewer()
    source.stream.join(viewer, clock.now)
    run(source, clock, 30.0)
    assert source.status.is_up
    source.stream.leave(viewer)
    run(source, clock, ON_DEMAND[0].linger_s - SURVEY_INTERVAL_S)
    assert source.status.is_up
    run(source, clock, 2 * SURVEY_INTERVAL_S)
    source.wait_for_end()
    assert (source.status.is_up, source.status.is_wanted, source.status.reason) == (False, False, OFF)
    assert source.restarts == {}
    pass_time(source.loop, clock, 60.0)
    assert source.programs.starts == 1
    assert source.ended == []


def test_one_who_asks_now_and_then_keeps_it_running(source, clock):
    want(source)
    for _ in range(10):
        run(source, clock, ON_DEMAND[0].linger_s - 1.0)
        source.stream.on_wanted()
    assert source.status.is_up
    assert source.programs.starts == 1


def test_who_waits_for_a_description_keeps_it_running(supervise, clock):
    source = supervise("wait()", policies=(StreamPolicy(on_demand=True, linger_s=1.0),))
    source.stream.on_wanted()
    cancel = source.stream.when_described(lambda: None)
    pass_time(source.loop, clock, 5.0)
    assert source.is_running
    cancel()
    pass_time(source.loop, clock, 2.0)
    source.wait_for_end()


def test_one_for_whose_first_picture_others_wait_is_wanted(supervise, clock):
    before = supervise("wait()")
    before.stream.awaited_by = 1  # as a reload leaves it
    source = supervise("wait()", policies=(StreamPolicy(on_demand=True, linger_s=1.0),), streams=before.streams)
    pass_time(source.loop, clock, 5.0)
    assert source.is_running
    before.stream.awaited_by = 0
    pass_time(source.loop, clock, 2.0)
    source.wait_for_end()


def stop(source: Supervised, clock) -> None:
    run(source, clock, ON_DEMAND[0].linger_s + SURVEY_INTERVAL_S)
    source.wait_for_end()


def test_it_can_be_described_while_it_is_off_and_shows_no_picture_of_before(source, clock):
    want(source)
    stop(source, clock)
    assert source.stream.parameter_sets is not None
    viewer = Viewer()
    assert not source.stream.start_from_cache(viewer)
    source.stream.join(viewer, clock.now)
    want(source)
    assert len(viewer.frames) == 1, "the new child's"


def test_sequence_and_time_go_on_over_a_stop(source, clock):
    viewer = Viewer()
    source.stream.on_wanted()
    source.stream.join(viewer, clock.now)
    source.wait_for_frames(1)
    source.stream.leave(viewer)
    stop(source, clock)
    clock.advance(100.0)
    source.stream.join(viewer, clock.now)
    want(source)
    first, second = viewer.frames
    frames_between = source.stream.counters.packets - first.packet_count - second.packet_count
    assert second.first_sequence == (first.first_sequence + first.packet_count + frames_between) % 65536
    assert 100.0 < (second.rtp_timestamp - first.rtp_timestamp) % 2**32 / 90_000 < 110.0


def test_one_who_asks_while_it_ends_has_it_started_at_once(supervise, clock):
    text = "ignore_sigterm(); send(READY, KEY)\nwhile True: signal.pause()"
    source = supervise(text, RUNNING, policies=(StreamPolicy(on_demand=True, linger_s=1.0),))
    want(source)
    while source.state is not LifeState.STOPPING:
        pass_time(source.loop, clock, 0.25)
    source.stream.on_wanted()
    clock.advance(STOP_WITHIN_S)
    source.wait_for_frames(2)
    assert source.programs.starts == 2
    assert source.restarts == {}
    assert source.status.is_up


def test_a_failed_start_is_told_and_tried_again_while_somebody_waits(supervise, clock):
    source = supervise("note(event='failed', reason='no such camera'); sys.exit(1)", RUNNING, policies=ON_DEMAND)
    source.stream.on_wanted()
    turn_until(source.loop, lambda: source.restarts)
    status = source.status
    assert (status.is_wanted, status.is_failing, status.reason) == (True, True, "no such camera")
    assert source.stream.is_down
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(1)
    assert source.status.is_up


def test_a_source_that_fails_is_left_alone_when_nobody_waits_any_more(supervise, clock):
    source = supervise("sys.exit(1)", policies=ON_DEMAND)
    source.stream.on_wanted()
    for _ in range(20):
        clock.advance(SURVEY_INTERVAL_S)
        source.loop.turn(0.005)
    turn_until(source.loop, lambda: source.status.reason == OFF)
    starts = source.programs.starts
    assert not source.stream.is_down, "whoever comes next has it tried again"
    assert not source.status.is_failing
    pass_time(source.loop, clock, 60.0)
    assert source.programs.starts == starts
    source.stream.on_wanted()
    turn_until(source.loop, lambda: source.programs.starts == starts + 1)


def test_viewers_that_wait_in_vain_are_sent_home_and_then_it_stops(supervise, clock):
    source = supervise("sys.exit(1)", policies=ON_DEMAND)
    viewer = Viewer()
    source.on_given_up = lambda stream: stream.leave(viewer)
    source.stream.on_wanted()
    source.stream.join(viewer, clock.now)
    for _ in range(60):
        clock.advance(SURVEY_INTERVAL_S)
        source.loop.turn(0.005)
    assert source.ended == ["main"]
    assert source.status.reason == OFF


# --- two streams of one child


SUB = message(key_frame(0), output=1)
BOTH = f"send(KEY, {SUB!r})\nwhile server.recv(1) == b'x': send(FRAME, {SUB!r})"


def test_a_child_runs_while_one_of_its_streams_is_wanted(supervise, clock):
    source = supervise(BOTH, outputs=(FileOutput("main"), FileOutput("sub")), policies=ON_DEMAND * 2)
    source.streams[1].on_wanted()
    viewer = Viewer()
    source.streams[1].join(viewer, clock.now)
    source.wait_for_frames(1)
    run(source, clock, 20.0)
    assert [status.is_up for status in source.supervisor.statuses()] == [True, True]
    source.streams[1].leave(viewer)
    stop(source, clock)


def test_a_child_of_a_stream_that_is_not_on_demand_runs_always(supervise, clock):
    source = supervise(
        BOTH, outputs=(FileOutput("main"), FileOutput("sub")), policies=(StreamPolicy(on_demand=True), StreamPolicy())
    )
    source.wait_for_frames(1)
    run(source, clock, 60.0)
    assert source.status.is_up
    assert all(status.is_wanted for status in source.supervisor.statuses())


# --- the cold start


def test_the_time_from_the_demand_to_the_first_frame_is_measured(source, clock):
    source.stream.on_wanted()
    clock.advance(1.25)
    source.wait_for_frames(1)
    run(source, clock, 1.0)
    assert (sum(source.times.first_frame.counts), source.times.first_frame.sum_s) == (1, 1.25)
    stop(source, clock)
    source.stream.on_wanted()
    clock.advance(0.75)
    source.wait_for_frames(source.stream.counters.frames + 1)
    assert (sum(source.times.first_frame.counts), source.times.first_frame.sum_s) == (2, 2.0)


def test_a_start_that_nobody_asked_for_is_no_cold_start(supervise, clock):
    source = supervise(RUNNING)
    source.wait_for_frames(1)
    assert sum(source.times.first_frame.counts) == 0


# --- the end of all


def test_it_can_be_stopped_while_it_is_off_and_starts_never_again(source):
    source.supervisor.stop()
    assert source.supervisor.is_stopped
    source.stream.on_wanted()
    source.loop.turn()
    source.loop.turn()
    assert source.programs.starts == 0


def test_it_can_be_stopped_between_the_demand_and_the_start(source):
    source.stream.on_wanted()
    source.supervisor.stop()
    source.loop.turn()
    assert source.programs.starts == 0
    assert source.supervisor.is_stopped


# --- the arithmetic alone


def test_a_demand_lingers():
    demand = Demand(StreamPolicy(linger_s=4.0))
    demand.want(10.0)
    assert demand.lingers(13.9)
    assert not demand.lingers(14.0)


def test_a_frame_is_overdue_once_in_so_long():
    demand = Demand(StreamPolicy(give_up_after_s=20.0))
    demand.await_frames(10.0, demanded=False)
    assert not demand.is_overdue(29.9, heard_at=0.0)
    assert not demand.is_overdue(30.0, heard_at=15.0)
    assert demand.is_overdue(35.0, heard_at=15.0)
    assert not demand.is_overdue(54.9, heard_at=15.0), "it begins again"
    assert demand.is_overdue(55.0, heard_at=15.0)
    assert demand.awaited_from == 10.0, "since then a slate says that there is no picture"


def test_giving_up_is_new_until_a_picture_comes():
    demand = Demand(StreamPolicy())
    assert demand.give_up()
    assert not demand.give_up()
    demand.on_picture(1.0)
    assert demand.give_up()


def test_only_the_first_picture_answers_a_demand():
    demand = Demand(StreamPolicy())
    demand.await_frames(10.0, demanded=True)
    assert demand.on_picture(11.5) == 1.5
    assert demand.on_picture(12.0) is None
    demand.await_frames(20.0, demanded=True)
    demand.forget()
    assert demand.on_picture(21.0) is None
