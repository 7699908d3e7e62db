import os
import signal
import socket
import threading
import time
from collections.abc import Callable

import pytest

from edge_streamer.runtime.loop import READ, WRITE, Loop
from tests.support.hiccups import repeated_when_noisy
from tests.support.loop import take_faults


class Recorder:
    """A handler that notes its calls; `act` runs in `on_readable`."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.act = act
        self.calls: list[str] = []
        self.errors: list[Exception] = []

    def on_readable(self) -> None:
        self.calls.append("readable")
        self.act()

    def on_writable(self) -> None:
        self.calls.append("writable")

    def on_fault(self, error: Exception) -> None:
        self.errors.append(error)


class Stubborn(Recorder):
    """A handler that cannot even end itself."""

    def on_fault(self, error: Exception) -> None:
        raise RuntimeError("on_fault raised")


def fail() -> None:
    raise ValueError("a handler's own fault")


@pytest.fixture
def readable():
    """Return a function that makes sockets with a byte to read, closed after the test."""
    made = []

    def make() -> socket.socket:
        ours, theirs = socket.socketpair()
        made.extend((ours, theirs))
        theirs.send(b"x")
        return ours

    yield make
    for end in made:
        end.close()


# --- timers


def test_timers_run_in_the_order_of_their_times_and_of_their_making(loop, clock):
    ran = []
    for name, delay_s in (("c", 3.0), ("a", 1.0), ("b1", 2.0), ("b2", 2.0), ("never", 3.1)):
        loop.call_later(delay_s, lambda name=name: ran.append(name))
    clock.advance(0.999)
    loop.turn()
    assert ran == []
    clock.advance(0.001)
    loop.turn()
    assert ran == ["a"]
    clock.advance(2.0)
    loop.turn()
    assert ran == ["a", "b1", "b2", "c"]


def test_a_timer_with_slack_runs_in_any_turn_from_its_time_on_and_begins_one_at_the_end_of_its_slack(loop, clock):
    ran = []
    loop.call_later(1.0, lambda: ran.append("slack"), slack_s=0.5)
    assert loop._wait_s() == 1.5
    clock.advance(0.999)
    loop.turn()
    assert ran == []
    clock.advance(0.001)
    loop.turn()  # a descriptor's, say
    assert ran == ["slack"]


def test_a_timer_without_slack_never_waits_for_one_that_has_some(loop, clock):
    ran = []
    for name, delay_s, slack_s in (("a", 1.0, 0.75), ("b", 1.25, 0.0), ("c", 1.375, 0.125), ("d", 1.5, 0.0)):
        loop.call_later(delay_s, lambda name=name: ran.append(name), slack_s=slack_s)
    waits = []
    while len(ran) < 4:
        waits.append(loop._wait_s())
        clock.advance(waits[-1])
        loop.turn()
    assert waits == [1.25, 0.25]
    assert ran == ["b", "c", "d", "a"]


def test_a_timer_runs_once(loop, clock):
    ran = []
    loop.call_later(1.0, lambda: ran.append(clock.now))
    for _ in range(5):
        clock.advance(1.0)
        loop.turn()
    assert ran == [1001.0]


def test_a_cancelled_timer_does_not_run_even_if_another_one_cancels_it_when_both_are_due(loop, clock):
    ran = []
    early = loop.call_later(1.0, lambda: late.cancel())
    late = loop.call_later(1.0, lambda: ran.append("late"))
    gone = loop.call_later(0.5, lambda: ran.append("gone"))
    gone.cancel()
    gone.cancel()
    clock.advance(1.0)
    loop.turn()
    early.cancel()
    assert ran == []


def test_a_cancelled_timer_holds_nothing(loop):
    handler = Recorder()
    timer = loop.call_later(1.0, handler.on_readable, handler)
    timer.cancel()
    assert (timer.callback, timer.owner) == (None, None)


def test_a_timer_that_sets_itself_again_for_now_cannot_hold_the_turn(loop, clock):
    runs = []

    def again() -> None:
        runs.append(clock.now)
        loop.call_at(clock.now, again)

    loop.call_later(0.0, again)
    loop.turn()
    assert len(runs) == 1
    loop.turn()
    assert len(runs) == 2


def test_a_timer_that_raises_tells_its_owner_and_the_others_run(loop, clock):
    owner, ran = Recorder(), []
    loop.call_later(1.0, fail, owner)
    loop.call_later(1.0, fail)
    loop.call_later(1.0, lambda: ran.append("other"))
    clock.advance(1.0)
    loop.turn()
    assert [type(error) for error in owner.errors] == [ValueError]
    assert ran == ["other"]
    assert take_faults(loop) == 2


# --- posted calls


def test_a_posted_call_runs_in_the_next_turn_in_the_order_of_posting(loop):
    ran = []
    for number in range(3):
        loop.post(lambda number=number: ran.append(number))
    assert ran == []
    loop.turn()
    assert ran == [0, 1, 2]


def test_what_a_handler_a_timer_or_a_posted_call_posts_waits_for_the_next_turn(loop, clock, readable):
    ran = []
    handler = Recorder(lambda: loop.post(lambda: ran.append("of the handler")))
    registration = loop.register(readable(), handler)
    loop.call_later(0.0, lambda: loop.post(lambda: ran.append("of the timer")))
    loop.post(lambda: loop.post(lambda: ran.append("of the posted call")))
    loop.turn()
    registration.close()
    assert ran == []
    loop.turn()
    assert ran == ["of the handler", "of the timer", "of the posted call"]


def test_a_posted_call_that_posts_itself_for_ever_does_not_hold_a_turn(loop):
    runs = []

    def again() -> None:
        runs.append(1)
        loop.post(again)

    loop.post(again)
    loop.turn()
    assert len(runs) == 1


def test_a_posted_call_that_raises_tells_its_owner(loop):
    owner = Recorder()
    loop.post(fail, owner)
    loop.turn()
    assert len(owner.errors) == 1
    assert take_faults(loop) == 1


def test_a_call_posted_by_another_thread_ends_the_wait(loop):
    ran = []
    thread = threading.Thread(target=lambda: loop.post(lambda: ran.append(threading.get_ident())))
    began = time.monotonic()
    thread.start()
    for _ in range(2):
        if not ran:
            loop.turn(10.0)
    thread.join()
    assert ran == [threading.get_ident()]
    assert time.monotonic() - began < 5.0


def test_more_wake_ups_than_a_pipe_holds_do_no_harm(loop):
    for _ in range(100_000):
        loop.wake()
    for _ in range(50):
        loop.turn()
    began = time.monotonic()
    loop.turn(0.01)  # nothing is left to wake it
    assert time.monotonic() - began > 0.005


def test_a_signal_ends_the_wait_and_its_handler_can_post(loop):
    ran = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: loop.post(lambda: ran.append(number)))
    old_descriptor = signal.set_wakeup_fd(loop.wake_writer.fileno(), warn_on_full_buffer=False)
    try:
        thread = threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGUSR1))
        thread.start()
        for _ in range(2):
            if not ran:
                loop.turn(10.0)
        thread.join()
    finally:
        signal.set_wakeup_fd(old_descriptor)
        signal.signal(signal.SIGUSR1, before)
    assert ran == [signal.SIGUSR1]


# --- run


def test_run_turns_until_stop_and_waits_for_the_next_timer_no_longer():
    loop, ran = Loop(), []
    loop.call_later(0.02, lambda: ran.append("timer"))
    cancelled = loop.call_later(0.01, lambda: ran.append("cancelled"))
    cancelled.cancel()
    loop.call_later(0.03, loop.stop)
    loop.post(lambda: ran.append("posted"))
    began = time.monotonic()
    loop.run()
    loop.close()
    assert ran == ["posted", "timer"]
    assert 0.03 <= time.monotonic() - began < 1.0


def test_run_without_a_timer_waits_for_another_thread():
    loop = Loop()
    thread = threading.Thread(target=lambda: loop.post(loop.stop))
    thread.start()
    loop.run()
    thread.join()
    loop.close()


# --- descriptors


def test_readable_and_writable_are_told_as_asked_for(loop, readable):
    handler, source = Recorder(), readable()
    registration = loop.register(source, handler, READ | WRITE)
    loop.turn()
    assert handler.calls == ["readable", "writable"]
    registration.want_write(False)
    loop.turn()
    assert handler.calls[2:] == ["readable"]
    registration.want_read(False)
    loop.turn()
    assert handler.calls[3:] == []
    registration.want_write(True)
    loop.turn()
    assert handler.calls[3:] == ["writable"]
    registration.want_read(True)
    registration.want_write(False)
    loop.turn()
    assert handler.calls[4:] == ["readable"]
    registration.close()


def test_a_level_triggered_handler_is_called_again_while_it_leaves_bytes(loop, readable):
    handler = Recorder()
    registration = loop.register(readable(), handler)
    for _ in range(3):
        loop.turn()
    assert handler.calls == ["readable"] * 3
    registration.close()


def test_a_descriptor_that_is_registered_already_is_refused(loop, readable):
    source = readable()
    registration = loop.register(source, Recorder())
    with pytest.raises(KeyError):
        loop.register(source, Recorder())
    registration.close()
    loop.register(source, Recorder()).close()


def test_a_closed_registration_stays_closed(loop, readable):
    handler = Recorder()
    registration = loop.register(readable(), handler)
    registration.close()
    registration.close()
    registration.want_read(True)
    registration.want_write(True)
    loop.turn()
    assert handler.calls == []


def test_a_handler_that_raises_is_told_and_counted_and_the_others_are_served_in_the_same_turn(loop, readable):
    failing = [Recorder(fail) for _ in range(3)]
    healthy = [Recorder() for _ in range(3)]
    registrations = [
        loop.register(readable(), handler) for pair in zip(failing, healthy, strict=True) for handler in pair
    ]
    loop.turn()
    assert [len(handler.errors) for handler in failing] == [1, 1, 1]
    assert [handler.calls for handler in healthy] == [["readable"]] * 3
    assert take_faults(loop) == 3
    for registration in registrations:
        registration.close()


def test_a_handler_that_cannot_end_itself_does_not_end_the_loop(loop, readable):
    stubborn, other = Stubborn(fail), Recorder()
    registrations = [loop.register(readable(), stubborn), loop.register(readable(), other)]
    loop.turn()
    assert other.calls == ["readable"]
    assert take_faults(loop) == 1
    for registration in registrations:
        registration.close()


def test_a_registration_closed_by_another_handler_gets_no_late_event(loop, readable):
    one, other = Recorder(lambda: registrations[1].close()), Recorder(lambda: registrations[0].close())
    registrations = [loop.register(readable(), one), loop.register(readable(), other)]
    loop.turn()
    assert sorted([one.calls, other.calls]) == [[], ["readable"]]
    for registration in registrations:
        registration.close()


def test_a_registration_that_closes_itself_while_reading_is_not_called_for_writing(loop, readable):
    handler = Recorder(lambda: registration.close())
    registration = loop.register(readable(), handler, READ | WRITE)
    loop.turn()
    assert handler.calls == ["readable"]


def test_a_late_event_never_reaches_the_next_owner_of_a_descriptor_number(loop, readable):
    """Whichever of the two is served first closes the other and takes its number for a socket of its own."""
    newcomer = Recorder()
    sources = [readable(), readable()]
    silent, far_end = socket.socketpair()
    opened = []

    def take_over(victim: int) -> None:
        registrations[victim].close()
        number = sources[victim].detach()
        os.dup2(silent.fileno(), number)  # closes it and opens another under its number at once
        reopened = socket.socket(fileno=number)
        opened.append((reopened, loop.register(reopened, newcomer)))

    handlers = [Recorder(lambda: take_over(1)), Recorder(lambda: take_over(0))]
    registrations = [loop.register(source, handler) for source, handler in zip(sources, handlers, strict=True)]
    loop.turn()
    assert len(opened) == 1
    assert newcomer.calls == []
    far_end.send(b"x")
    for _, registration in enumerate(registrations):
        registration.close()
    loop.turn()
    assert newcomer.calls == ["readable"]
    for reopened, registration in opened:
        registration.close()
        reopened.close()
    silent.close()
    far_end.close()


# --- the worst turn


def test_a_slow_handler_shows_in_the_worst_turn_and_in_the_histogram(loop, clock, readable):
    registration = loop.register(readable(), Recorder(lambda: clock.advance(0.3)))
    loop.turn()
    registration.close()
    loop.turn()
    assert loop.turn_times.worst_s == pytest.approx(0.3)
    assert loop.turn_times.sum_s == pytest.approx(0.3)
    assert sum(loop.turn_times.counts) == 2


@repeated_when_noisy(0.02)
def test_waiting_is_no_part_of_a_turn(clock):
    loop = Loop(time.monotonic)
    loop.turn(0.05)
    loop.close()
    assert loop.turn_times.worst_s < 0.04


@pytest.mark.parametrize("when", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_time_is_refused_and_stops_no_timer(loop, clock, when):
    called = []
    loop.call_later(1.0, lambda: called.append("due"))
    with pytest.raises(ValueError, match="no time"):
        loop.call_at(when, lambda: None)
    clock.advance(1.0)
    loop.turn()
    assert called == ["due"]


def test_descriptors_are_looked_at_before_timers_even_after_an_empty_select(loop, clock, monkeypatch):
    """As after SIGSTOP: `select` gives up past its time with an empty list, although something is ready."""
    order = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        registration = loop.register(ours, Recorder(lambda: order.append(ours.recv(9))))
        loop.call_later(1.0, lambda: order.append(b"timer"))
        theirs.send(b"ready")
        clock.advance(5.0)
        select, waits = loop._selector.select, []

        def give_up_once(wait_s):
            waits.append(wait_s)
            return select(wait_s) if len(waits) > 1 else []

        monkeypatch.setattr(loop._selector, "select", give_up_once)
        loop.turn(1.0)
        registration.close()
    assert order == [b"ready", b"timer"]
