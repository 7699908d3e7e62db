"""Streams by the name in a URL's path.

A name leads to at most one stream. Adding a stream under a taken name displaces the old one: sessions that play it keep
it, since they hold a reference; new sessions get the new one. Removing is by identity: the end of a displaced stream
must not remove its successor.
"""

from collections.abc import Iterator

from edge_streamer.media.stream import Stream


class StreamRegistry:
    """The streams that new sessions can get, by name."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}

    def add(self, stream: Stream) -> Stream | None:
        """Register `stream` under its name; return the stream that it displaces, if any."""
        displaced = self._streams.get(stream.name)
        self._streams[stream.name] = stream
        return displaced

    def remove(self, stream: Stream) -> bool:
        """Remove exactly this stream; False when its name leads to another stream by now, or to none."""
        if self._streams.get(stream.name) is not stream:
            return False
        del self._streams[stream.name]
        return True

    def get(self, name: str) -> Stream | None:
        """Return the stream that new sessions get under `name`; None if there is none."""
        return self._streams.get(name)

    def __iter__(self) -> Iterator[Stream]:
        return iter(tuple(self._streams.values()))

    def __len__(self) -> int:
        return len(self._streams)
