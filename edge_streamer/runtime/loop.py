"""The one loop: descriptors, timers and posted calls of one thread, and a measure of its own worst turn.

It is not a framework: no tasks, no futures, no threads of its own. Connections, listeners and child processes register
a descriptor with a handler; everything else is a timer or a posted call. It never blocks except in `select`.

A turn is: wait for descriptors, run the ready handlers, run due timers, run the calls posted before this turn. When a
handler raises, the fault is logged and counted, and the handler's `on_fault` ends it; no other handler notices. Timers
and posted calls name the handler they belong to (`owner`) for the same reason.
"""

import heapq
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from math import isfinite
from typing import Final, Protocol

from edge_streamer.logs.events import HandlerFailed, log_event
from edge_streamer.runtime.turns import TurnTimes

log = logging.getLogger(__name__)

FRAME_SLACK_S: Final = 0.05
"""Slack of timers that may wait for the next frame: a stream of 20 frames a second or more brings one within it."""
READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Owner(Protocol):
    """The owner of a timer or a posted call."""

    def on_fault(self, error: Exception) -> None:
        """End yourself: one of your callbacks raised `error`. It is logged and counted already."""


class Handler(Owner, Protocol):
    """The callbacks of a descriptor's owner."""

    def on_readable(self) -> None:
        """Read once and return: the loop is level-triggered and calls again, so one peer cannot hold a turn."""

    def on_writable(self) -> None:
        """Write what is queued."""


class HasFileno(Protocol):
    """A socket or anything else with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Registration:
    """A descriptor's place in the loop. Closing it is by identity: late events of the same turn are dropped."""

    __slots__ = ("_events", "_loop", "_source", "handler", "is_open")

    def __init__(self, loop: "Loop", source: HasFileno | int, handler: Handler, events: int) -> None:
        self._loop = loop
        self._source = source
        self._events = events
        self.handler = handler
        self.is_open = True

    def want_write(self, wanted: bool) -> None:
        """Ask for `on_writable` calls, or for no more of them."""
        self._want(self._events | WRITE if wanted else self._events & ~WRITE)

    def want_read(self, wanted: bool) -> None:
        """Ask for `on_readable` calls, or for no more of them."""
        self._want(self._events | READ if wanted else self._events & ~READ)

    def _want(self, events: int) -> None:
        if self.is_open and events != self._events:
            self._loop._change(self._source, self._events, events, self)
            self._events = events

    def close(self) -> None:
        """Leave the loop; call it before the descriptor is closed, since the kernel reuses numbers at once."""
        if self.is_open:
            self._want(0)
            self.is_open = False
            del self.handler  # breaks the reference cycle with the handler: both are freed at once


class Timer:
    """A call at a time, `when`; `cancel` may be called at any time, any number of times."""

    __slots__ = ("callback", "owner", "when")

    def __init__(self, when: float, callback: Callable[[], None], owner: Owner | None) -> None:
        self.when = when
        self.callback: Callable[[], None] | None = callback
        self.owner = owner

    def cancel(self) -> None:
        """Forget the call and everything that it references."""
        self.callback = None
        self.owner = None


