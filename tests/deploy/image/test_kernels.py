"""Kernels and initramfs are found in a tree and moved to the names that a firmware looks for."""

from pathlib import Path

import pytest

from deploy.image.kernels import Kernel, releases, take_boot_files
from deploy.image.tools import BuildError

TWO = (Kernel("-v8", "kernel8.img", "initramfs8"), Kernel("-2712", "kernel_2712.img", "initramfs_2712"))


def put_kernel(tree: Path, release: str) -> None:
    (tree / "usr/lib/modules" / release).mkdir(parents=True)
    (tree / "boot").mkdir(exist_ok=True)
    for name in ("vmlinuz", "initrd.img", "config"):
        (tree / "boot" / f"{name}-{release}").write_text(f"{name} {release}")


def test_one_kernel_is_taken_whatever_its_release(tmp_path):
    put_kernel(tmp_path, "6.12.1-arm64")
    (tmp_path / "vmlinuz").symlink_to("boot/vmlinuz-6.12.1-arm64")
    (tmp_path / "boot/firmware").mkdir()
    take_boot_files(tmp_path, tmp_path / "taken", (Kernel(),))
    assert {path.name: path.read_text() for path in (tmp_path / "taken").iterdir()} == {
        "vmlinuz": "vmlinuz 6.12.1-arm64",
        "initrd.img": "initrd.img 6.12.1-arm64",
    }
    assert [path.name for path in (tmp_path / "boot").iterdir()] == ["firmware"]
    assert not (tmp_path / "vmlinuz").is_symlink()


def test_two_kernels_keep_their_own_initramfs(tmp_path):
    put_kernel(tmp_path, "6.12.1-v8")
    put_kernel(tmp_path, "6.12.1-2712")
    take_boot_files(tmp_path, tmp_path / "taken", TWO)
    assert {path.name: path.read_text() for path in (tmp_path / "taken").iterdir()} == {
        "kernel8.img": "vmlinuz 6.12.1-v8",
        "initramfs8": "initrd.img 6.12.1-v8",
        "kernel_2712.img": "vmlinuz 6.12.1-2712",
        "initramfs_2712": "initrd.img 6.12.1-2712",
    }


def test_a_missing_kernel_is_named(tmp_path):
    put_kernel(tmp_path, "6.12.1-v8")
    with pytest.raises(BuildError, match=r"one kernel \*-2712, and has none"):
        releases(tmp_path, TWO)


def test_two_of_a_kind_are_refused(tmp_path):
    put_kernel(tmp_path, "6.12.1-v8")
    put_kernel(tmp_path, "6.12.2-v8")
    with pytest.raises(BuildError, match=r"has 6\.12\.1-v8, 6\.12\.2-v8"):
        releases(tmp_path, TWO)


@pytest.mark.parametrize("name", ["vmlinuz", "initrd.img"])
def test_a_kernel_that_lacks_a_file_is_refused(tmp_path, name):
    put_kernel(tmp_path, "6.12.1-v8")
    (tmp_path / "boot" / f"{name}-6.12.1-v8").unlink()
    with pytest.raises(BuildError, match=rf"no /boot/{name}-6\.12\.1-v8"):
        take_boot_files(tmp_path, tmp_path / "taken", TWO[:1])
