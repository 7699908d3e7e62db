import pytest

from edge_streamer.media.budget import WriteBudget


@pytest.mark.parametrize(
    ("link_bitrate_bps", "largest_key_frame_bytes", "limit_bytes"),
    [
        (2_000_000, 0, 2_000_896),  # eight seconds, rounded up to 1024
        (1024, 0, 1024),
        (1025, 0, 2048),
        (2_000_000, 100_000, 2_000_896),
        (200_000, 100_000, 225_280),  # two key frames and a second: more than the 200,000 bytes of eight seconds
        (200_000, 87_500, 200_704),  # the floor equals the eight seconds
        (0, 0, 0),
        (0, 100_000, 200_704),
    ],
)
def test_the_limit(link_bitrate_bps, largest_key_frame_bytes, limit_bytes):
    assert WriteBudget(8.0, link_bitrate_bps, largest_key_frame_bytes).write_budget_bytes == limit_bytes


def test_bytes_as_seconds_of_the_stream():
    assert WriteBudget(8.0, 2_000_000).seconds_of(500_000) == 2.0
    assert WriteBudget(8.0, 0).seconds_of(500_000) == 0.0
