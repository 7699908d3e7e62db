"""The rate of a link, as it is set and as it is measured, and the budget that follows."""

from edge_streamer.media.link_rate import LinkRate

SECOND = 90_000
DEAD_AFTER_S = 8.0


def send_seconds(rate: LinkRate, first: int, count: int, bytes_each: int) -> None:
    """Send `count` seconds of ten frames."""
    for tenth in range(10 * first, 10 * (first + count)):
        rate.add(bytes_each // 10, tenth * SECOND // 10)


def test_without_a_setting_the_busiest_second_is_the_rate_and_the_budget_grows_with_it():
    rate = LinkRate(DEAD_AFTER_S, 0)
    assert (rate.bitrate_bps, rate.write_budget.write_budget_bytes) == (0, 0)
    send_seconds(rate, 0, 1, 100_000)
    assert rate.bitrate_bps == 800_000
    assert rate.write_budget.write_budget_bytes >= DEAD_AFTER_S * 100_000
    send_seconds(rate, 1, 5, 10_000)
    assert rate.bitrate_bps == 800_000, "a quiet second makes it no less"


def test_a_setting_counts_until_more_is_measured():
    rate = LinkRate(DEAD_AFTER_S, 400_000)
    send_seconds(rate, 0, 1, 10_000)
    assert rate.bitrate_bps == 400_000
    send_seconds(rate, 1, 1, 100_000)
    assert rate.bitrate_bps > 400_000


def test_a_lower_setting_counts_when_no_backlog_of_before_is_left():
    rate = LinkRate(DEAD_AFTER_S, 0)
    send_seconds(rate, 0, 1, 100_000)
    rate.configure(80_000, now=1.0)
    send_seconds(rate, 2, 1, 10_000)
    rate.add_key_frame(5_000, now=DEAD_AFTER_S + 0.9)
    assert rate.bitrate_bps == 800_000
    rate.add_key_frame(5_000, now=DEAD_AFTER_S + 1.0)
    assert rate.bitrate_bps == 80_000
    assert rate.write_budget.link_bitrate_bps == 80_000


def test_the_largest_key_frame_is_in_the_budget_for_good():
    rate = LinkRate(DEAD_AFTER_S, 80_000)
    rate.add_key_frame(300_000, now=0.0)
    rate.add_key_frame(10_000, now=1.0)
    assert rate.write_budget.largest_key_frame_bytes == 300_000
    assert rate.write_budget.write_budget_bytes >= 600_000
