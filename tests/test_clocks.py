"""Who reads which clock: deadlines follow the loop's `now`, so nothing but a shown date may follow the wall clock."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import edge_streamer

PACKAGE: Final = Path(edge_streamer.__file__).parent
WALL: Final = {
    "time.time", "time.time_ns", "time.ctime", "time.gmtime", "time.localtime", "time.strftime",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
}  # fmt: skip
MONOTONIC: Final = {"time.monotonic", "time.monotonic_ns", "time.clock_gettime", "time.clock_gettime_ns"}
SHOWS_A_DATE: Final = {
    "app/app.py": "when the service started, for people",
    "logs/text.py": "the date of a log line",
    "services/live/routes.py": "when a picture was sent, for the page to say how old it is",
    "services/supervision/outage.py": "the wall time of a slate, and since when there is no picture, for people",
    "services/rtsp/sessions.py": "when a session began, for people",
    "sources/slate/picture.py": "since when there is no picture, for people",
    "sources/drawing/overlay.py": "the date in the picture",
    "sources/timing/wall_clock.py": "the wall time of a frame, for sender reports and in the picture",
}
HAS_A_CLOCK: Final = {"runtime/loop.py", "device/inventory.py"}
"""In the server, and in `edge-streamer probe`, which has no loop; a source is a process of its own and paces itself."""


def clock_reads(source: str) -> Iterator[str]:
    """Yield `module.function` for each clock that the source names, called or handed on."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Attribute(value=ast.Name(id=owner), attr=name)
                | ast.Attribute(value=ast.Attribute(attr=owner), attr=name)
            ):
                yield f"{owner}.{name}"
            case ast.ImportFrom(module="time", names=names):
                yield from (f"time.{each.name}" for each in names)


def modules_that_read(clocks: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for name in clocks.intersection(clock_reads(path.read_text())):
            found[str(path.relative_to(PACKAGE))].add(name)
    return dict(found)


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import time",
        "clock = time.time",
        "import datetime\ndatetime.datetime.now()",
    ],
)
def test_every_way_to_read_the_wall_clock_is_found(source):
    assert WALL.intersection(clock_reads(source))


def test_the_wall_clock_is_read_only_where_a_date_is_shown():
    assert set(modules_that_read(WALL)) == set(SHOWS_A_DATE)


def test_the_server_has_one_monotonic_clock():
    readers = {module for module in modules_that_read(MONOTONIC) if not module.startswith("sources/")}
    assert readers == HAS_A_CLOCK
