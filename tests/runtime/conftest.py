"""Runtime tests: a loop turned by hand over real descriptors, none of which may be left open."""

import pytest

from tests.support.loop import clock, loop, no_descriptor_left

__all__ = ["clock", "loop", "no_descriptor_left"]


@pytest.fixture(autouse=True)
def _nothing_left(no_descriptor_left: None) -> None: ...
