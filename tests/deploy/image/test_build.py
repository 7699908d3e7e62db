"""What a build does to the folders of others, and what it leaves; the steps themselves are stood for."""

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from deploy.image import base_tree, build, root_tree
from deploy.image.boards import BOARDS
from deploy.image.build import Output, output_of
from deploy.image.inputs import Inputs
from deploy.image.tools import BuildError

BOARD = BOARDS["pc"]
INPUTS = Inputs("1.2.3", "abc", 1_700_000_000)
WAIT_S = 30.0


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Output:
    """Where an image would be built; Debian's tree is there at once."""
    monkeypatch.setattr(build, "check_machine", lambda board: None)
    monkeypatch.setattr(base_tree, "base_tree", lambda board, cache, refresh: Path(__file__))
    return output_of(BOARD, tmp_path / "image", INPUTS)


def made(output: Output) -> None:
    build.build(BOARD, output, INPUTS, output.folder / "cache", refresh=False)


def test_a_build_that_failed_leaves_the_former_image_and_nothing_of_its_own(
    output: Output, monkeypatch: pytest.MonkeyPatch
):
    output.folder.mkdir()
    output.image.write_text("the former one")

    def fails(tree: Path, *_: object) -> None:
        (tree / "usr").mkdir(parents=True)
        raise BuildError("no")

    monkeypatch.setattr(build, "_fill_tree", fails)
    with pytest.raises(BuildError):
        made(output)
    assert output.image.read_text() == "the former one"
    assert not output.work.exists()


def test_the_builders_umask_does_not_reach_the_tree(output: Output, monkeypatch: pytest.MonkeyPatch):
    found = []

    def fill(tree: Path, *_: object) -> None:
        root_tree.write_facts(tree, {})
        found.extend(stat.S_IMODE((tree / name).stat().st_mode) for name in (root_tree.FACTS, root_tree.FACTS.parent))

    monkeypatch.setattr(build, "_fill_tree", fill)
    monkeypatch.setattr(build, "_make_files", lambda *_, download: None)
    before = os.umask(0o077)
    try:
        made(output)
    finally:
        os.umask(before)
    assert found == [0o644, 0o755]


def test_a_second_build_of_the_same_image_waits_for_the_first(output: Output, monkeypatch: pytest.MonkeyPatch):
    began = threading.Event()
    monkeypatch.setattr(build, "_fill_tree", lambda *_: began.set())
    monkeypatch.setattr(build, "_make_files", lambda *_, download: None)
    output.folder.mkdir()
    output.work.mkdir()
    (output.work / "of-the-first").touch()
    with output.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second = threading.Thread(target=made, args=(output,))
        second.start()
        assert not began.wait(0.5)
        assert (output.work / "of-the-first").exists()
    assert began.wait(WAIT_S)
    second.join(WAIT_S)
    assert not output.work.exists()


def test_ctrl_c_ends_a_build_with_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def interrupted() -> Inputs:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "read_inputs", interrupted)
    assert build.main(["--board", "pc"]) == 130
    assert capsys.readouterr().err == "\ninterrupted: what was begun is removed\n"


def test_what_tells_of_a_former_image_goes_with_it(output: Output):
    output.folder.mkdir()
    files = (output.image, output.download, output.facts, output.manifest)
    for file in files:
        file.touch()
    (output.folder / "edge-streamer-qemu-1.2.3.img").touch()
    output.remove_older()
    assert [file.name for file in output.folder.iterdir()] == ["edge-streamer-qemu-1.2.3.img"]
