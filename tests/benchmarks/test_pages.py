"""The measured parts of the pages: as the results in the tree say, and true to what a run was."""

from dataclasses import replace

import pytest

from benchmarks import pages
from benchmarks.pages import BLOCKS, MEMORY_OF_ONE_MORE
from benchmarks.report import Run, Scenario
from benchmarks.servers import FLOOR, OURS
from tests.benchmarks.test_report import READERS, a_run, measured
from tests.tools.generated_docs import split

ALL_JOINED = replace(READERS, count=1000, connected=1000)
FEW_JOINED = replace(ALL_JOINED, connected=3)


@pytest.mark.parametrize(("page", "marker"), [block[:2] for block in BLOCKS])
def test_a_block_is_what_the_results_say(page: str, marker: str):
    render = next(block[2] for block in BLOCKS if block[:2] == (page, marker))
    _before, written, _after = split(page, marker)
    assert written == f"{render()}\n", "run python -m benchmarks.pages"


def readme_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(pages, "newest_run", lambda: run)
    return pages.readme()


def test_the_readme_has_the_rows_that_were_run(monkeypatch: pytest.MonkeyPatch):
    text = readme_of(a_run({OURS: measured(0.34), FLOOR: measured(0.2), "live555": measured(6.0)}), monkeypatch)
    assert "| 50 readers over TCP, 4 Mbit/s | **0.17** | 3.0 | - | 0.10 |" in text
    assert "200 over" not in text
    assert "Measured 2026-11-28, one round of 10 s; 12 of 13 scenarios were not run." in text
    assert text.endswith("Readers of this service missed no packet.")


def test_the_readme_tells_losses_and_memory(monkeypatch: pytest.MonkeyPatch):
    run = a_run(
        {OURS: measured(0.34, replace(ALL_JOINED, lost_packets=9)), "gst-rtsp-server": measured(0.4, FEW_JOINED)},
        Scenario("tcp", 1000, 2_000_000),
        figures={MEMORY_OF_ONE_MORE: "5.1 kB"},
    )
    text = readme_of(run, monkeypatch)
    assert "| **0.17** | - | lost most readers | - |" in text
    assert "missed 9 packets; 1,000 of them had 99 of 100 frames within 9 ms, and one more took 5.1 kB." in text
