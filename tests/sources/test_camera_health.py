import os
import signal
import threading

import pytest

from edge_streamer.sources.camera_health import START_S, StallWatch, abandon, exit_after, hear_threads_die
from edge_streamer.sources.camera_mailbox import Mailbox
from tests.support.camera_doubles import FakeLink


def first_overdue(watch, start, until, step=0.25):
    now = start
    while now < until:
        if (output := watch.overdue(now)) is not None:
            return output, now
        now += step
    return None


def test_an_output_is_overdue_after_three_intervals_and_a_second():
    watch = StallWatch((30.0, 2.0), 100.0)
    watch.frame_came(0, 100.0)
    watch.frame_came(1, 100.0)
    assert watch.allowed_s(0) == pytest.approx(1.1)
    assert watch.overdue(100.5) is None
    assert watch.overdue(101.0) is None
    assert watch.overdue(101.2) == 0
    watch.frame_came(0, 101.2)
    assert first_overdue(watch, 101.2, 103) == (0, pytest.approx(102.45))
    assert watch.allowed_s(1) == 2.5


def test_the_first_frame_may_take_longer():
    watch = StallWatch((30.0,), 50.0)
    assert first_overdue(watch, 50.0, 60.0) == (0, pytest.approx(50 + START_S + 1.25, abs=0.26))


def test_a_slower_rate_allows_more():
    watch = StallWatch((30.0,), 0.0)
    watch.rate_changed(0, 1.0, 10.0)
    assert first_overdue(watch, 0.0, 20.0) == (0, pytest.approx(14.0, abs=0.26))


def test_a_process_that_was_stopped_blames_nobody():
    watch = StallWatch((30.0,), 0.0)
    watch.frame_came(0, 1.0)
    assert watch.overdue(0.7) is None
    assert watch.overdue(1.2) is None
    assert watch.overdue(60.0) is None  # SIGSTOP, SIGCONT
    assert first_overdue(watch, 60.0, 70.0)[1] == pytest.approx(61.0, abs=0.26)


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


def test_a_stop_that_hangs_ends_the_process_well():
    child = os.fork()
    if child == 0:
        exit_after(0.01)
        signal.pause()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
