"""TCP connections over loopback. A "slow" pair has small buffers, so that the second frame waits already."""

import gc
import socket
import sys
import tracemalloc
from collections.abc import Callable

import pytest

from edge_streamer.runtime.tcp.connection import (
    FLUSH_LIMIT_S,
    LINGER_S,
    CloseReason,
    TcpConnection,
)
from edge_streamer.runtime.tcp.write_queue import DEFAULT_WRITE_LIMIT_BYTES
from tests.support.loop import take_faults, turn_until
from tests.support.tcp_pair import connected_pair, read_to_end, read_until, reset

UNLIMITED = 1 << 40
SMALL_BUFFER_BYTES = 4096


class Delegate:
    """Notes what its connection tells it; `act` runs with the data."""

    def __init__(self) -> None:
        self.act: Callable[[bytes], None] = lambda data: None
        self.act_closed: Callable[[], None] = lambda: None
        self.data = b""
        self.drained = 0
        self.reasons: list[CloseReason] = []

    def on_data(self, data: bytes) -> None:
        self.data += data
        self.act(data)

    def on_sent_all(self) -> None:
        self.drained += 1

    def on_closed(self, reason: CloseReason) -> None:
        self.reasons.append(reason)
        self.act_closed()


class CountingSocket(socket.socket):
    """Counts its system calls for sending."""

    sends = 0

    def send(self, *arguments) -> int:
        self.sends += 1
        return super().send(*arguments)


class Peer:
    """A connection, its delegate and the client's end."""

    def __init__(self, loop, buffer_bytes: int = 0, host: str = "127.0.0.1") -> None:
        accepted, self.client = connected_pair(host, receive_buffer_bytes=buffer_bytes)
        self.socket = CountingSocket(fileno=accepted.detach())
        self.delegate = Delegate()
        self.connection = TcpConnection(loop, self.socket, lambda connection: self.delegate)

    @property
    def reasons(self) -> list[CloseReason]:
        return self.delegate.reasons


@pytest.fixture
def connect(loop):
    """Return a function that makes connections, all closed after the test."""
    peers = []

    def make(buffer_bytes: int = 0, host: str = "127.0.0.1") -> Peer:
        peers.append(Peer(loop, buffer_bytes, host))
        return peers[-1]

    yield make
    for peer in peers:
        peer.client.close()
        peer.connection.close(CloseReason.LOCAL)
    for _ in range(3):
        loop.turn()
    assert all(len(peer.reasons) == 1 for peer in peers), "on_closed is called exactly once"


@pytest.fixture
def peer(connect):
    return connect()


@pytest.fixture
def slow(connect):
    """A client with small buffers that may owe any number of bytes."""
    peer = connect(SMALL_BUFFER_BYTES)
    peer.connection.queue.add_limit(lambda: UNLIMITED)
    return peer


def image(letter: str, size_bytes: int = 200_000) -> bytes:
    return letter.encode() * size_bytes


def fill(peer: Peer, letter: str = "0") -> bytes:
    """Send a frame that no buffer holds; return it."""
    frame = image(letter, 1_000_000)
    peer.connection.send_frame(frame)
    assert peer.connection.queue.waiting_bytes > 0
    return frame


# --- sending


def test_a_frame_costs_one_send_when_nothing_waits(loop, peer):
    for number in range(10):
        peer.connection.send_frame(image(str(number), 1000))
    assert peer.socket.sends == 10
    assert peer.connection.queue.waiting_bytes == 0
    received = read_until(loop, peer.client, lambda data: len(data) == 10_000)
    assert received == b"".join(image(str(number), 1000) for number in range(10))
    assert peer.connection.sent_bytes == 10_000


def test_what_the_kernel_does_not_take_waits_and_follows_in_order(loop, slow):
    frames = [fill(slow)] + [image(letter) for letter in "abc"]
    for frame in frames[1:]:
        slow.connection.send_frame(frame)
    sends = slow.socket.sends
    assert sends == 1, "no attempt while something waits"
    whole = b"".join(frames)
    assert read_until(loop, slow.client, lambda data: len(data) >= len(whole)) == whole
    assert slow.connection.queue.waiting_bytes == 0
    assert slow.connection.sent_bytes == len(whole)


