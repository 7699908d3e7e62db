"""What is said at the start."""

import pytest

from edge_streamer.app.run import warnings_at_start
from tests.config.test_config import build


@pytest.mark.parametrize(("written", "warnings"), [("", 0), ("[device]", 0), ('[device]\nname = "garden"', 1)])
def test_the_table_of_the_device_image_has_one_warning(written: str, warnings: int) -> None:
    said = list(warnings_at_start(build(written)))
    assert len(said) == warnings
    assert all(line.startswith("[device] has no effect here") and "garden" not in line for line in said)
