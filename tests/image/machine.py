"""An emulated device that boots an image: its disk is a copy, so the image is never changed, and it has no way out.

    with running_device(ARM64, boot, disk, memory_mib=512) as device:
        device.shell.run("systemctl is-system-running --wait")
        device.ports[554]                     # where its port 554 is reached from here

The end of the block is a power cut (QEMU is killed); `power_off` shuts down first. What the tests add to an image that
people get is kernel parameters: a root shell on a second serial port, and nothing else (`shell`).

The processor is emulated (TCG), because CI's machines have no nested virtualization: a device is ten times slower than
they are, so no test asks for a time.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.image.shell import Shell
from tests.support.emulator import free_ports, running_emulator, virtio_network

DEVICE_PORTS: Final = (80, 554)
BOOT_DEADLINE_S: Final = 600.0
"""A boot takes 30 s on a machine with nothing else to do, and many times that on one beside twenty others."""
POWER_OFF_DEADLINE_S: Final = 240.0
_RETRY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Computer:
    """What QEMU emulates; `shell_terminal` is the debug shell's, and `shell_options` add its serial port."""

    program: str
    options: tuple[str, ...]
    shell_terminal: str
    shell_options: tuple[str, ...]
    processors: int


ARM64: Final = Computer(
    "qemu-system-aarch64",
    ("-M", "virt", "-cpu", "cortex-a53"),
    # `virt` has one serial port of its own, the console; one on PCI needs no module either.
    "ttyS0",
    ("-device", "pci-serial,chardev=shell"),
    processors=2,
)
AMD64: Final = Computer(
    "qemu-system-x86_64",
    # Without the devices that the kernel would look into for seconds.
    ("-M", "q35,sata=off,smbus=off,i8042=off,vmport=off", "-cpu", "max"),
    "ttyS1",
    ("-serial", "chardev:shell"),
    # With two, QEMU 7.2 (Debian 12) may run an instruction that the kernel has half patched: it panics now and then.
    processors=1,
)


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """The kernel that QEMU loads itself, as a board's firmware would from the boot partition."""

    kernel: Path
    initramfs: Path
    parameters: str
    device_tree: Path | None = None

    def options(self, extra_parameters: str) -> list[str]:
        """Return QEMU's options."""
        tree = [] if self.device_tree is None else ["-dtb", str(self.device_tree)]
        parameters = f"{self.parameters} {extra_parameters}"
        return ["-kernel", str(self.kernel), "-initrd", str(self.initramfs), "-append", parameters, *tree]


@dataclass(frozen=True, slots=True)
class FirmwareBoot:
    """UEFI, which finds a boot loader on the disk; the loader takes more kernel parameters from SMBIOS."""

    code: Path
    variables: Path

    def options(self, extra_parameters: str) -> list[str]:
        """Return QEMU's options."""
        flash = "if=pflash,format=raw,unit"
        return [
            *(
                "-drive",
                f"{flash}=0,file={self.code},readonly=on",
                "-drive",
                f"{flash}=1,file={self.variables},snapshot=on",
            ),
            *("-smbios", f"type=11,value=io.systemd.boot.kernel-cmdline-extra={extra_parameters}"),
        ]


Boot = DirectBoot | FirmwareBoot


