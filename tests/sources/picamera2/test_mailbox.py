import os
import select
import threading

import pytest

from edge_streamer.sources.picamera2.mailbox import Mailbox, ThreadDied


@pytest.fixture
def mailbox():
    box = Mailbox()
    yield box
    box.close()


def is_readable(mailbox):
    return bool(select.select([mailbox.fd], [], [], 0)[0])


def test_what_is_posted_wakes_the_reader_once(mailbox):
    assert not is_readable(mailbox)
    assert mailbox.take() == []
    mailbox.post(ThreadDied("a"))
    mailbox.post(ThreadDied("b"))
    assert is_readable(mailbox)
    assert mailbox.take() == [ThreadDied("a"), ThreadDied("b")]
    assert not is_readable(mailbox)
    assert mailbox.take() == []


def test_nothing_is_lost_between_threads(mailbox):
    def post():
        for number in range(1000):
            mailbox.post(ThreadDied(str(number)))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken = []
    while len(taken) < 4000:
        assert select.select([mailbox.fd], [], [], 5)[0]
        taken += mailbox.take()
    for thread in threads:
        thread.join()
    assert sorted(int(event.reason) for event in taken) == sorted(4 * list(range(1000)))


def test_the_descriptor_is_not_inherited(mailbox):
    assert not os.get_inheritable(mailbox.fd)
