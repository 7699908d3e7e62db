import os
import signal
import threading

import pytest

from edge_streamer.services.supervision.restarts import SILENCE_EXTRA_S, SILENCE_FRAMES
from edge_streamer.sources.ending import SourceStopped
from edge_streamer.sources.picamera2.health import (
    STALL_INTERVALS,
    STALL_S,
    START_S,
    StallWatch,
    abandon,
    exit_after,
    hear_threads_die,
)
from edge_streamer.sources.picamera2.mailbox import Mailbox
from edge_streamer.sources.picamera2.session import LOOK_AROUND_NS
from tests.support.camera_doubles import FakeLink


def first_overdue(watch, start, until, step=0.25):
    now = start
    while now < until:
        if (output := watch.overdue(now)) is not None:
            return output, now
        now += step
    return None


def test_an_output_is_overdue_after_three_intervals_and_a_moment():
    watch = StallWatch((30.0, 2.0), 100.0)
    watch.frame_came(0, 100.0)
    watch.frame_came(1, 100.0)
    assert watch.allowed_s(0) == pytest.approx(0.85)
    assert watch.overdue(100.5) is None
    assert watch.overdue(100.8) is None
    assert watch.overdue(100.9) == 0
    watch.frame_came(0, 100.9)
    assert first_overdue(watch, 100.9, 103) == (0, pytest.approx(101.9))
    assert watch.allowed_s(1) == 2.25


def test_a_stall_is_found_before_the_server_finds_it():
    assert STALL_INTERVALS == SILENCE_FRAMES
    assert STALL_S + LOOK_AROUND_NS / 1e9 < SILENCE_EXTRA_S - 0.1


def test_the_first_frame_may_take_longer():
    watch = StallWatch((30.0,), 50.0)
    assert first_overdue(watch, 50.0, 60.0) == (0, pytest.approx(50 + START_S + 1.0, abs=0.26))


def test_a_slower_rate_allows_more():
    watch = StallWatch((30.0,), 0.0)
    watch.rate_changed(0, 1.0, 10.0)
    assert first_overdue(watch, 0.0, 20.0) == (0, pytest.approx(13.75, abs=0.26))


def test_a_process_that_was_stopped_blames_nobody():
    watch = StallWatch((30.0,), 0.0)
    watch.frame_came(0, 1.0)
    assert watch.overdue(0.7) is None
    assert watch.overdue(1.2) is None
    assert watch.overdue(60.0) is None  # SIGSTOP, SIGCONT
    assert first_overdue(watch, 60.0, 70.0)[1] == pytest.approx(60.75, abs=0.26)


def test_the_death_of_a_thread_is_heard(monkeypatch, capsys):
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    mailbox = Mailbox()
    hear_threads_die(mailbox)

    def fall():
        raise OSError(5, "Input/output error")

    thread = threading.Thread(target=fall, name="thread_func")
    thread.start()
    thread.join()
    [event] = mailbox.take()
    mailbox.close()
    assert event.reason == "picamera2 stopped working in thread_func: OSError(5, 'Input/output error')"
    assert "Traceback" in capsys.readouterr().err


def test_abandoning_says_why_and_leaves_at_once(monkeypatch):
    link, statuses = FakeLink(), []
    monkeypatch.setattr(os, "_exit", statuses.append)
    abandon(link, "the cable is loose")
    assert link.notes == [(0, {"event": "failed", "reason": "the cable is loose"})]
    assert link.finished_s is not None
    assert statuses == [1]


def test_abandoning_without_a_server_leaves_all_the_same(monkeypatch):
    class Unheard(FakeLink):
        def send_note(self, output, **values):
            raise SourceStopped("the server is gone")

    class Left(BaseException):
        pass

    def leave(status):
        raise Left

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(Left):
        abandon(Unheard(), "the cable is loose")


def test_a_stop_that_hangs_ends_the_process_well():
    child = os.fork()
    if child == 0:
        exit_after(0.01)
        signal.pause()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
