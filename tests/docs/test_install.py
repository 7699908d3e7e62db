"""docs/install.md shows what the code does, and names the boards that there are."""

import re

import pytest

from deploy.image.boards import BOARDS
from edge_streamer.appliance.password import make_password
from edge_streamer.device.status_led import LedState
from tests.tools.install_docs import BLOCKS, PAGE, PASSWORD, written_block

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_current(name):
    assert written_block(name) == BLOCKS[name](), "run: python -m tests.tools.install_docs"


def test_every_pattern_of_the_led_is_told():
    assert BLOCKS["blink patterns"]().count("ms on") == len(LedState)


def test_the_password_of_the_example_has_the_form_of_real_ones():
    assert [len(group) for group in PASSWORD.split("-")] == [len(group) for group in make_password().split("-")]


def test_the_boards_of_the_commands_are_the_builders():
    assert set(re.findall(r"BOARD=([a-z]+)", TEXT)) <= BOARDS.keys()
    assert all(board in TEXT for board in BOARDS)
