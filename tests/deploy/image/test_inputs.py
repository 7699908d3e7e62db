"""What an image is made of."""

from pathlib import Path

import pytest

from deploy.image import inputs
from deploy.image.inputs import Inputs, digest_of_folders, identity, read_inputs
from deploy.image.tools import BuildError, missing_packages, require


def test_the_time_is_that_of_the_environment_before_that_of_the_commit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr(inputs, "said_by_git", lambda *words: {"rev-parse": "abc", "log": "5"}.get(words[0], ""))
    assert read_inputs().epoch_s == 1700000000
    assert read_inputs().build_time == "2023-11-14T22:13:20Z"
    assert read_inputs().commit == "abc"


def test_a_changed_checkout_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setattr(inputs, "said_by_git", lambda *words: {"rev-parse": "abc", "status": " M x"}.get(words[0], ""))
    assert read_inputs().commit == "abc-changed"


def test_without_git_and_time_there_is_no_build(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(inputs, "said_by_git", lambda *words: "")
    with pytest.raises(BuildError, match="SOURCE_DATE_EPOCH"):
        read_inputs()


def test_a_checkout_of_another_user_is_asked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Root builds in what a user has cloned: git would answer root that the ownership is dubious."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert read_inputs().epoch_s > 0
    assert read_inputs().commit


def test_where_one_part_ends_matters_to_an_identity():
    assert identity(b"ab", b"c") != identity(b"a", b"bc")
    assert identity(b"ab", b"c") == identity(b"ab", b"c")


@pytest.mark.parametrize("change", ["content", "name", "mode", "link"])
def test_every_change_of_a_folder_is_another_digest(tmp_path: Path, change: str):
    file = tmp_path / "file"
    file.write_text("text")
    (tmp_path / "link").symlink_to("file")
    before = digest_of_folders([tmp_path])
    assert digest_of_folders([tmp_path]) == before
    match change:
        case "content":
            file.write_text("other")
        case "name":
            file.rename(tmp_path / "other")
        case "mode":
            file.chmod(0o755)
        case _:
            (tmp_path / "link").unlink()
            (tmp_path / "link").symlink_to("other")
    assert digest_of_folders([tmp_path]) != before


def test_missing_programs_are_told_as_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda program, path: None)
    assert missing_packages(["mcopy", "mkfs.vfat", "mcopy"]) == ["dosfstools", "mtools"]
    with pytest.raises(BuildError, match="apt install dosfstools mtools"):
        require(["mcopy", "mkfs.vfat"])


def test_the_time_is_one_of_utc():
    assert Inputs("1", "", 0).build_time == "1970-01-01T00:00:00Z"