class Loop:
    """The loop of one thread. `clock` returns monotonic seconds; tests set it by hand and call `turn` themselves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self.turn_times = TurnTimes()
        self.faults = 0
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []  # a heap, by the latest time at which a turn must begin
        self._timer_order = count()
        self._posted: deque[tuple[Callable[[], None], Owner | None]] = deque()
        self._running = False
        self._thread_id = threading.get_ident()
        self._wake_reader, self.wake_writer = socket.socketpair()
        for end in (self._wake_reader, self.wake_writer):
            end.setblocking(False)
        self.register(self._wake_reader, _WakeUp(self._wake_reader))

    # --- descriptors

    def register(self, source: HasFileno | int, handler: Handler, events: int = READ) -> Registration:
        """Call `handler` when `source` is ready; KeyError when that very descriptor is registered already."""
        registration = Registration(self, source, handler, 0)
        registration._want(events)
        return registration

    def _change(self, source: HasFileno | int, old: int, new: int, registration: Registration) -> None:
        if not old:
            self._selector.register(source, new, registration)
        elif not new:
            self._selector.unregister(source)
        else:
            self._selector.modify(source, new, registration)

    # --- timers and posted calls

    def call_at(
        self, when: float, callback: Callable[[], None], owner: Owner | None = None, *, slack_s: float = 0.0
    ) -> Timer:
        """Call `callback` in the first turn at or after `when` (monotonic seconds); ValueError for NaN.

        With `slack_s` the call happens in a turn between `when` and `when + slack_s`, and starts a turn only at the end
        of that interval: a periodic check need not wake the processor, since the next frame does.
        """
        if not isfinite(when):
            raise ValueError(f"{when} is no time")  # in the heap it would stop every other timer
        timer = Timer(when, callback, owner)
        heapq.heappush(self._timers, (when + slack_s, next(self._timer_order), timer))
        return timer

    def call_later(
        self, delay_s: float, callback: Callable[[], None], owner: Owner | None = None, *, slack_s: float = 0.0
    ) -> Timer:
        """Call `callback` in the first turn that begins `delay_s` from now or later; `slack_s` as in `call_at`."""
        return self.call_at(self.now() + delay_s, callback, owner, slack_s=slack_s)

    def post(self, callback: Callable[[], None], owner: Owner | None = None) -> None:
        """Call `callback` in the next turn, after the current call stack has unwound. Thread-safe."""
        self._posted.append((callback, owner))
        if threading.get_ident() != self._thread_id:
            self.wake()

    def wake(self) -> None:
        """End the current `select` early; also the file descriptor for `signal.set_wakeup_fd`."""
        try:
            self.wake_writer.send(b"\0")
        except BlockingIOError:
            pass  # a full pipe wakes just as well

    # --- turning

    def run(self) -> None:
        """Turn until `stop`."""
        self._running = True
        self._thread_id = threading.get_ident()
        while self._running:
            self.turn(self._wait_s())

    def stop(self) -> None:
        """Leave `run` after the current turn."""
        self._running = False

    def turn(self, wait_s: float | None = 0.0) -> None:
        """Wait at most `wait_s` (None: for ever) for descriptors, then do everything that is due."""
        ready = self._selector.select(wait_s)
        if not ready and wait_s != 0.0:
            # A process that was stopped meanwhile gets an empty list past its time: no timer may judge a peer by that.
            ready = self._selector.select(0.0)
        began = self.now()
        posted = len(self._posted)  # calls posted by this turn's handlers and timers run in the next turn
        for key, events in ready:
            registration: Registration = key.data
            if events & READ and registration.is_open:
                self.guard(registration.handler.on_readable, registration.handler)
            if events & WRITE and registration.is_open:
                self.guard(registration.handler.on_writable, registration.handler)
        self._run_timers()
        self._run_posted(posted)
        ended = self.now()
        self.turn_times.add(ended - began, ended)

    def close(self) -> None:
        """Close the loop's own descriptors; descriptors that are still registered are closed by their owners."""
        self._timers.clear()
        self._posted.clear()
        self._selector.close()
        self._wake_reader.close()
        self.wake_writer.close()

    def _wait_s(self) -> float | None:
        if self._posted:
            return 0.0
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self.now()) if self._timers else None

    def _run_timers(self) -> None:
        now = self.now()
        due = []  # taken out first: a timer that sets itself again for now waits for the next turn
        while self._timers and self._timers[0][2].when <= now:  # one behind another that is not due has slack to wait
            due.append(heapq.heappop(self._timers)[2])
        for timer in due:
            if timer.callback is not None:
                callback, owner = timer.callback, timer.owner
                timer.cancel()
                self.guard(callback, owner)

    def _run_posted(self, calls: int) -> None:
        for _ in range(calls):
            self.guard(*self._posted.popleft())

    def guard(self, callback: Callable[[], None], owner: Owner | None) -> None:
        """Call `callback`; an exception ends `owner` only. For calls over many owners in one turn."""
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - the loop's boundary: one bad handler must not end the others
            self.report_fault(error, owner)

    def report_fault(self, error: Exception, owner: Owner | None) -> None:
        """Count and log a fault of `owner`, and let it end itself."""
        self.faults += 1
        log_event(log, HandlerFailed(handler=type(owner).__name__ if owner else "a posted call"), error)
        try:
            if owner is not None:
                owner.on_fault(error)
        except Exception as second:  # noqa: BLE001 - the same boundary: it could not even end itself
            log_event(log, HandlerFailed(handler=f"{type(owner).__name__}.on_fault"), second)


class _WakeUp:
    """Swallows the bytes that `Loop.wake` and signals write."""

    def __init__(self, reader: socket.socket) -> None:
        self._reader = reader

    def on_readable(self) -> None:
        self._reader.recv(4096)

    def on_writable(self) -> None:
        raise AssertionError("never asked for")

    def on_fault(self, error: Exception) -> None:
        raise error
