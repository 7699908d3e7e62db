"""What all tests share: which of them are quick, and a check that nothing is left behind."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

QUICK_FOLDERS = (
    "accounts",
    "app",
    "benchmarks",
    "cli",
    "codec",
    "config",
    "device",
    "docs",
    "ladders",
    "logs",
    "media",
    "protocol",
    "runtime",
    "services",
    "support",
)
HERE = Path(__file__).parent
pytest_plugins = ("tests.support.clips",)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder in QUICK_FOLDERS or folder.endswith(".py"):
            item.add_marker(pytest.mark.quick)
        if folder == "interop":
            item.add_marker(pytest.mark.interop)


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
