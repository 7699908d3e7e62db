"""What the guest boots: a kernel, an initramfs and a disk with real camera drivers, made of Debian packages.

    files = built_guest(print)      # a minute the first time, then nothing

Trixie, because its Python and PyAV are what devices have. Its kernel brings `vivid`; `v4l2loopback` is compiled against
the kernel's headers in a chroot, at this machine's speed. No package's maintainer script runs: the tree is unpacked,
and what it needs to work is done here. Needs root and `mmdebstrap`; the mirror is the one that this machine's apt has.
Called by `conftest`; by hand: `python -m tests.guest.root` builds it and prints where.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.guest.initramfs import write_initramfs
from tests.support.debian_root import Progress, built_once, install_wheels, run, unpack_debian

SUITE: Final = "trixie"
DEBIAN_PACKAGES: Final = (
    "linux-image-amd64",
    "linux-headers-amd64",  # with the compiler that built the kernel
    "make",
    "v4l2loopback-dkms",
    "busybox-static",
    "kmod",
    "udev",
    "iproute2",
    "v4l-utils",
    "python3",
    "python3-h11",
    "python3-msgspec",
    "python3-wsproto",
    "python3-prometheus-client",
    "python3-serial",
)
WHEELS: Final = ("av==14.2.0",)
"""Trixie's version, with 50 libraries of its own in place of Debian's 260, which an emulated CPU loads for 6 s."""
DISK_MODULES: Final = ("virtio_blk", "ext4", "virtio_net")
ONLY_FOR_BUILDING: Final = ("boot", "usr/include", "usr/lib/gcc", "usr/libexec", "usr/share", "usr/src", "var")
DISK_BYTES: Final = 700 << 20
_INSIDE: Final = Path(__file__).parent / "inside"
_RECIPE: Final = (Path(__file__), Path(__file__).with_name("initramfs.py"), *sorted(_INSIDE.glob("*.*")))
_MERGED_FOLDERS: Final = ("bin", "sbin", "lib", "lib64")
_MOUNT_POINTS: Final = ("proc", "sys", "run", "tmp", "root", "var")


@dataclass(frozen=True, slots=True)
class GuestFiles:
    """What QEMU is given."""

    kernel: Path
    initramfs: Path
    disk: Path


def built_guest(tell: Progress) -> GuestFiles:
    """Return the guest's files, building them if this recipe's are not there; AssertionError with what was said."""
    folder = built_once("guest", _RECIPE, lambda folder: _build(folder, tell))
    return GuestFiles(folder / "kernel", folder / "initramfs", folder / "disk")


def _build(folder: Path, tell: Progress) -> None:
    root = folder / "root"
    tell(f"unpacking a Debian {SUITE} with its kernel (once, about a minute)")
    unpack_debian(root, SUITE, DEBIAN_PACKAGES, "--variant=extract")
    _complete_tree(root)
    release = _kernel_release(root)
    tell(f"compiling v4l2loopback for Linux {release}")
    _compile_loopback(root, release)
    tell("installing PyAV, compiling Python's modules")
    _install_python(root)
    tell("writing kernel, initramfs and disk")
    shutil.copy(root / f"boot/vmlinuz-{release}", folder / "kernel")
    write_initramfs(folder / "initramfs", root, _modules_of_disk(root, release), _INSIDE / "initramfs_init.sh")
    _write_disk(root, folder / "disk")
    shutil.rmtree(root)


def _complete_tree(root: Path) -> None:
    """Do what the packages' scripts would have done; busybox is every program that no package brought."""
    for name in _MERGED_FOLDERS:
        (root / "usr" / name).mkdir(exist_ok=True)
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in _MOUNT_POINTS:
        (root / name).mkdir(exist_ok=True)
    for applet in _in_root(root, "/usr/bin/busybox", "--list").split():
        if not any((root / folder / applet).exists() for folder in ("usr/bin", "usr/sbin")):
            (root / "usr/bin" / applet).symlink_to("busybox")
    for script, program in (("guest_init.sh", "guest-init"), ("agent.py", "guest-agent")):
        shutil.copy(_INSIDE / script, root / "usr/sbin" / program)
        (root / "usr/sbin" / program).chmod(0o755)


def _kernel_release(root: Path) -> str:
    (folder,) = (root / "usr/lib/modules").iterdir()
    return folder.name


def _compile_loopback(root: Path, release: str) -> None:
    """What dkms would do, without its scripts."""
    (source,) = (path.relative_to(root) for path in (root / "usr/src").glob("v4l2loopback-*"))
    modules = f"/usr/lib/modules/{release}"
    _in_root(root, "make", "-C", f"{modules}/build", f"M=/{source}", "modules")
    (root / modules.lstrip("/") / "extra").mkdir()
    compiled, stripped = f"/{source}/v4l2loopback.ko", f"{modules}/extra/v4l2loopback.ko"
    _in_root(root, "x86_64-linux-gnu-strip", "--strip-debug", "-o", stripped, compiled)
    _in_root(root, "depmod", release)


def _install_python(root: Path) -> None:
    """Install the wheels, and compile all once, here, where that is quick."""
    version = install_wheels(root, root / "usr/lib/python3/dist-packages", WHEELS)
    _in_root(root, "python3", "-m", "compileall", "-q", f"/usr/lib/python{version}", "/usr/lib/python3/dist-packages")


def _modules_of_disk(root: Path, release: str) -> list[Path]:
    """Return the module files by which the guest reaches its disk and network, each after those it needs."""
    said = (_in_root(root, "modprobe", "-S", release, "--show-depends", name) for name in DISK_MODULES)
    names = [line.split()[1] for lines in said for line in lines.splitlines()]
    return [root / name.lstrip("/") for name in dict.fromkeys(names) if "crc32c-intel" not in name]


def _write_disk(root: Path, disk: Path) -> None:
    for name in ONLY_FOR_BUILDING:
        shutil.rmtree(root / name)
    (root / "var").mkdir()
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root)]
    run("mke2fs", *options, str(disk), f"{DISK_BYTES >> 10}k")


def _in_root(root: Path, *command: str) -> str:
    return run("chroot", str(root), *command)


if __name__ == "__main__":
    print(built_guest(lambda text: print(text, file=sys.stderr)))
