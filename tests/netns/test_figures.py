"""What the laboratory makes of arrival times: ages, the live edge, lateness, and the report's page."""

import json
from pathlib import Path

import pytest

from tests.support.netns.readers import frame_ages, lateness, live_again_at, percentile
from tests.tools import reliability_report
from tests.tools.reliability_report import VARIABLE, record, render

FRAME_TICKS = 3000
FRAME_S = 1 / 30


def frames(arrivals: list[float], first_rtp_time: int = 0) -> list[tuple[float, int]]:
    return [(arrived, (first_rtp_time + FRAME_TICKS * index) % (1 << 32)) for index, arrived in enumerate(arrivals)]


def punctual(count: int) -> list[float]:
    return [100 + index * FRAME_S for index in range(count)]


def test_age_is_constant_across_the_wrap_of_the_rtp_clock():
    ages = [age for _arrived, age in frame_ages(frames(punctual(90), first_rtp_time=(1 << 32) - 10 * FRAME_TICKS))]
    assert max(ages) - min(ages) < 1e-6


def test_live_again_when_the_backlog_has_arrived():
    arrivals = punctual(300)
    cut_at, mended_at = 102.0, 105.0
    held = [mended_at + 0.5 if cut_at < arrived < mended_at + 0.5 else arrived for arrived in arrivals]
    assert live_again_at(frames(held), cut_at) == pytest.approx(mended_at + 0.5)


def test_never_live_again_when_it_stays_behind():
    late = [arrived + (1.0 if arrived > 102 else 0.0) for arrived in punctual(300)]
    assert live_again_at(frames(late), 102.0) is None


def test_never_live_again_when_nothing_comes():
    assert live_again_at(frames(punctual(30)), 200.0) is None


def test_lateness_is_against_the_earliest():
    arrivals = punctual(5)
    arrivals[3] += 0.01
    assert lateness(frames(arrivals)) == pytest.approx([0, 0, 0, 0.01, 0], abs=1e-6)


def test_percentile_of_a_hundred_values():
    values = [float(value) for value in range(100)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7


def test_figures_go_nowhere_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    record("soak", "events", 12)
    results = tmp_path / "results"
    monkeypatch.setenv(VARIABLE, str(results))
    record("soak", "events", 12)
    assert [json.loads(line) for line in results.read_text().splitlines()] == [["soak", ["events", "12"]]]


def test_a_row_fits_its_table():
    with pytest.raises(ValueError, match="soak has the columns"):
        record("soak", "events")


def test_the_page_shows_what_was_measured_and_no_empty_table():
    page = render([("soak", ["events", "12"]), ("soak", ["gaps", "0"])])
    assert "| figure | value |\n| --- | --- |\n| events | 12 |\n| gaps | 0 |" in page
    assert reliability_report.TABLES["stalls"].title not in page


def test_a_table_that_was_not_measured_stays_with_its_date():
    before = render([("soak", ["events", "12"]), ("slow_link", ["skip", "played 60 s"])]).replace(
        "Measured 20", "Measured 19"
    )
    page = render([("soak", ["events", "13"])], before)
    slow_link, soak = page.split("\n## ")[1:]
    assert "| skip | played 60 s |" in slow_link
    assert "Measured 19" in slow_link
    assert "| events | 13 |" in soak
    assert "| events | 12 |" not in page
    assert "Measured 20" in soak
    assert render([], page) == page
