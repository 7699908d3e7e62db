import pytest

from edge_streamer.media.peak_rate import PeakRateMeter


def peak_of(*frames: tuple[float, int]) -> int:
    meter = PeakRateMeter()
    for media_time_s, size_bytes in frames:
        meter.add(size_bytes, round(media_time_s * 90_000))
    return meter.peak_bps


@pytest.mark.parametrize(
    ("frames", "peak_bps"),
    [
        ([], 0),
        ([(0.0, 1000)], 8000),
        ([(0.0, 1000), (0.5, 1000)], 16_000),
        ([(0.0, 1000), (1.0, 1000)], 8000),  # a second is not longer than a second
        ([(0.0, 1000), (0.9, 3000), (1.5, 1000), (10.0, 100)], 32_000),  # the busiest one, wherever it begins
    ],
)
def test_the_peak_is_that_of_the_busiest_second(frames, peak_bps):
    assert peak_of(*frames) == peak_bps


def test_a_steady_stream_has_its_own_rate():
    assert peak_of(*((number / 30, 8333) for number in range(300))) == pytest.approx(2_000_000, rel=0.001)


def test_a_second_never_counts_two_of_the_key_frames_that_come_each_second():
    for fps in (10, 12, 15, 25, 30):
        frames = ((number / fps, 100_000 if number % fps == 0 else 1000) for number in range(20 * fps))
        assert peak_of(*frames) == (100_000 + (fps - 1) * 1000) * 8


def test_only_a_second_is_kept():
    meter = PeakRateMeter()
    for number in range(10_000):
        meter.add(100, number * 3000)
    assert len(meter._window) == 30
