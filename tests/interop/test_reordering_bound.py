"""A source whose SPS does not bound reordering, as of many cameras: what viewers get, and what decoders make of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.codec.h264.sps_rewrite import without_reordering
from tests.support.browser.live_recorder import LiveRecorder, watch
from tests.support.service import RunningService, running_service
from tests.support.unbounded.decoding import pictures_held_back, watched

CONFIG: Final = """
[streams.bounded]
source = "testpattern"
width = 640
height = 360

[streams.as_it_comes]
source = "testpattern"
width = 640
height = 360
bound_reordering = false
"""
UNBOUNDED: Final = Path(__file__).parents[1] / "support" / "unbounded"
DECODED_PICTURE_BUFFER: Final = 8
"""Pictures of 640x360 that level 3 lets a decoder keep (ITU-T H.264 A.3.1 h): 8,100 macroblocks / 920."""


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(CONFIG, environment={"PYTHONPATH": str(UNBOUNDED)}) as running:
        yield running


def test_a_bound_sps_is_sent_wherever_one_is(service: RunningService) -> None:
    before, units_before = watched(service, "as_it_comes")
    after, units_after = watched(service, "bounded")
    assert after == without_reordering(before) != before
    assert (units_before[0][0], units_after[0][0]) == (before, after)
    with LiveRecorder(service, "bounded") as recorder:
        watch(recorder, until=lambda: recorder.browser.fragments)
        assert len(after).to_bytes(2, "big") + after in recorder.browser.file, "avcC"


def test_a_decoder_that_keeps_to_the_standard_shows_each_picture_at_once(service: RunningService) -> None:
    assert pictures_held_back(watched(service, "bounded")[1]) == 0
    assert pictures_held_back(watched(service, "as_it_comes")[1]) >= DECODED_PICTURE_BUFFER
