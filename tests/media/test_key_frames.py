from edge_streamer.media.key_frames import (
    CACHE_LIMIT_BYTES,
    PATIENCE_S,
    REQUEST_INTERVAL_S,
    KeyFrameCache,
    KeyFrameRequests,
)
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer

packetizer = H264Packetizer(ssrc=1, first_sequence=1000)


def packetized(size_bytes: int = 100):
    return packetizer.packetize([b"\x41" + b"x" * size_bytes], 0)


def requests_asked() -> tuple[KeyFrameRequests, list[str]]:
    requests, asked = KeyFrameRequests(), []
    requests.ask = lambda: asked.append("asked")
    return requests, asked


# --- the cache


def test_the_frames_since_the_last_key_frame_are_kept_in_order():
    cache, frames = KeyFrameCache(), [packetized() for _ in range(5)]
    for number, frame in enumerate(frames):
        cache.add(frame, is_key_frame=number in (0, 2))
    assert cache.frames(1 << 20) == tuple(frames[2:])


def test_nothing_is_kept_before_the_first_key_frame():
    cache = KeyFrameCache()
    cache.add(packetized(), is_key_frame=False)
    assert cache.frames(1 << 20) == ()


def test_what_is_cleared_is_gone_until_the_next_key_frame():
    cache, first, second = KeyFrameCache(), packetized(), packetized()
    cache.add(first, is_key_frame=True)
    cache.clear()
    cache.add(packetized(), is_key_frame=False)
    assert cache.frames(1 << 20) == ()
    cache.add(second, is_key_frame=True)
    assert cache.frames(1 << 20) == (second,)


def test_more_than_asked_for_is_nothing():
    cache, frame = KeyFrameCache(), packetized()
    cache.add(frame, is_key_frame=True)
    assert cache.frames(frame.packet_bytes) == (frame,)
    assert cache.frames(frame.packet_bytes - 1) == ()


def test_a_group_of_pictures_past_the_limit_is_let_go_until_the_next_key_frame():
    cache, big = KeyFrameCache(), packetized(CACHE_LIMIT_BYTES // 4)
    cache.add(packetized(), is_key_frame=True)
    for _ in range(4):
        cache.add(big, is_key_frame=False)
    assert cache.frames(1 << 40) == ()
    cache.add(big, is_key_frame=False)
    assert cache.frames(1 << 40) == ()
    cache.add(big, is_key_frame=True)
    assert cache.frames(1 << 40) == (big,)


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
