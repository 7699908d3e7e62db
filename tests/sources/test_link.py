"""The child's end of the socketpair: drops, order, torn messages and the end, over a real one in one process."""

import socket
import threading
import time

import pytest

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES, EncodedFrame
from edge_streamer.protocol.source.messages import (
    MAX_NOTE_BYTES,
    MAX_SNAPSHOT_BYTES,
    SourceCommand,
    SourceFrame,
    SourceNote,
    SourceParser,
)
from edge_streamer.sources.ending import SourceStopped
from edge_streamer.sources.link import MAX_COMMAND_BYTES, MAX_UNSENT_BYTES, MAX_UNSENT_WITH_NOTES_BYTES, ServerLink

OUTPUTS = 2
A_WHILE_NS = 5_000_000_000


class Server:
    """The other end: reads what is there without waiting."""

    def __init__(self, sock):
        self.socket = sock
        self.parser = SourceParser(OUTPUTS)

    def read(self, limit=1 << 30):
        messages = []
        while limit > 0:
            try:
                data = self.socket.recv(min(limit, 1 << 16), socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not data:
                break
            limit -= len(data)
            messages += self.parser.receive(data)
        return messages


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    link = ServerLink(theirs.detach(), OUTPUTS)
    yield link, Server(ours)
    ours.close()
    link.finish(0)


def frame(number, *, is_key=False, length=50_000):
    return EncodedFrame(number.to_bytes(4, "big") + bytes(length - 4), is_key, number)


def numbers(messages, output=0):
    return [m.frame.media_time for m in messages if isinstance(m, SourceFrame) and m.output == output]


def settle(link, server):
    """Let the source write, and the server read, all that waits."""
    messages = server.read()
    while link._unsent:
        link.wait(0)
        messages += server.read()
    return messages


def fill(link, output=0):
    """Send frames until one is dropped; return how many were taken."""
    link.send_frame(output, frame(0, is_key=True))
    taken = 1
    while not link._gates[output].is_closed:
        link.send_frame(output, frame(taken))
        taken += 1
    return taken - 1


def test_frames_and_notes_keep_their_order(ends):
    link, server = ends
    link.send_note(0, event="ready")
    link.send_frame(0, frame(1, is_key=True))
    link.send_frame(1, frame(2, length=10))
    assert server.read() == [
        SourceNote(0, {"event": "ready"}),
        SourceFrame(0, frame(1, is_key=True)),
        SourceFrame(1, frame(2, length=10)),
    ]


def test_a_frame_larger_than_any_socket_buffer_arrives_whole(ends):
    link, server = ends
    largest = frame(7, is_key=True, length=MAX_ACCESS_UNIT_BYTES)
    link.send_frame(0, largest)
    assert settle(link, server) == [SourceFrame(0, largest)]


def test_another_output_is_not_starved_by_a_key_frame_that_fills_the_socket(ends):
    link, server = ends
    link.send_frame(0, frame(1, is_key=True, length=900_000))
    link.send_frame(1, frame(2, is_key=True, length=20_000))
    messages = settle(link, server)
    assert numbers(messages, 0) == [1]
    assert numbers(messages, 1) == [2]


def test_an_unread_socket_costs_whole_frames_up_to_the_next_key_frame(ends):
    link, server = ends
    taken = fill(link)
    link.send_frame(0, frame(1000))
    link.send_frame(0, frame(1001, is_key=True))  # no room for it either
    assert not link.wants_key_frame(0)
    before = settle(link, server)
    assert link.wants_key_frame(0)
    link.send_frame(0, frame(1002))  # room, but it leans on what was dropped
    link.send_frame(0, frame(1003, is_key=True))
    link.send_frame(0, frame(1004))
    after = settle(link, server)
    assert numbers(before) == list(range(taken))
    assert after[0] == SourceNote(0, {"event": "dropped", "frames": 4})
    assert numbers(after) == [1003, 1004]
    assert not link.wants_key_frame(0)


def test_each_output_has_its_own_gap(ends):
    link, server = ends
    fill(link)
    settle(link, server)
    link.send_frame(1, frame(5))
    link.send_frame(0, frame(6))
    messages = settle(link, server)
    assert (numbers(messages, 0), numbers(messages, 1)) == ([], [5])


def test_what_waits_in_the_source_is_bounded(ends):
    link, _server = ends
    fill(link)
    for number in range(200):
        link.send_note(0, event="unsupported", command="x" * 60_000)
        link.send_frame(0, frame(number, is_key=True))
    assert MAX_UNSENT_BYTES <= link._unsent_bytes < MAX_UNSENT_WITH_NOTES_BYTES + MAX_NOTE_BYTES


@pytest.mark.parametrize("step", [1, 7, 36, 37, 4096, 50_036])
def test_a_server_that_reads_in_small_pieces_sees_no_torn_message(ends, step):
    link, server = ends
    sent = 3 if step < 36 else 40
    length = 100 if step < 36 else 50_000
    messages = []
    for number in range(sent):
        link.send_frame(0, frame(number, is_key=True, length=length))
        messages += server.read(step)
    messages += settle(link, server)
    arrived = [m.frame for m in messages if isinstance(m, SourceFrame)]
    assert all(f == frame(f.media_time, is_key=True, length=length) for f in arrived)
    dropped = sum(m.values["frames"] for m in messages if isinstance(m, SourceNote))
    dropped += link._gates[0].dropped_frames
    assert len(arrived) + dropped == sent


def test_waiting_writes_what_the_server_makes_room_for(ends):
    link, server = ends
    fill(link)
    waiting = link._unsent_bytes
    server.read()
    link.wait(0)
    assert link._unsent_bytes < waiting


def test_commands_come_out_of_wait_one_a_line(ends):
    link, server = ends
    commands = [SourceCommand("force_key_frame", 1), SourceCommand("set_bitrate", 0, 100_000)]
    line = b"".join(command.encode() for command in commands)
    for byte in line[:-1]:
        server.socket.sendall(bytes([byte]))
        if byte != ord("\n"):
            received = link.wait(0)
            assert received in ([], commands[:1])
    server.socket.sendall(line[-1:])
    assert link.wait(time.monotonic_ns() + A_WHILE_NS) == commands[1:]


def test_wait_ends_at_its_instant_and_not_before(ends):
    link, _server = ends
    until_ns = time.monotonic_ns() + 20_000_000
    assert link.wait(until_ns) == []
    assert time.monotonic_ns() >= until_ns


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello\n", "hello"),
        (b"\n", ""),
        (b'{"command": "force_key_frame", "output": 2}\n', "force_key_frame"),
        (b'{"command": "stop", "output": -1}\n', '{"command": "stop", "output": -1}'),
        (b"\xff" * 100 + b"\n", "\N{REPLACEMENT CHARACTER}" * 64),
    ],
)
def test_a_command_for_nobody_is_answered(ends, line, said):
    link, server = ends
    server.socket.sendall(line)
    assert link.wait(0) == []
    [note] = server.read()
    assert (note.values["event"], note.values["command"]) == ("unsupported", said)
    assert note.values["reason"] in {"it is no command of a source", "there is no such output"}


