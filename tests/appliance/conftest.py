"""A device in a temporary folder, quick: syncs take time."""

import os
from pathlib import Path

import pytest

from tests.appliance.device import Device


@pytest.fixture(autouse=True)
def without_what_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "root")
