"""Every path that the appliance reads or writes, in one value."""

from dataclasses import dataclass, fields
from pathlib import Path

from edge_streamer.device.appliance_status import STATUS_PATH


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths on a device. `card` is where the first partition is mounted while it is used; `run` is rendered to."""

    slot: Path = Path("/run/edge_streamer-slot.env")
    device_tree_serial: Path = Path("/proc/device-tree/serial-number")
    dmi_serial: Path = Path("/sys/class/dmi/id/product_serial")
    interfaces: Path = Path("/sys/class/net")
    block_devices: Path = Path("/sys/class/block")
    host_name: Path = Path("/proc/sys/kernel/hostname")
    console: Path = Path("/dev/console")
    machine_id: Path = Path("/etc/machine-id")
    kept_machine_id: Path = Path("/data/shared/machine-id")
    settings: Path = Path("/data/shared/settings.json")
    initial_password: Path = Path("/data/shared/initial-password")
    users: Path = Path("/etc/edge_streamer/users")
    configuration: Path = Path("/etc/edge_streamer/edge_streamer.toml")
    card: Path = Path("/boot/config")
    run: Path = Path("/run")
    status: Path = STATUS_PATH

    @classmethod
    def below(cls, root: Path) -> "Paths":
        """Return the same paths below the folder `root`."""
        machine = cls()
        return cls(**{each.name: root / getattr(machine, each.name).relative_to("/") for each in fields(cls)})
