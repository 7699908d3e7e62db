"""The corpus of the fuzz target through the parser, without atheris: seeds from the ladders, and whatever was found."""

from pathlib import Path

import pytest

from tests.support.rtsp.harness import check_bytes

CORPUS = sorted((Path(__file__).parents[2] / "fuzz" / "corpus" / "rtsp").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_an_input_means_the_same_whole_and_byte_by_byte(path: Path) -> None:
    assert check_bytes(path.read_bytes()).events


@pytest.mark.parametrize("path", CORPUS[::4], ids=lambda path: path.name)
def test_a_cut_input_is_parsed_or_refused(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), 1 + len(data) // 16):
        check_bytes(data[:size] + data[size + 1 :])
