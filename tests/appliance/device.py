"""A device in a folder: its card is a folder, its programs are a list of what was run, and its power may go."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_streamer.appliance.boot import Boot, new_boot
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.steps import STEPS, Step, take_steps

SERIAL: Final = "10000000abc0ffee"
NAME: Final = "edge-c0ffee"
MACHINE_ID: Final = "0123456789abcdef" * 2
STATUS: Final = "edge-streamer-status.txt"
NOT_IN_A_FOLDER: Final = ("growth",)
"""Steps that need a disk; tests/appliance/test_growth.py has one."""


def steps_of_a_folder() -> Sequence[Step]:
    return tuple(step for step in STEPS if step.name not in NOT_IN_A_FOLDER)


@dataclass
class Device:
    """Runs boots below `root`."""

    root: Path
    data_state: str = "ok"
    commands: list[list[str]] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    addresses: tuple[str, ...] = ()
    on_command: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.paths = Paths.below(self.root)
        for folder in (self.paths.card, self.paths.configuration.parent, self.paths.settings.parent):
            folder.mkdir(parents=True)
        for file, text in (
            (self.paths.device_tree_serial, f"{SERIAL}\0"),
            (self.paths.host_name, "localhost\n"),
            (self.paths.machine_id, f"{MACHINE_ID}\n"),
            (self.paths.console, ""),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.power_on()

    def power_on(self) -> None:
        """What the initramfs leaves: /run has one file."""
        for path in sorted(self.paths.run.rglob("*"), reverse=True) if self.paths.run.exists() else ():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        self.paths.run.mkdir(exist_ok=True)
        self.paths.slot.write_text(
            f"SLOT=a\nDISK=/dev/vda\nCONFIG=/dev/vda1\nDATA=/dev/vda7\nDATA_STATE={self.data_state}\n"
        )

    def run(self, command: Sequence[str], text: str = "") -> str:
        self.on_command()
        self.commands.append(list(command))
        if command[0] == "ip":
            found = [{"family": "inet6" if ":" in each else "inet", "local": each} for each in self.addresses]
            return json.dumps([{"ifname": "eth0", "addr_info": found}])
        return ""

    def boot(self, steps: Iterable[Step] | None = None) -> Boot:
        """Switch on and take the steps; return what they know."""
        self.power_on()
        boot = new_boot(self.paths, self.run, self.slept_s.append)
        take_steps(boot, tuple(steps) if steps is not None else steps_of_a_folder())
        return boot

    def put(self, text: str, name: str = "edge-streamer.toml") -> None:
        """Write a file on the card as people do."""
        (self.paths.card / name).write_text(text)

    def on_card(self, name: str = "edge-streamer.toml") -> str:
        return (self.paths.card / name).read_text()

    @property
    def status_text(self) -> str:
        return self.on_card(STATUS)

    @property
    def writes_to_card(self) -> int:
        return sum("remount,rw" in " ".join(command) for command in self.commands)
