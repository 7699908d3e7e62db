"""Bit rate and frame rate changed over HTTP while people watch: the stream follows, its neighbour notices nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.camera.camera_service import MAIN, SUB, CameraService
from tests.camera.measuring import bitrate_bps, frame_rate_hz
from tests.support.witness import Seen, Witness

LOWER_BITRATE_BPS: Final = 800_000
LOWER_FPS: Final = 15
MEASURED_S: Final = 4.0
SETTLING_S: Final = 1.0
BITRATE_TOLERANCE: Final = 0.2
RATE_TOLERANCE: Final = 0.03
LONGEST_PAUSE_S: Final = 0.5


@pytest.fixture(autouse=True)
def _as_it_was(camera: CameraService) -> Iterator[None]:
    yield
    camera.change("main", bitrate_bps=MAIN["bitrate_bps"], fps=MAIN["fps"])


@contextmanager
def watched(camera: CameraService, name: str) -> Iterator[list[Seen]]:
    """Watch a stream while the block changes another; the list has what was seen at the end."""
    seen: list[Seen] = []
    with Witness(camera.url(name), "udp") as witness:
        yield seen
        seen.append(witness.stop())


def assert_undisturbed(seen: Seen) -> None:
    assert seen.gaps == ()
    assert min(seen.media_steps_s) > 0
    assert seen.longest_pause_s < LONGEST_PAUSE_S


def test_a_lower_bit_rate_is_in_effect_at_once_and_the_other_stream_goes_on(camera):
    sources = camera.source_pids()
    assert bitrate_bps(camera.url("main"), MEASURED_S) == pytest.approx(MAIN["bitrate_bps"], rel=BITRATE_TOLERANCE)
    with watched(camera, "sub") as sub, watched(camera, "main") as main:
        camera.change("main", bitrate_bps=LOWER_BITRATE_BPS)
        assert bitrate_bps(camera.url("main"), SETTLING_S) > 0
        assert bitrate_bps(camera.url("main"), MEASURED_S) == pytest.approx(LOWER_BITRATE_BPS, rel=BITRATE_TOLERANCE)
    assert_undisturbed(sub[0])
    assert_undisturbed(main[0])
    assert camera.source_pids() == sources
    assert camera.restarts() == {}
    assert camera.status("main")["bitrate_bps"] == LOWER_BITRATE_BPS


def test_a_lower_frame_rate_is_in_effect_at_once_and_the_other_stream_keeps_its_own(camera):
    sources = camera.source_pids()
    with watched(camera, "sub") as sub, watched(camera, "main") as main:
        camera.change("main", fps=LOWER_FPS)
        assert bitrate_bps(camera.url("main"), SETTLING_S) > 0
        assert frame_rate_hz(camera.url("main"), MEASURED_S) == pytest.approx(LOWER_FPS, rel=RATE_TOLERANCE)
        assert frame_rate_hz(camera.url("sub"), MEASURED_S) == pytest.approx(SUB["fps"], rel=RATE_TOLERANCE)
    assert_undisturbed(sub[0])
    assert_undisturbed(main[0])
    assert camera.source_pids() == sources
    assert camera.status("main")["fps"] == LOWER_FPS
