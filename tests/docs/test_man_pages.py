"""The manual pages say what the command line and the configuration are."""

import pytest

from tests.tools.man_pages import FOLDER, render_all


@pytest.mark.parametrize("name", sorted(render_all()))
def test_page_is_current(name):
    assert (FOLDER / name).read_text() == render_all()[name], "run python -m tests.tools.man_pages"


def test_every_command_has_a_place():
    page = render_all()["edge-streamer.1"]
    for command in ("serve", "check", "probe", r"user add", r"user remove"):
        assert f".SS edge\\-streamer {command}\n" in page


def test_a_key_has_its_default_and_what_is_allowed():
    page = render_all()["edge-streamer.toml.5"]
    assert "\\fBdead_after_s\\fR\n" in page
    assert "Allowed: a number, 2 to 60. Default: 8" in page
