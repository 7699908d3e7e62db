"""docs/install.md shows what the code does, and names the boards that there are."""

import re

import pytest

from deploy.image.boards import BOARDS
from edge_streamer.appliance.password import make_password
from tests.tools.install_docs import BLOCKS, PAGE, PASSWORD, written_block

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_current(name):
    assert written_block(name) == BLOCKS[name](), "run: python -m tests.tools.install_docs"


def test_the_password_of_the_example_has_the_form_of_real_ones():
    assert [len(group) for group in PASSWORD.split("-")] == [len(group) for group in make_password().split("-")]


def test_the_boards_of_the_commands_are_the_builders():
    assert set(re.findall(r"BOARD=([a-z]+)", TEXT)) <= BOARDS.keys()
    assert all(board in TEXT for board in BOARDS)
