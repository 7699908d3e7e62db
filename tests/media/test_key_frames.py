from edge_streamer.media.key_frames import (
    PATIENCE_S,
    REQUEST_INTERVAL_S,
    KeyFrameCache,
    KeyFrameRequests,
)
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer

packetizer = H264Packetizer(ssrc=1, first_sequence=1000)


LIMIT_BYTES = 1 << 20


def packetized(size_bytes: int = 100, *, is_key_frame: bool = False):
    return packetizer.packetize([b"\x41" + b"x" * size_bytes], 0, is_key_frame=is_key_frame)


def requests_asked() -> tuple[KeyFrameRequests, list[str]]:
    requests, asked = KeyFrameRequests(), []
    requests.ask = lambda: asked.append("asked")
    return requests, asked


# --- the cache


def test_the_frames_since_the_last_key_frame_are_kept_in_order():
    frames = [packetized(is_key_frame=number in (0, 2)) for number in range(5)]
    cache = KeyFrameCache(LIMIT_BYTES)
    for frame in frames:
        cache.add(frame)
    assert cache.frames == tuple(frames[2:])
    assert cache.cached_bytes == sum(frame.packet_bytes for frame in frames[2:])


def test_nothing_is_kept_before_the_first_key_frame():
    cache = KeyFrameCache(LIMIT_BYTES)
    cache.add(packetized())
    assert (cache.frames, cache.has_overflowed) == ((), False)


def test_what_is_cleared_is_gone_until_the_next_key_frame():
    cache, second = KeyFrameCache(LIMIT_BYTES), packetized(is_key_frame=True)
    cache.add(packetized(is_key_frame=True))
    cache.clear()
    cache.add(packetized())
    assert (cache.frames, cache.cached_bytes) == ((), 0)
    cache.add(second)
    assert cache.frames == (second,)


def test_a_group_of_pictures_past_the_limit_is_let_go_until_the_next_key_frame():
    cache, key_frame = KeyFrameCache(LIMIT_BYTES), packetized(LIMIT_BYTES // 5, is_key_frame=True)
    cache.add(key_frame)
    for _ in range(3):
        cache.add(packetized(LIMIT_BYTES // 5))
    assert (len(cache.frames), cache.has_overflowed, cache.overflows) == (4, False, 0)
    for _ in range(2):
        cache.add(packetized(LIMIT_BYTES // 5))
    assert (cache.frames, cache.cached_bytes, cache.has_overflowed, cache.overflows) == ((), 0, True, 1)
    cache.add(key_frame)
    assert (cache.frames, cache.has_overflowed, cache.overflows) == ((key_frame,), False, 1)


def test_a_key_frame_past_the_limit_is_not_kept():
    cache = KeyFrameCache(LIMIT_BYTES)
    cache.add(packetized(LIMIT_BYTES, is_key_frame=True))
    assert (cache.frames, cache.has_overflowed) == ((), True)


# --- asking


def test_a_source_that_makes_none_is_not_asked():
    requests = KeyFrameRequests()
    assert not requests.request(1000.0)
    assert not requests.is_pending(1000.0)


def test_however_many_ask_the_source_is_asked_once_a_second():
    requests, asked = requests_asked()
    for hundredth in range(201):
        requests.request(1000.0 + hundredth / 100)
    assert len(asked) == 3
    assert REQUEST_INTERVAL_S == 1.0


def test_a_key_frame_is_expected_until_patience_ends():
    requests, _asked = requests_asked()
    assert requests.request(1000.0)
    assert requests.is_pending(1000.0 + PATIENCE_S - 0.01)
    assert requests.request(1000.0 + PATIENCE_S - 0.01)
    assert not requests.is_pending(1000.0 + PATIENCE_S)
    assert not requests.request(1000.0 + PATIENCE_S)


def test_a_key_frame_that_came_answers_those_who_asked_and_none_who_ask_later():
    requests, asked = requests_asked()
    requests.request(1000.0)
    requests.on_key_frame()
    assert not requests.is_pending(1000.1)
    assert not requests.request(1000.1)
    assert requests.request(1001.0)
    assert len(asked) == 2
