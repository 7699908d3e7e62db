"""The corpus of the fuzz target through all that reads H.264, without atheris: whole, cut and damaged."""

from pathlib import Path

import pytest

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSetStore
from tests.support.access_unit_check import check_access_unit

CORPUS = sorted((Path(__file__).parents[2] / "fuzz" / "corpus" / "h264").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_an_access_unit_raises_nothing_that_is_not_documented(path: Path) -> None:
    data = path.read_bytes()
    assert prepare_access_unit(data, ParameterSetStore())[0], "a seed is a picture"
    check_access_unit(data)
    for at in range(min(len(data), 128)):
        check_access_unit(data[:at])
        check_access_unit(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
