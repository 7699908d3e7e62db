"""`python3 -m deploy.image.emulator --board BOARD`: the image in QEMU, for whoever has no board.

The firmware starts it (UEFI), as on a machine. It runs on a copy of the image, `BOARD.disk` beside it, which is kept:
what the device wrote is there at the next start. The first boot is seen again after `--fresh` or with a new image. The
copy has 4 GB, since a card is larger than its image. The terminal is the serial console; Ctrl-C ends QEMU, which for
the device is a power cut.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image import build
from deploy.image.boards import BOARDS
from deploy.image.inputs import ROOT, read_inputs
from deploy.image.tools import PATH, BuildError, run

_DISK_BYTES: Final = 4 << 30


@dataclass(frozen=True, slots=True)
class Machine:
    """An emulated computer that starts a board's image."""

    program: str
    packages: str
    options: tuple[str, ...]
    firmware: Path
    variables: Path
    """Where the firmware keeps its settings: each disk has a copy."""


MACHINES: Final[Mapping[str, Machine]] = {
    "qemu": Machine(
        program="qemu-system-aarch64",
        packages="qemu-system-arm qemu-efi-aarch64",
        # As a Raspberry Pi Zero 2 W, with two of its processors.
        options=("-machine", "virt", "-cpu", "cortex-a53", "-m", "512", "-smp", "2", "-accel", "tcg,thread=multi"),
        firmware=Path("/usr/share/AAVMF/AAVMF_CODE.fd"),
        variables=Path("/usr/share/AAVMF/AAVMF_VARS.fd"),
    ),
    "pc": Machine(
        program="qemu-system-x86_64",
        packages="qemu-system-x86 ovmf",
        # With two processors, QEMU 7.2 (Debian 12) may run an instruction that the kernel has half patched: it panics.
        options=("-machine", "q35", "-cpu", "max", "-m", "1024", "-smp", "1", "-accel", "tcg"),
        firmware=Path("/usr/share/OVMF/OVMF_CODE_4M.fd"),
        variables=Path("/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ),
}


def command(machine: Machine, disk: Path, variables: Path, ports: Mapping[int, int]) -> list[str]:
    """Return QEMU's command line; `ports` are the guest's TCP ports and those of this machine that lead there."""
    forwarded = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in ports.items())
    return [
        *(machine.program, *machine.options),
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={machine.firmware}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={variables}"),
        *("-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk"),
        *("-netdev", f"user,id=net{forwarded}", "-device", "virtio-net-pci,netdev=net"),
        *("-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset"),
        *("-display", "none", "-monitor", "none"),
        *("-chardev", "stdio,id=console,signal=on", "-serial", "chardev:console"),
    ]


def prepare_disk(image: Path, disk: Path, *, fresh: bool) -> None:
    """Make the disk from the image, unless there is one that is not older than the image."""
    if not fresh and disk.exists() and disk.stat().st_mtime >= image.stat().st_mtime:
        return
    partial = disk.with_suffix(".partial")
    run("cp", "--sparse=always", image, partial)
    with partial.open("r+b") as file:
        file.truncate(_DISK_BYTES)
    partial.rename(disk)  # a disk of this name is complete


def _check(machine: Machine) -> None:
    if shutil.which(machine.program, path=PATH) is None or not machine.firmware.exists():
        raise BuildError(f"the emulator needs Debian packages: apt install {machine.packages}")


def _start(board_name: str, folder: Path, ports: Mapping[int, int], *, fresh: bool) -> int:
    machine = MACHINES[board_name]
    _check(machine)
    image = build.output_of(BOARDS[board_name], folder, read_inputs()).image
    if not image.exists():
        code = build.main(["--board", board_name, "--output", str(folder), "--no-download"])
        if code != 0:
            return code
    disk, variables = folder / f"{board_name}.disk", folder / f"{board_name}.uefi"
    prepare_disk(image, disk, fresh=fresh)
    if fresh or not variables.exists():
        shutil.copyfile(machine.variables, variables)
    print(f"-- {image.name} on {disk}; Ctrl-C ends it", flush=True)
    print(f"-- http://127.0.0.1:{ports[80]}/   rtsp://127.0.0.1:{ports[554]}/main", flush=True)
    process = subprocess.Popen(command(machine, disk, variables, ports))
    try:
        return process.wait()
    except KeyboardInterrupt:  # the terminal's Ctrl-C reached QEMU too
        process.wait()
        print("\n-- ended")
        return 0


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.image.emulator", description="Start an image in QEMU.")
    parser.add_argument("--board", choices=sorted(MACHINES), default="qemu")
    parser.add_argument("--output", type=Path, default=ROOT / "build/image", metavar="DIR", help="where images lie")
    parser.add_argument("--rtsp-port", type=int, default=18554)
    parser.add_argument("--http-port", type=int, default=18080)
    parser.add_argument("--fresh", action="store_true", help="forget what the device wrote: its first boot again")
    given = parser.parse_args(arguments)
    try:
        ports = {554: given.rtsp_port, 80: given.http_port}
        return _start(given.board, given.output.resolve(), ports, fresh=given.fresh)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
