"""The device is read in a thread, again and again, and a read that hangs or fails costs nobody anything."""

import threading

import pytest

from edge_streamer.app.device_reader import READ_EVERY_S, DeviceReader
from edge_streamer.device.info import DeviceInfo
from tests.support.loop import turn_until


class Reading:
    """Each read waits until the test lets it go on, and answers what the test wrote by then."""

    def __init__(self, loop) -> None:
        self.loop = loop
        self.answer: DeviceInfo | Exception = DeviceInfo(model="first", uptime_s=60.0)
        self.may_go_on = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []
        self.reader = DeviceReader(loop, self._read)

    def _read(self) -> DeviceInfo:
        self.threads.append(threading.current_thread())
        assert self.may_go_on.acquire(timeout=5)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def let_go_on(self) -> None:
        self.may_go_on.release()
        self.threads[-1].join(timeout=5)
        self.loop.turn()


@pytest.fixture
def reading(no_descriptor_left, loop):
    reading = Reading(loop)
    reading.reader.start()
    turn_until(loop, lambda: reading.threads)
    return reading


def test_until_the_first_answer_everything_is_unknown(reading):
    assert reading.reader.info() == DeviceInfo()
    reading.let_go_on()
    assert reading.threads[0] is not threading.main_thread()
    assert reading.reader.info().model == "first"


def test_it_is_read_again_but_not_while_a_read_hangs(reading, loop, clock):
    clock.advance(3 * READ_EVERY_S)
    loop.turn()
    assert len(reading.threads) == 1
    reading.let_go_on()
    reading.answer = DeviceInfo(model="second")
    clock.advance(READ_EVERY_S)
    turn_until(loop, lambda: len(reading.threads) == 2)
    reading.let_go_on()
    assert reading.reader.info().model == "second"


def test_the_uptime_goes_on_between_two_reads(reading, clock):
    reading.let_go_on()
    clock.advance(7.5)
    assert reading.reader.info().uptime_s == 67.5


def test_a_read_that_fails_is_logged_and_changes_nothing(reading, loop, clock, caplog):
    reading.let_go_on()
    reading.answer = RuntimeError("odd")
    clock.advance(READ_EVERY_S)
    turn_until(loop, lambda: len(reading.threads) == 2)
    reading.let_go_on()
    assert "could not be read" in caplog.text
    assert reading.reader.info().model == "first"
    reading.answer = DeviceInfo(model="third")
    clock.advance(READ_EVERY_S)
    turn_until(loop, lambda: len(reading.threads) == 3)
    reading.let_go_on()
    assert reading.reader.info().model == "third"


def test_an_answer_after_the_end_of_the_service_is_dropped(reading, loop, caplog):
    loop.close()
    reading.may_go_on.release()
    reading.threads[0].join(timeout=5)
    assert reading.reader.info() == DeviceInfo()
    assert not caplog.records
