"""A source that nothing will happen to any more: what systemd's watchdog is for, and what it is not for."""

from tests.support.loop import pass_time, take_faults, turn_until


def test_one_that_delivers_is_not_stuck(supervise):
    source = supervise("send(READY, KEY); wait()")
    source.wait_for_frames(1)
    assert not source.supervisor.is_stuck


def test_one_that_fails_again_and_again_is_not_stuck(supervise, loop, clock):
    source = supervise("sys.exit(3)")
    while source.supervisor.restarts.total() < 4:
        turn_until(loop, lambda: source.supervisor.pid is None)
        assert not source.supervisor.is_stuck
        pass_time(loop, clock, 8.0)


def test_one_that_was_stopped_is_not_stuck(supervise, loop):
    source = supervise("send(READY, KEY); wait()")
    source.wait_for_frames(1)
    source.supervisor.stop()
    assert not source.supervisor.is_stuck
    turn_until(loop, lambda: source.supervisor.is_stopped)
    assert not source.supervisor.is_stuck


def test_one_whose_next_start_raised_is_stuck(supervise, loop, clock, monkeypatch):
    source = supervise("sys.exit(3)")
    turn_until(loop, lambda: source.supervisor.restarts.total() == 1)
    monkeypatch.setattr("edge_streamer.services.supervision.process.SourceParser", None)  # as our own mistake would
    pass_time(loop, clock, 1.0)
    assert source.supervisor.is_stuck
    assert take_faults(loop) == 1
