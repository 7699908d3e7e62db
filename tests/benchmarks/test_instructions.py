"""What is read from callgrind, and what of it is a frame's."""

from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks.counts import SCENARIOS, Counts, Scenario
from benchmarks.instructions import read_counts

CALLGRIND = """\
# callgrind format
desc: Trigger: --dump-before=getppid
events: Ir sysCount sysTime

fn=(0)
16 32481985 735 614

totals: 32481985 735 614
"""


def test_reads_the_totals_of_callgrind():
    assert read_counts(CALLGRIND) == Counts(32481985, 735)


def test_refuses_what_callgrind_has_not_finished():
    with pytest.raises(ValueError, match="no complete output"):
        read_counts(CALLGRIND.partition("totals")[0])


def test_the_pace_of_the_measurement_is_no_part_of_a_frame(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def count(scenario: Scenario, _folder: Path) -> Counts:
        is_server = scenario in SCENARIOS
        return Counts(2_000 + 268_000 * is_server, 2 + 4 * is_server)

    monkeypatch.setattr(instructions, "_count", count)
    assert set(instructions.count_all(tmp_path).values()) == {Counts(268_000, 4)}
