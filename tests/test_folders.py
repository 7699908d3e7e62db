"""Each folder of tests is in exactly one group, so that `make check`, `test` and `labs` leave none out."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.folders import FOLDERS, TESTS, group_of

REPOSITORY = TESTS.parent


def test_every_folder_is_in_one_group():
    files = [path.relative_to(TESTS).parts for path in TESTS.rglob("*") if path.is_file()]
    there = {parts[0] for parts in files if len(parts) > 1 and "__pycache__" not in parts}
    assert Counter(name for names in FOLDERS.values() for name in names) == Counter(there)


def test_a_folder_without_a_group_has_no_tests():
    assert not [path for name in FOLDERS["none"] for path in (TESTS / name).rglob("test_*.py")]


def test_a_file_beside_the_folders_is_quick():
    assert group_of(Path(__file__)) == "quick"
    assert group_of(TESTS / "protocol" / "rtsp" / "test_parser.py") == "covered"
    with pytest.raises(KeyError):
        group_of(TESTS / "elsewhere" / "test_it.py")


def test_the_makefile_runs_every_group():
    makefile = (REPOSITORY / "Makefile").read_text()
    run = {group for groups in re.findall(r"\$\(call FOLDERS,([a-z ]+)\)", makefile) for group in groups.split()}
    by_name = {group for group, names in FOLDERS.items() if all(f"tests/{name}\n" in makefile for name in names)}
    assert run | by_name == FOLDERS.keys() - {"none"}


def test_folders_are_named_for_a_command_line():
    said = subprocess.run(
        [sys.executable, "-m", "tests.folders", "quick", "programs"],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    ).stdout.split()  # fmt: skip
    assert {"tests/sources", "tests/contract", "tests/test_folders.py"} <= set(said)
    assert all((REPOSITORY / path).exists() for path in said)