@pytest.mark.parametrize("size_bytes", [0, MAX_SNAPSHOT_BYTES + 1])
def test_a_picture_of_a_size_that_is_not_allowed_is_refused_for_its_size(ends, size_bytes):
    link, server = ends
    link.send_snapshot(0, bytes(size_bytes))
    [note] = settle(link, server)
    assert (note.values["event"], note.values["command"]) == ("unsupported", "snapshot")
    assert note.values["reason"] == f"the JPEG has {size_bytes} bytes (allowed: 1 to {MAX_SNAPSHOT_BYTES})"


def test_a_picture_for_a_server_that_does_not_read_is_refused_for_that(ends):
    link, server = ends
    fill(link)
    link.send_snapshot(0, b"a picture")
    assert [m.values["reason"] for m in settle(link, server) if isinstance(m, SourceNote)] == [
        "the server does not read"
    ]


def test_stop_and_what_follows_it(ends):
    link, server = ends
    server.socket.sendall(SourceCommand("stop").encode() + SourceCommand("force_key_frame").encode())
    with pytest.raises(SourceStopped):
        link.wait(0)


def test_a_command_without_an_end_ends_the_source(ends):
    link, server = ends
    server.socket.sendall(b"x" * (MAX_COMMAND_BYTES + 1))
    with pytest.raises(SourceStopped):
        link.wait(time.monotonic_ns() + A_WHILE_NS)


@pytest.mark.parametrize("is_unread", [False, True])
def test_the_end_of_the_socket_stops_whoever_waits(ends, is_unread):
    link, server = ends
    if is_unread:
        fill(link)
    server.socket.close()
    with pytest.raises(SourceStopped):
        link.wait(time.monotonic_ns() + A_WHILE_NS)


def test_a_server_that_only_stops_talking_is_gone_too(ends):
    link, server = ends
    server.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(SourceStopped):
        link.wait(time.monotonic_ns() + A_WHILE_NS)


def test_the_end_of_the_socket_stops_whoever_sends(ends):
    link, server = ends
    server.socket.close()
    with pytest.raises(SourceStopped):
        link.send_frame(0, frame(1))


def test_finish_gives_the_server_time_to_read_the_reason(ends):
    link, server = ends
    link.send_frame(0, frame(1, is_key=True, length=MAX_ACCESS_UNIT_BYTES))
    link.send_note(0, event="failed", reason="no camera")
    assert link._unsent
    finishing = threading.Thread(target=link.finish, args=(20.0,))
    finishing.start()
    messages = []
    while data := server.socket.recv(1 << 16):
        messages += server.parser.receive(data)
    finishing.join()
    assert messages[-1] == SourceNote(0, {"event": "failed", "reason": "no camera"})


def test_finish_does_not_wait_for_a_server_that_never_reads(ends):
    link, _server = ends
    fill(link)
    begun_ns = time.monotonic_ns()
    link.finish(0.05)
    assert time.monotonic_ns() - begun_ns < A_WHILE_NS
