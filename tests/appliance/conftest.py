"""A device in a temporary folder."""

from pathlib import Path

import pytest

from tests.appliance.device import Device


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "root")
