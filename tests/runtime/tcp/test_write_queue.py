"""The queue alone: what is sent next, how old it is, how much of it there is, and how much there may be."""

import pytest

from edge_streamer.runtime.tcp.write_queue import DEFAULT_WRITE_LIMIT_BYTES, DrainClock, WriteQueue


@pytest.fixture
def queue():
    return WriteQueue()


def drain(queue: WriteQueue, each_bytes: int = 3, now: float = 0.0) -> bytes:
    """Return what leaves when the kernel takes `each_bytes` at a time."""
    taken = b""
    while (chunk := queue.next_chunk(now)) is not None:
        sent = bytes(chunk[:each_bytes])
        taken += sent
        queue.sent(len(sent))
    return taken


def test_a_new_queue_is_empty(queue):
    assert (queue.is_empty, queue.is_in_chunk, queue.waiting_bytes) == (True, False, 0)
    assert queue.next_chunk(0.0) is None
    assert queue.oldest_age_s(100.0) == 0.0


@pytest.mark.parametrize("each_bytes", [1, 3, 100])
def test_replies_overtake_frames_but_not_the_chunk_on_the_wire(queue, each_bytes):
    queue.add_rest(memoryview(b"first frame")[2:], 0.0)
    queue.add_frame(b"<second>", 0.0)
    queue.add_frame(b"<third>", 0.0)
    queue.add_reply(b"reply 1;")
    queue.add_reply(b"reply 2;")
    assert queue.waiting_bytes == len(b"rst frame<second><third>reply 1;reply 2;")
    assert drain(queue, each_bytes) == b"rst framereply 1;reply 2;<second><third>"
    assert (queue.is_empty, queue.waiting_bytes) == (True, 0)


def test_a_reply_does_not_split_another(queue):
    queue.add_reply(b"a long reply;")
    queue.sent(len(queue.next_chunk(0.0)[:4]))
    queue.add_reply(b"another;")
    assert drain(queue) == b"ng reply;another;"


def test_what_was_not_taken_is_offered_again(queue):
    queue.add_frame(b"frame", 0.0)
    assert queue.next_chunk(0.0) == b"frame"
    assert queue.next_chunk(0.0) == b"frame"
    assert (queue.is_in_chunk, queue.waiting_bytes) == (True, 5)


def test_a_frame_is_the_streams_own_bytes(queue):
    image = b"shared"
    queue.add_frame(image, 0.0)
    assert queue.next_chunk(0.0).obj is image


def test_the_age_is_that_of_the_oldest_byte(queue):
    queue.add_rest(memoryview(b"rest"), 10.0)
    queue.add_frame(b"frame", 11.0)
    assert queue.oldest_age_s(15.0) == 5.0
    queue.sent(4)
    queue.add_reply(b"reply")
    queue.next_chunk(15.0)
    assert queue.oldest_age_s(15.0) == 4.0, "a reply that overtook the frame is younger"
    assert drain(queue, now=16.0) == b"replyframe"
    assert queue.oldest_age_s(16.0) == 0.0


def test_frames_that_wait_whole_can_be_dropped(queue):
    queue.add_rest(memoryview(b"rest"), 0.0)
    queue.add_frame(b"frame", 0.0)
    queue.add_frame(b"frame", 0.0)
    queue.add_reply(b"reply")
    assert queue.drop_frames(5.0) == 2
    assert queue.oldest_age_s(6.0) == 1.0, "the chunk on the wire has its time anew"
    assert drain(queue) == b"restreply"


def test_limits_add_up_as_they_are_at_the_time(queue):
    limits = [100, 20]

    def one() -> int:
        return limits[0]

    def other() -> int:
        return limits[1]

    assert queue.limit_bytes == DEFAULT_WRITE_LIMIT_BYTES
    queue.add_limit(one)
    assert (queue.limit_bytes, queue.has_one_limit) == (100, True)
    queue.add_limit(other)
    limits[1] = 50
    assert (queue.limit_bytes, queue.has_one_limit) == (150, False)


def test_what_waits_for_the_last_viewer_leaves_with_it(queue):
    limits = [lambda: 100, lambda: 100]
    for limit_bytes in limits:
        queue.add_limit(limit_bytes)
    queue.add_rest(memoryview(b"rest"), 0.0)
    queue.add_frame(b"frame", 0.0)
    queue.remove_limit(limits[0])
    assert queue.waiting_bytes == 9
    queue.remove_limit(limits[1])
    assert drain(queue) == b"rest"


def test_all_can_be_forgotten(queue):
    queue.add_rest(memoryview(b"rest"), 0.0)
    queue.add_frame(b"frame", 0.0)
    queue.add_reply(b"reply")
    queue.clear()
    assert queue.is_empty


def test_the_drain_clock_knows_since_when_nothing_moves():
    clock = DrainClock()
    clock.begin(10.0)
    assert clock.still_s(12.0) == 2.0
    clock.note(500, 13.0)
    clock.note(500, 15.0)
    assert clock.still_s(16.0) == 3.0