def test_frames_wait_by_reference_and_not_by_copy(loop, connect):
    frame = image("x", 4_000_000)
    peers = [connect(SMALL_BUFFER_BYTES) for _ in range(5)]
    references = sys.getrefcount(frame)
    tracemalloc.start()
    for peer in peers:
        peer.connection.queue.add_limit(lambda: UNLIMITED)
        for _ in range(3):
            peer.connection.send_frame(frame)
    _now, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(peer.connection.queue.waiting_bytes > 2 * len(frame) for peer in peers)
    assert sys.getrefcount(frame) == references + 3 * len(peers)
    assert peak_bytes < 100_000


def test_a_reply_overtakes_the_backlog_but_never_splits_a_frame(loop, slow):
    first, second, third = fill(slow), image("2"), image("3")
    slow.connection.send_frame(second)
    slow.connection.send_frame(third)
    slow.connection.send(b"RTSP/1.0 200 OK")
    whole = first + b"RTSP/1.0 200 OK" + second + third
    assert read_until(loop, slow.client, lambda data: len(data) >= len(whole)) == whole


def test_many_replies_keep_their_order_behind_a_frame(loop, slow):
    first, second = fill(slow), image("2")
    slow.connection.send_frame(second)
    replies = [b"<%d>" % number for number in range(100)]
    for reply in replies:
        slow.connection.send(reply)
    whole = first + b"".join(replies) + second
    assert read_until(loop, slow.client, lambda data: len(data) >= len(whole)) == whole


def test_a_frame_does_not_split_a_reply_that_waits(loop, slow):
    reply = image("r", 1_000_000)
    slow.connection.send(reply)
    frame = image("f")
    slow.connection.send_frame(frame)
    slow.connection.send(b"another reply")
    whole = reply + b"another reply" + frame
    assert read_until(loop, slow.client, lambda data: len(data) >= len(whole)) == whole


def test_the_delegate_is_told_when_a_backlog_has_drained(loop, slow):
    fill(slow)
    loop.turn()
    assert slow.delegate.drained == 0
    read_until(loop, slow.client, lambda data: len(data) == 1_000_000)
    turn_until(loop, lambda: slow.delegate.drained)
    assert slow.delegate.drained == 1


def test_data_reaches_the_delegate_in_order(loop, peer):
    peer.client.sendall(image("q", 30_000) + b"end")
    turn_until(loop, lambda: peer.delegate.data.endswith(b"end"))
    assert peer.delegate.data == image("q", 30_000) + b"end"


# --- what may wait


def test_the_write_limit_counts_what_the_kernel_holds_and_its_end_is_posted(loop, connect):
    peer, seen = connect(), {}
    peer.connection.set_send_buffer(100_000)
    peer.connection.queue.add_limit(lambda: 600_000)
    peer.delegate.act_closed = lambda: seen.update(
        all=peer.connection.backlog_bytes, here=peer.connection.queue.waiting_bytes
    )
    for _ in range(1000):
        peer.connection.send_frame(image("x", 20_000))
        if not peer.connection.is_open:
            break
    assert not peer.connection.is_open
    assert peer.reasons == [], "the end is posted"
    loop.turn()
    assert peer.reasons == [CloseReason.BACKLOG]
    assert 600_000 < seen["all"] <= 620_000
    assert seen["here"] < 600_000, "the limit was reached with the kernel's part"


def test_a_reader_below_its_limit_is_left_alone(loop, connect):
    peer = connect(SMALL_BUFFER_BYTES)
    peer.connection.queue.add_limit(lambda: 1_200_000)
    frame = fill(peer)
    peer.connection.send_frame(image("x", 100_000))
    loop.turn()
    assert peer.connection.is_open
    read_until(loop, peer.client, lambda data: len(data) == len(frame) + 100_000)


def test_limits_of_several_viewers_add_up_and_are_read_when_they_are_needed(loop, connect):
    peer, limits = connect(SMALL_BUFFER_BYTES), [600_000, 600_000]

    def one() -> int:
        return limits[0]

    def other() -> int:
        return limits[1]

    peer.connection.queue.add_limit(one)
    peer.connection.queue.add_limit(other)
    fill(peer)
    peer.connection.send(b"r")
    assert peer.connection.is_open
    limits[1] = 100_000
    peer.connection.send(b"r")
    assert not peer.connection.is_open


