"""One guest for all tests of this folder, with this checkout in it: built once, booted once a run."""

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.guest.machine import Guest, running_guest
from tests.guest.root import built_guest
from tests.guest.service import FORWARDED_PORTS

_HERE: Final = Path(__file__).parent
_CHECKOUT: Final = _HERE.parents[1]
_PUSHED: Final = ("edge_streamer", "hw_profiles")
_FIRST_TEST_TIMEOUT_S: Final = 600
"""Building and booting count as the set-up of whichever test comes first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(pytest.mark.timeout(_FIRST_TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def guest(pytestconfig: pytest.Config) -> Iterator[Guest]:
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        files = built_guest(lambda text: print(f"\n-- {text}", file=sys.stderr, end="", flush=True))
    with running_guest(files, FORWARDED_PORTS) as guest:
        guest.run("mkdir", "/tmp/checkout")
        guest.run("tar", "-x", "-C", "/tmp/checkout", stdin=_checkout())
        yield guest


def _checkout() -> bytes:
    """Return this tree's program as a tar archive, so that it is what the guest runs."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in _PUSHED:
            tar.add(_CHECKOUT / name, name, filter=_only_sources)
    return archive.getvalue()


def _only_sources(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry
