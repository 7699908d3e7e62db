"""The images, each built once a state of the checkout, and a way to tell people how long things take."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.image.builds import BuiltImage, built_image

_HERE: Final = Path(__file__).parent
_TEST_TIMEOUT_S: Final = 3600
"""Building and booting count as the set-up of whichever test comes first; each wait has its own deadline."""
_FIRST: Final = ("test_power_cuts.py", "test_status_led.py", "test_data_partition.py", "test_device.py")
"""Two processes begin with what takes longest, one on amd64's image, the other one on arm64's."""

Say = Callable[[str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(pytest.mark.timeout(_TEST_TIMEOUT_S))
    items.sort(key=lambda item: _FIRST.index(item.path.name) if item.path.name in _FIRST else len(_FIRST))


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
    """What prints for people, whatever pytest captures."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def said(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n-- {text}", file=sys.stderr, end="", flush=True)

    return said


@pytest.fixture(scope="session")
def pc(say: Say) -> BuiltImage:
    """The image of amd64, which an emulator of this machine's own architecture runs soonest."""
    return built_image("pc", say)


@pytest.fixture(scope="session")
def qemu(say: Say) -> BuiltImage:
    """The image of arm64."""
    return built_image("qemu", say)
