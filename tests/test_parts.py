"""`make check` and its like: parts one after the other, what each took, and the end at the first that fails."""

from pathlib import Path

import pytest

from tests.tools import parts

MAKEFILE = "good:\n\t@echo did it >>done\nbad:\n\t@exit 3\n"


@pytest.fixture(autouse=True)
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAKEFLAGS", raising=False)


def test_each_part_is_named_with_what_it_took(tmp_path, capfd):
    assert parts.run(["good", "good"]) == 0
    assert (tmp_path / "done").read_text() == "did it\ndid it\n"
    lines = [line.split() for line in capfd.readouterr().out.splitlines()[-3:]]
    assert [name for _seconds, _unit, name in lines] == ["good", "good", "together"]
    taken_s = [float(seconds) for seconds, _unit, _name in lines]
    assert taken_s[2] == pytest.approx(sum(taken_s[:2]), abs=0.2)


def test_a_part_that_fails_is_the_last(tmp_path, capfd):
    assert parts.run(["good", "bad", "good"]) == 2  # make's own code for a recipe that failed
    assert (tmp_path / "done").read_text() == "did it\n"
    said = capfd.readouterr().out
    assert " s  bad FAILED\n" in said
    assert " s  together\n" in said
