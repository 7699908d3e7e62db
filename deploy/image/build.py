"""`python3 -m deploy.image.build --board BOARD`: an image of the appliance, from Debian's packages and this checkout.

It makes, in the folder of `--output`:

    edge-streamer-BOARD-VERSION.img       what is written to a card or a disk
    edge-streamer-BOARD-VERSION.img.xz    the same, for downloads
    edge-streamer-BOARD-VERSION.json      sizes and checksums of both, and what the image was made of
    edge-streamer-BOARD-VERSION.cdx.json  the bill of materials: every package, CycloneDX
    edge-streamer-rpi-VERSION.rpi-imager-manifest   with which Raspberry Pi Imager offers the image
    edge-streamer-BOARD-VERSION.boot/     kernel, initramfs, command line: for an emulator that starts a kernel itself

Root or not: a user needs subordinate user numbers (/etc/subuid), which Debian gives to new users. A kept Debian is used
again (`--cache`) until what it is made from changes or `--refresh` fetches today's packages.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from deploy.image import base_tree, disk, file_systems, imager_manifest, layout, root_tree, sbom
from deploy.image.boards import BOARDS, Board, raspberry_pi_board
from deploy.image.inputs import ROOT, Inputs, digest_of_folders, identity, read_inputs
from deploy.image.kernels import take_boot_files
from deploy.image.made_file import MadeFile
from deploy.image.rpi_archive import rpi_archive
from deploy.image.tools import BuildError, require, run

_PROGRAMS: Final = (
    *("apt-get", "chroot", "depmod", "dpkg-deb", "mcopy", "mke2fs", "mkfs.vfat", "mksquashfs", "mmdebstrap", "sfdisk"),
    *("tar", "unshare", "xz", "zstd"),
)
_UMASK: Final = 0o022
"""The builder's own may hide from the service what is written into the tree, and would change the image's bytes."""
_INTERRUPTED: Final = 130
"""The exit code that shells give to SIGINT."""
_EMULATED: Final = {"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}
"""Architecture -> the name by which Linux runs its programs on another one."""


@dataclass(frozen=True, slots=True)
class Output:
    """The files of one image."""

    folder: Path
    stem: str

    @property
    def image(self) -> Path:
        """The disk."""
        return self.folder / f"{self.stem}.img"

    @property
    def download(self) -> Path:
        """The disk, compressed."""
        return self.folder / f"{self.stem}.img.xz"

    @property
    def facts(self) -> Path:
        """Sizes and checksums."""
        return self.folder / f"{self.stem}.json"

    @property
    def bill_of_materials(self) -> Path:
        """Every package."""
        return self.folder / f"{self.stem}.cdx.json"

    @property
    def manifest(self) -> Path:
        """For Raspberry Pi Imager."""
        return self.folder / f"{self.stem}{imager_manifest.FILE_ENDS}"

    @property
    def boot(self) -> Path:
        """Kernel, initramfs and command line."""
        return self.folder / f"{self.stem}.boot"

    def remove_older(self) -> None:
        """Remove the files of a former build that would tell of, or be taken for, another image than the new one."""
        for file in (self.image, self.download, self.facts, self.manifest):
            file.unlink(missing_ok=True)

    @property
    def work(self) -> Path:
        """What is removed when the build ends."""
        return self.folder / f"{self.stem}.work"

    @property
    def lock(self) -> Path:
        """Held while the files are made: two builds of one image would remove each other's."""
        return self.folder / f".{self.stem}.lock"


def output_of(board: Board, folder: Path, inputs: Inputs) -> Output:
    """Return where an image of the board lies."""
    return Output(folder, f"edge-streamer-{board.name}-{inputs.version}")


def build(board: Board, output: Output, inputs: Inputs, cache: Path, *, refresh: bool, download: bool = True) -> None:
    """Make an image's files, the compressed one only for `download`; BuildError says what is missing or too large."""
    check_machine(board)
    os.umask(_UMASK)
    for folder in (cache, output.folder):
        folder.mkdir(parents=True, exist_ok=True)
    with base_tree.locked(output.lock):
        root_tree.remove(output.work)  # what an interrupted build left
        output.work.mkdir()
        tree = output.work / "root"
        try:
            with _step("Debian"):
                archive = base_tree.base_tree(board, cache, refresh=refresh)
            if (days := base_tree.age_days(archive)) > 1:
                print(f"   its packages are {days:.0f} days old; --refresh fetches today's", flush=True)
            _fill_tree(tree, output.work, archive, board, inputs)
            _make_files(tree, board, output, inputs, download=download)
        finally:
            root_tree.remove(output.work)


def check_machine(board: Board) -> None:
    """BuildError when this machine lacks a program, or cannot run those of the board."""
    require(_PROGRAMS if os.geteuid() == 0 else (*_PROGRAMS, "newuidmap"))
    own = run("dpkg", "--print-architecture").strip()
    if board.architecture == own:
        return
    require(["arch-test"])  # mmdebstrap asks it
    if not Path("/proc/sys/fs/binfmt_misc", _EMULATED[board.architecture]).exists():
        raise BuildError(
            f"this machine ({own}) does not run programs of {board.architecture}: apt install qemu-user-static "
            "systemd; in a container also: mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc && "
            f"/usr/lib/systemd/systemd-binfmt {_EMULATED[board.architecture]}.conf"
        )


def _fill_tree(tree: Path, work: Path, archive: Path, board: Board, inputs: Inputs) -> None:
    with _step("unpacking it"):
        root_tree.unpack(archive, tree)
    with _step("our own files"):
        run(sys.executable, "-m", "deploy.debian.build", "--output", work)
        root_tree.install_package(tree, next(work.glob("*.deb")), inputs.epoch_s)
        root_tree.lay_over(tree, root_tree.OVERLAY)
        root_tree.settle(tree)
        root_tree.write_facts(tree, facts_of_image(board, inputs))
    with _step("initramfs"):
        root_tree.make_initramfs(tree, board, inputs.epoch_s)


