import gc
import weakref

import pytest

from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from tests.support.frames import camera


class Session:
    """A viewer that holds its stream, as sessions do."""

    batch_kind = None
    room_bytes = 1 << 20

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.frames = 0
        stream.join(self, 1000.0)

    def start(self, first) -> None: ...

    def deliver(self, packetized) -> None:
        self.frames += 1

    def on_fault(self, error: Exception) -> None:
        raise error

    def leave(self) -> None:
        self.stream.leave(self)


def published(name: str = "main") -> Stream:
    stream = Stream(name)
    for encoded in camera(3):
        stream.publish(encoded, 1000.0)
    return stream


def test_a_name_means_the_stream_that_was_added_last():
    registry, first, second = StreamRegistry(), Stream("main"), Stream("main")
    assert registry.add(first) is None
    assert registry.get("main") is first
    assert registry.add(second) is first
    assert registry.get("main") is second
    assert registry.get("other") is None
    assert list(registry) == [second]
    assert len(registry) == 1


def test_removing_is_by_identity():
    registry, first, second = StreamRegistry(), Stream("main"), Stream("main")
    registry.add(first)
    registry.add(second)
    assert not registry.remove(first)
    assert registry.get("main") is second
    assert registry.remove(second)
    assert not registry.remove(second)
    assert len(registry) == 0


def test_streams_may_come_and_go_while_they_are_gone_through():
    registry = StreamRegistry()
    for name in "abc":
        registry.add(Stream(name))
    for stream in registry:
        registry.remove(stream)
    assert len(registry) == 0


@pytest.mark.parametrize("last_viewer_leaves", ["before the successor is removed", "after the successor is removed"])
def test_a_displaced_stream_lives_with_its_viewers_and_never_takes_its_successor_along(last_viewer_leaves):
    """The test that must exist (architecture, "Streams and their registry")."""
    registry = StreamRegistry()
    displaced = published()
    registry.add(displaced)
    session = Session(displaced)
    assert session.frames == 3
    successor = published()
    assert registry.add(successor) is displaced
    alive = [weakref.ref(displaced), weakref.ref(successor), weakref.ref(session)]

    def end_session() -> None:
        nonlocal session, displaced
        session.leave()
        registry.remove(displaced)
        session = displaced = None

    def remove_successor() -> None:
        nonlocal successor
        assert registry.get("main") is successor
        assert registry.remove(successor)
        assert registry.get("main") is None
        successor = None

    steps = [end_session, remove_successor]
    for step in steps if last_viewer_leaves.startswith("before") else reversed(steps):
        step()
    gc.collect()
    assert [reference() for reference in alive] == [None, None, None]
    assert len(registry) == 0
