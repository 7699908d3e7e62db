"""Runtime tests: a loop turned by hand over real descriptors, none of which may be left open."""

import pytest


@pytest.fixture(autouse=True)
def _nothing_left(no_descriptor_left: None) -> None: ...
