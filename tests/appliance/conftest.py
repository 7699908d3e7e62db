"""A device in a temporary folder, quick: syncs take time, and so does reading thirty profiles."""

import os
from functools import cache
from pathlib import Path

import pytest

from edge_streamer.appliance import boot
from edge_streamer.config.profiles import select_profile
from tests.appliance.device import Device


@pytest.fixture(autouse=True)
def without_what_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(boot, "select_profile", cache(select_profile))


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "root")
