"""What the initramfs found and mounted: it leaves /run/edge_streamer-slot.env with a `KEY=value` a line."""

from dataclasses import dataclass
from pathlib import Path

from edge_streamer.device.small_files import assignments_in


@dataclass(frozen=True, slots=True)
class Slot:
    """The slot that runs, "a" or "b", and its devices; an empty string is a thing that was not found.

    `config` is the device of the card's first partition. `data_state` is "memory" where /data is lost at power-off.
    """

    slot: str = ""
    disk: str = ""
    config: str = ""
    data: str = ""
    data_state: str = ""

    @property
    def keeps_data(self) -> bool:
        """Whether what is written to /data is there after the next power cut."""
        return self.data_state != "memory"


def read_slot(path: Path) -> Slot:
    """Return what the file says; OSError when there is none."""
    values = assignments_in(path.read_text(errors="replace"))
    return Slot(**{key: values.get(key.upper(), "") for key in ("slot", "disk", "config", "data", "data_state")})