def test_without_a_viewer_replies_alone_may_wait_up_to_the_default(loop, connect):
    peer = connect(SMALL_BUFFER_BYTES)
    peer.connection.send(image("r", DEFAULT_WRITE_LIMIT_BYTES // 2))
    assert peer.connection.is_open
    peer.connection.send(image("r", DEFAULT_WRITE_LIMIT_BYTES // 2 + 100_000))  # some has arrived already
    loop.turn()
    assert peer.reasons == [CloseReason.BACKLOG]


def test_what_waits_for_the_last_viewer_leaves_with_it_but_the_frame_on_the_wire_is_finished(loop, connect):
    peer = connect(SMALL_BUFFER_BYTES)

    def limit_bytes() -> int:
        return UNLIMITED

    peer.connection.queue.add_limit(limit_bytes)
    first = fill(peer)
    peer.connection.send_frame(image("2"))
    peer.connection.queue.remove_limit(limit_bytes)
    peer.connection.send(b"200 OK")
    assert read_until(loop, peer.client, lambda data: data.endswith(b"OK")) == first + b"200 OK"


def test_what_waits_for_one_of_two_viewers_stays(loop, connect):
    peer = connect(SMALL_BUFFER_BYTES)
    limits = [lambda: UNLIMITED, lambda: UNLIMITED]
    for limit_bytes in limits:
        peer.connection.queue.add_limit(limit_bytes)
    first, second = fill(peer), image("2")
    peer.connection.send_frame(second)
    peer.connection.queue.remove_limit(limits[0])
    assert read_until(loop, peer.client, lambda data: len(data) == 1_200_000) == first + second


# --- how long it waits


def test_the_age_is_that_of_the_oldest_byte_that_waits(loop, clock, slow):
    assert slow.connection.queue.oldest_age_s(clock.now) == 0.0
    fill(slow)
    clock.advance(2.0)
    slow.connection.send_frame(image("2"))
    clock.advance(1.0)
    assert slow.connection.queue.oldest_age_s(clock.now) == 3.0
    read_until(loop, slow.client, lambda data: len(data) == 1_200_000)
    assert slow.connection.queue.oldest_age_s(clock.now) == 0.0


def test_a_reply_that_overtakes_does_not_make_the_backlog_younger(loop, clock, slow):
    fill(slow)
    slow.connection.send_frame(image("2"))
    clock.advance(5.0)
    slow.connection.send(image("r", 1_000_000))
    read_until(loop, slow.client, lambda data: b"r" in data)
    assert slow.connection.queue.oldest_age_s(clock.now) == 5.0


def test_a_reader_that_never_drains_is_found_by_age(loop, clock, slow):
    fill(slow)
    for _ in range(33):
        slow.connection.look_for_death(clock.now, is_sending=True)
        loop.turn()
        assert slow.reasons == []
        clock.advance(0.25)
    slow.connection.look_for_death(clock.now, is_sending=True)
    loop.turn()
    assert slow.reasons == [CloseReason.STALLED]


# --- ends that the peer makes


def test_the_peers_end_closes_at_once(loop, peer):
    peer.client.send(b"last words")
    peer.client.close()
    turn_until(loop, lambda: peer.reasons)
    assert peer.delegate.data == b"last words"
    assert peer.reasons == [CloseReason.PEER_CLOSED]
    assert peer.socket.fileno() == -1


def test_a_reset_closes(loop, peer):
    reset(peer.client)
    turn_until(loop, lambda: peer.reasons)
    assert peer.reasons == [CloseReason.PEER_CLOSED]


def test_a_reset_found_while_sending_is_posted(loop, peer):
    reset(peer.client)
    for _ in range(3):
        peer.connection.send_frame(b"x" * 1000)
        peer.connection.send(b"x")
    assert not peer.connection.is_open
    assert peer.reasons == []
    loop.turn()
    assert peer.reasons == [CloseReason.PEER_CLOSED]


def test_a_reset_ends_a_backlog(loop, slow):
    fill(slow)
    slow.connection.send_frame(image("2"))
    reset(slow.client)
    turn_until(loop, lambda: slow.reasons)
    assert slow.reasons == [CloseReason.PEER_CLOSED]


# --- ends that we make


def test_close_is_posted_and_the_first_reason_counts(loop, peer):
    peer.connection.close(CloseReason.BACKLOG)
    peer.connection.close(CloseReason.SHUTDOWN)
    assert not peer.connection.is_open
    assert peer.reasons == []
    loop.turn()
    assert peer.reasons == [CloseReason.BACKLOG]
    peer.connection.close(CloseReason.LOCAL)
    loop.turn()
    assert peer.reasons == [CloseReason.BACKLOG]


@pytest.mark.parametrize("hang_up", [socket.socket.close, reset])
def test_a_peer_that_hangs_up_before_the_posted_end_changes_nothing(loop, peer, hang_up):
    hang_up(peer.client)
    peer.connection.close(CloseReason.BACKLOG)
    for _ in range(3):
        loop.turn()
    assert peer.reasons == [CloseReason.BACKLOG]


def test_closing_while_data_is_taken_ends_in_a_later_turn_and_takes_no_more(loop, peer):
    closed_within = []

    def close(data: bytes) -> None:
        peer.connection.close(CloseReason.LIMIT)
        closed_within.extend(peer.reasons)

    peer.delegate.act = close
    peer.client.send(image("x", 20_000))
    turn_until(loop, lambda: peer.delegate.data)
    assert (closed_within, peer.reasons) == ([], []), "not in the turn that decided it"
    taken = peer.delegate.data
    loop.turn()
    assert peer.reasons == [CloseReason.LIMIT]
    assert peer.delegate.data == taken


def test_nothing_is_sent_after_the_end_is_decided(loop, peer):
    peer.connection.close(CloseReason.LOCAL)
    peer.connection.send(b"reply")
    peer.connection.send_frame(b"frame")
    assert read_to_end(loop, peer.client) == b""


def test_a_fault_in_the_delegate_ends_its_connection_and_no_other(loop, connect):
    failing, healthy = connect(), connect()
    failing.delegate.act = lambda data: [][0]
    failing.client.send(b"x")
    healthy.client.send(b"y")
    turn_until(loop, lambda: failing.reasons and healthy.delegate.data)
    assert failing.reasons == [CloseReason.INTERNAL_ERROR]
    assert healthy.connection.is_open
    assert take_faults(loop) == 1


def test_a_fault_while_letting_go_keeps_no_frame(loop, slow):
    frame = fill(slow)
    references = sys.getrefcount(frame)
    slow.delegate.act_closed = lambda: [][0]
    slow.client.close()
    turn_until(loop, lambda: slow.reasons)
    assert take_faults(loop) == 1
    assert sys.getrefcount(frame) == references - 1


def test_nothing_refers_to_a_frame_after_the_end(loop, slow):
    waiting = image("2")
    alone = sys.getrefcount(waiting)
    on_the_wire = fill(slow)
    for _ in range(3):
        slow.connection.send_frame(waiting)
    slow.connection.send(b"reply")
    assert sys.getrefcount(waiting) == alone + 3
    slow.connection.close(CloseReason.BACKLOG)
    loop.turn()
    assert sys.getrefcount(waiting) == alone
    assert not [holder for holder in gc.get_referrers(on_the_wire) if isinstance(holder, memoryview)]


# --- the last word


def test_the_last_reply_reaches_a_peer_that_still_sends(loop, peer):
    """Closing with unread bytes would reset the connection and could take the reply with it."""

    def refuse(data: bytes) -> None:
        peer.connection.send(b"400 Bad Request")
        peer.connection.close_when_sent(CloseReason.PROTOCOL_ERROR)

    peer.delegate.act = refuse
    peer.client.send(image("x", 500_000))
    received = read_until(loop, peer.client, lambda data: data.endswith(b"Request"))
    for _ in range(20):
        peer.client.send(image("y", 10_000))
        loop.turn()
    assert received == b"400 Bad Request"
    assert peer.client.recv(100) == b"", "an end, not a reset"
    assert peer.reasons == []
    peer.client.close()
    turn_until(loop, lambda: peer.reasons)
    assert peer.reasons == [CloseReason.PROTOCOL_ERROR]


def test_a_peer_that_does_not_hang_up_is_waited_for_no_longer_than_the_linger(loop, clock, peer):
    peer.connection.send(b"bye")
    peer.connection.close_when_sent(CloseReason.LOCAL)
    assert read_to_end(loop, peer.client) == b"bye"
    clock.advance(LINGER_S - 0.01)
    loop.turn()
    assert peer.reasons == []
    clock.advance(0.01)
    loop.turn()
    assert peer.reasons == [CloseReason.LOCAL]


def test_a_long_last_reply_may_take_longer_than_the_linger(loop, clock, slow):
    reply = image("r", 1_000_000)
    slow.connection.send(reply)
    slow.connection.close_when_sent(CloseReason.LOCAL)
    clock.advance(FLUSH_LIMIT_S - 0.1)
    loop.turn()
    assert slow.reasons == []
    assert read_to_end(loop, slow.client) == reply


def test_a_last_reply_that_nobody_takes_is_given_up(loop, clock, slow):
    slow.connection.send(image("r", 1_000_000))
    slow.connection.close_when_sent(CloseReason.LOCAL)
    clock.advance(FLUSH_LIMIT_S)
    loop.turn()
    assert slow.reasons == [CloseReason.LOCAL]


def test_the_last_reply_follows_the_frame_on_the_wire_and_no_other(loop, slow):
    first = fill(slow)
    slow.connection.send_frame(image("2"))
    slow.connection.send(b"454 Session Not Found")
    slow.connection.close_when_sent(CloseReason.LOCAL)
    assert read_to_end(loop, slow.client) == first + b"454 Session Not Found"


def test_a_close_cuts_the_last_word_short(loop, slow):
    slow.connection.send(image("r", 1_000_000))
    slow.connection.close_when_sent(CloseReason.PROTOCOL_ERROR)
    slow.connection.close(CloseReason.SHUTDOWN)
    loop.turn()
    assert slow.reasons == [CloseReason.PROTOCOL_ERROR]


def test_the_last_word_to_a_peer_that_has_reset(loop, peer):
    reset(peer.client)
    peer.connection.close_when_sent(CloseReason.LOCAL)
    turn_until(loop, lambda: peer.reasons)
    assert peer.reasons == [CloseReason.LOCAL]


# --- who it is


def test_ids_are_never_used_twice(connect):
    ids = [connect().connection.connection_id for _ in range(3)]
    assert len(set(ids)) == 3
    assert ids == sorted(ids)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_peers_host_is_an_address_without_port(connect, host):
    assert connect(host=host).connection.peer_host == host


def test_a_reset_before_the_first_use_raises_and_leaves_nothing(loop):
    accepted, client = connected_pair()
    reset(client)
    with accepted, pytest.raises(OSError):
        TcpConnection(loop, accepted, lambda connection: Delegate())


# --- another protocol


def test_a_connection_that_is_handed_over_belongs_to_the_other_alone(loop, peer):
    before, after = peer.delegate, Delegate()
    peer.client.sendall(b"upgrade")
    turn_until(loop, lambda: before.data)
    peer.connection.hand_over(after)
    peer.client.sendall(b"frames")
    turn_until(loop, lambda: after.data)
    assert (before.data, after.data) == (b"upgrade", b"frames")
    peer.delegate = after
    peer.connection.close(CloseReason.LOCAL)
    loop.turn()
    assert (before.reasons, after.reasons) == ([], [CloseReason.LOCAL])


def test_a_connection_can_be_handed_over_in_the_middle_of_its_data(loop, peer):
    after = Delegate()
    peer.delegate.act = lambda data: peer.connection.hand_over(after)
    before, peer.delegate = peer.delegate, after
    peer.client.sendall(b"upgrade")
    turn_until(loop, lambda: before.data)
    peer.client.sendall(b"frames")
    turn_until(loop, lambda: after.data)
    assert (before.data, after.data) == (b"upgrade", b"frames")


def test_who_counts_connections_is_told_last_and_once(loop, peer):
    told = []
    peer.connection.on_over = lambda: told.append(list(peer.reasons))
    peer.connection.hand_over(peer.delegate)
    peer.connection.close(CloseReason.LOCAL)
    for _ in range(3):
        loop.turn()
    assert told == [[CloseReason.LOCAL]]


def test_who_counts_connections_is_told_of_one_whose_delegate_raises(loop, peer):
    told = []
    peer.connection.on_over = lambda: told.append(1)
    peer.delegate.act_closed = lambda: 1 / 0
    peer.connection.close(CloseReason.LOCAL)
    loop.turn()
    assert told == [1]
    assert take_faults(loop) == 1


def test_a_connection_that_is_closed_cannot_be_handed_over(loop, peer):
    peer.connection.close(CloseReason.LOCAL)
    loop.turn()
    with pytest.raises(AssertionError):
        peer.connection.hand_over(Delegate())