def facts_of_image(board: Board, inputs: Inputs) -> dict[str, object]:
    """Return what the device says of its image."""
    return {
        "form": 1,
        "board": board.name,
        "architecture": board.architecture,
        "version": inputs.version,
        "commit": inputs.commit,
        "build_time": inputs.build_time,
    }


def _make_files(tree: Path, board: Board, output: Output, inputs: Inputs, *, download: bool) -> None:
    name = identity(board.name.encode(), inputs.commit.encode(), digest_of_folders([root_tree.OVERLAY]))
    work, table = output.work, layout.partitions(board.boot_partition_type)
    boot = output.boot
    shutil.rmtree(boot, ignore_errors=True)
    subject = sbom.Subject(f"edge-streamer-{board.name}", inputs.version, inputs.epoch_s)
    status = (tree / "var/lib/dpkg/status").read_text(encoding="utf-8")
    sbom.write_sbom(status, output.bill_of_materials, subject, sbom.copyright_in(tree))
    take_boot_files(tree, boot, board.kernels)
    command_line = layout.root_command_line(board.consoles, "a")
    (boot / "cmdline.txt").write_text(command_line + "\n")
    shutil.copytree(boot, work / "boot")
    board.fill_boot_partition(tree, work / "boot", command_line)
    shutil.copytree(root_tree.HERE / "config_partition", work / "config")
    board.fill_config_partition(tree, work / "config")
    root_tree.leave_out(tree, board.left_out)
    with _step("root file system"):
        file_systems.make_squashfs(work / "root.squashfs", tree, inputs.epoch_s)
    with _step("boot partitions"):
        (work / "empty").mkdir()
        epoch_s = inputs.epoch_s
        file_systems.make_fat(work / "1.fat", layout.CONFIG_MIB, "CONFIG", work / "config", name, epoch_s)
        file_systems.make_fat(work / "2.fat", layout.BOOT_MIB, "BOOT-A", work / "boot", name[4:], epoch_s)
        file_systems.make_fat(work / "3.fat", layout.BOOT_MIB, "BOOT-B", work / "empty", name[8:], epoch_s)
        file_systems.make_ext4(work / "7.ext4", layout.DATA_MIB, "data", name[12:], epoch_s)
    with _step("disk"):
        contents = {
            1: work / "1.fat",
            2: work / "2.fat",
            3: work / "3.fat",
            5: work / "root.squashfs",
            7: work / "7.ext4",
        }
        disk.assemble(work / output.image.name, table, contents, work)
    output.remove_older()
    (work / output.image.name).rename(output.image)  # a file of this name is complete
    files = [output.image]
    if download:
        with _step("compressing"):
            files.append(disk.compress(output.image))
    made = [MadeFile(file.name, file.stat().st_size, disk.sha256_of(file)) for file in files]
    if board.name == "rpi" and download:
        built = imager_manifest.BuiltImage(
            inputs.version, files[1], made[1], made[0], inputs.build_time[:10], board.archive is not None
        )
        output.manifest.write_text(imager_manifest.manifest(built))
    _tell(output, made, (work / "root.squashfs").stat().st_size, facts_of_image(board, inputs))


def _tell(output: Output, made: Sequence[MadeFile], root_bytes: int, facts: dict[str, object]) -> None:
    files = [asdict(file) for file in made]
    output.facts.write_text(json.dumps({**facts, "root_bytes": root_bytes, "files": files}, indent=1) + "\n")
    print(f"root file system: {root_bytes / 1e6:.0f} MB", flush=True)
    for file in made:
        print(f"{output.folder / file.name}  {file.size_bytes / 1e6:.0f} MB  sha256 {file.sha256}", flush=True)


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    print(f"-- {what}", end=" ", flush=True)
    began_s = time.monotonic()
    yield
    print(f"({time.monotonic() - began_s:.0f} s)", flush=True)


def _board(name: str, archive: str | None, keyring: Path | None) -> Board:
    """Return the board that the options describe; BuildError when they do not fit together."""
    if not archive:
        if keyring is not None:
            raise BuildError("--rpi-archive-keyring goes with --rpi-archive")
        return BOARDS[name]
    if name != "rpi":
        raise BuildError("--rpi-archive is for --board rpi")
    return raspberry_pi_board(rpi_archive(archive, keyring))


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge_streamer/image"


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.image.build", description="Build an image of the appliance."
    )
    parser.add_argument("--board", choices=sorted(BOARDS), required=True)
    parser.add_argument("--output", type=Path, default=ROOT / "build/image", metavar="DIR")
    parser.add_argument(
        "--cache", type=Path, default=_default_cache(), metavar="DIR", help="where Debian's trees are kept"
    )
    parser.add_argument("--no-download", action="store_true", help="do not compress it, which takes a minute")
    parser.add_argument("--refresh", action="store_true", help="fetch Debian's packages anew")
    parser.add_argument("--rpi-archive", metavar="SOURCE", help="rpi: Raspberry Pi's package archive, for its cameras")
    parser.add_argument("--rpi-archive-keyring", type=Path, metavar="FILE", help="the keys of that archive")
    given = parser.parse_args(arguments)
    try:
        board = _board(given.board, given.rpi_archive, given.rpi_archive_keyring)
        inputs = read_inputs()
        output = output_of(board, given.output.resolve(), inputs)
        build(board, output, inputs, given.cache, refresh=given.refresh, download=not given.no_download)
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: what was begun is removed", file=sys.stderr)
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
