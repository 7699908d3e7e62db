"""Counts of instructions become a table: saved, read again, one reader's share worked out."""

from pathlib import Path

import pytest

from benchmarks import counts
from benchmarks.counts import SCENARIOS, Counts, Result, markdown_table, save, saved_results


def result(name: str, taken: str, a_frame: int = 1000, a_reader: int = 10) -> Result:
    a_frame_to = {
        scenario: Counts(a_frame + a_reader * scenario.readers, 3.0 + scenario.readers) for scenario in SCENARIOS
    }
    return Result(name, taken, {"python": "3.11.2"}, "valgrind-3.19.0", a_frame_to)


def test_what_is_saved_can_be_read_again_the_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(counts, "RESULTS", tmp_path)
    later, earlier = result("a", "2026-11-29T00:00:00+00:00"), result("b", "2026-11-28T00:00:00+00:00")
    save(later)
    save(earlier)
    assert saved_results() == [earlier, later]


def test_a_row_has_each_result_and_one_reader_more_is_the_slope():
    table = markdown_table([result("old", "1", 268_000, 2_100), result("new", "2", 200_000, 2_000)])
    rows = {
        row[0]: row[1:] for row in ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
    }
    assert rows["a frame to"] == ["old: instructions", "old: system calls", "new: instructions", "new: system calls"]
    assert rows["4 UDP"] == ["276,400", "7.0", "208,000", "7.0"]
    assert rows["one TCP reader more"] == ["2,100", "1.0", "2,000", "1.0"]
    assert len({line.count("|") for line in table.splitlines()}) == 1
