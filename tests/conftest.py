"""What all tests share: which of them are quick, and a check that nothing is left behind."""

import os
import threading
from collections.abc import Iterator

import pytest

from tests.folders import QUICK, group_of

pytest_plugins = (
    "tests.support.clips",
    "tests.support.loop",
    "tests.support.odd_clips",
    "tests.support.rtsp.ladder",
    "tests.support.supervised",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if group_of(item.path) in QUICK:
            item.add_marker(pytest.mark.quick)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In CI a skipped test is a failed run: a missing tool must be installed, not forgiven."""
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, which CI does not allow: {report.longrepr}"


@pytest.fixture(autouse=True)
def _no_thread_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    assert not left, f"threads left behind: {left}"
