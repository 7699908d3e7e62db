"""The same checkout and the same Debian packages give the same image: each partition, byte by byte.

The second image is made in other folders, at another time and from packages that are fetched and configured anew. The
first is the one that the other tests boot, unless Debian's archive has moved on since that was made.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.layout import MIB, partitions
from tests.image.builds import BUILD_DEADLINE_S, CHECKOUT, BuiltImage
from tests.image.conftest import Say

pytestmark = pytest.mark.slow
BOARD = "pc"
EFI_SYSTEM = "ef"
FACTS = ("board", "version", "commit", "build_time")
"""What an image is made of, beside its packages."""


def built_anew(folder: Path) -> BuiltImage:
    output = folder / "image"
    command = ["python3", "-m", "deploy.image.build", "--board", BOARD, "--output", str(output)]
    command += ["--cache", str(folder / "cache"), "--no-download"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=BUILD_DEADLINE_S)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return BuiltImage(BOARD, output)


def packages(image: BuiltImage) -> list[tuple[str, str]]:
    (file,) = image.folder.glob("*.cdx.json")
    return [(one["name"], one["version"]) for one in json.loads(file.read_text())["components"]]


def inputs(image: BuiltImage) -> tuple[object, ...]:
    return (packages(image), *(image.facts[name] for name in FACTS))


@pytest.fixture(scope="module")
def images(pc: BuiltImage, say: Say, tmp_path_factory: pytest.TempPathFactory) -> tuple[BuiltImage, BuiltImage]:
    second = built_anew(tmp_path_factory.mktemp("second"))
    if inputs(pc) == inputs(second):
        return pc, second
    say("Debian's packages or the checkout are others than those of the kept image: building a third")
    return built_anew(tmp_path_factory.mktemp("third")), second


def pieces(disk: Path, number: int) -> Iterator[bytes]:
    """Yield a partition by mebibytes."""
    partition = next(one for one in partitions(EFI_SYSTEM) if one.number == number)
    with disk.open("rb") as file:
        file.seek(partition.start_mib * MIB)
        for _ in range(partition.size_mib):
            yield file.read(MIB)


def first_difference(one: Path, other: Path, number: int) -> int | None:
    """Return the mebibyte of a partition in which the disks differ first."""
    pairs = zip(pieces(one, number), pieces(other, number), strict=True)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), None)


def listing(disk: Path, folder: Path) -> dict[str, str]:
    """Return the files of a disk's root A by name: their modes, owners, sizes and times."""
    root = folder / f"{disk.parent.parent.name}.squashfs"
    with root.open("wb") as file:
        file.writelines(pieces(disk, 5))
    said = subprocess.run(["unsquashfs", "-lln", str(root)], capture_output=True, text=True, check=True).stdout
    return {line.split("squashfs-root", 1)[1]: line for line in said.splitlines() if "squashfs-root" in line}


@pytest.mark.parametrize(
    ("number", "what"), [(1, "CONFIG"), (2, "boot A"), (3, "boot B"), (5, "root A"), (6, "root B"), (7, "data")]
)
def test_a_partition_has_the_same_bytes(images, tmp_path, number, what):
    one, other = (image.disk for image in images)
    differs = first_difference(one, other, number)
    if differs is not None and number == 5:
        left, right = listing(one, tmp_path), listing(other, tmp_path)
        print(
            *(line for name in left | right if (line := left.get(name)) != right.get(name)), sep="\n", file=sys.stderr
        )
    assert differs is None, f"{what} differs from its mebibyte {differs} on"


def test_the_whole_disk_is_the_same(images):
    one, other = (next(file for file in image.facts["files"] if file["name"] == image.disk.name) for image in images)
    assert one == other


def test_the_bill_of_materials_is_the_same(images):
    one, other = (next(image.folder.glob("*.cdx.json")).read_bytes() for image in images)
    assert one == other