class Device:
    """A running device; `ports` are the forwarded ones, device -> here."""

    def __init__(self, process: subprocess.Popen[bytes], ports: Mapping[int, int], folder: Path) -> None:
        self.ports = ports
        self.shell = Shell(folder / "shell")
        self.began = time.monotonic()
        self._process = process
        self._console = folder / "console"

    @property
    def console(self) -> str:
        """What kernel, systemd and the appliance have said."""
        return self._console.read_text(errors="replace") if self._console.exists() else ""

    @property
    def rtsp_url(self) -> str:
        """Where the stream `main` is played from here."""
        return f"rtsp://127.0.0.1:{self.ports[554]}/main"

    def connect(self) -> None:
        """Return when the root shell answers, which is early in the boot; AssertionError with the console otherwise."""
        self._wait_for_socket()
        try:
            self.shell.connect(BOOT_DEADLINE_S)
        except (TimeoutError, ConnectionError) as failure:
            raise AssertionError(f"{failure}\n{self.console[-4000:]}") from failure

    def boot(self) -> str:
        """Return the state of systemd when it has started everything: `running`, or `degraded` with failed units."""
        self.connect()
        return self.shell.ended("systemctl is-system-running --wait", BOOT_DEADLINE_S).output.strip()

    def power_off(self) -> None:
        """Shut it down as people should, and return when it is off."""
        self.shell.run("systemctl poweroff --no-block")
        self._process.wait(POWER_OFF_DEADLINE_S)

    def cut_power(self) -> None:
        """Switch it off at once."""
        self._process.kill()
        self._process.wait()

    def is_on(self) -> bool:
        """Whether it runs; a kernel that has panicked restarts, which ends QEMU."""
        return self._process.poll() is None

    def _wait_for_socket(self) -> None:
        deadline = time.monotonic() + BOOT_DEADLINE_S
        while not self._console.with_name("shell").exists():
            assert self.is_on(), f"QEMU ended with {self._process.returncode}"
            assert time.monotonic() < deadline, "QEMU did not make its sockets"
            time.sleep(_RETRY_S)


@contextmanager
def running_device(
    computer: Computer,
    boot: Boot,
    disk: Path,
    *,
    memory_mib: int,
    recording: Path | None = None,
    parameters: Sequence[str] = (),
    write_protected: bool = False,
) -> Iterator[Device]:
    """Switch a device on until the block ends. `disk` is raw and is written to, and so is `recording`, if given, with
    every write (`power_cut`); `parameters` are more for the kernel. A worn card is `write_protected`."""
    with tempfile.TemporaryDirectory(prefix="edge-streamer-device-") as name:
        folder = Path(name)
        ports = free_ports(DEVICE_PORTS)
        debug = (f"systemd.debug_shell={computer.shell_terminal}", *parameters)
        command = [
            computer.program,
            *("-accel", f"tcg,thread={'multi' if computer.processors > 1 else 'single'}", *computer.options),
            *("-smp", str(computer.processors), "-m", str(memory_mib)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-serial", f"file:{folder / 'console'}"),
            *("-chardev", f"socket,id=shell,path={folder / 'shell'},server=on,wait=off", *computer.shell_options),
            *boot.options(" ".join(debug)),
            *_disk_options(disk, recording, write_protected=write_protected),
            *virtio_network(ports),
            *("-device", "virtio-rng-pci"),
        ]
        with running_emulator(command) as process:
            device = Device(process, ports, folder)
            try:
                yield device
            finally:
                device.shell.close()


def _disk_options(disk: Path, recording: Path | None, *, write_protected: bool) -> list[str]:
    """Return the options for a card that takes its time to write: its guest must flush what is to survive."""
    # What this machine has not yet written when it crashes itself is of no interest.
    file = {"driver": "file", "filename": str(disk), "cache.no-flush": "on"}
    protection = {"read-only": "on"} if write_protected else {}
    node = _flat({"driver": "raw", "node-name": "disk", **protection, "file": file})
    if recording is not None:
        recording.touch()
        log = {"driver": "file", "filename": str(recording), "cache.no-flush": "on"}
        node = _flat(
            {"driver": "blklogwrites", "node-name": "disk", "file": file, "log": log, "log-sector-size": "512"}
        )
    return ["-blockdev", node, "-device", "virtio-blk-pci,drive=disk,write-cache=on"]


def _flat(node: Mapping[str, str | Mapping[str, str]]) -> str:
    """Return a tree of options in the form of QEMU's command line."""
    parts = []
    for key, value in node.items():
        if isinstance(value, str):
            parts.append(f"{key}={value}")
        else:
            parts += [f"{key}.{inner}={text}" for inner, text in value.items()]
    return ",".join(parts)
