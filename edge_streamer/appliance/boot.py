"""What the steps of one boot know of each other. `steps` has the steps, in their order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_streamer.appliance.card_mount import CardMount
from edge_streamer.appliance.commands import Run
from edge_streamer.appliance.identity import default_host_name
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.settings_store import Kept
from edge_streamer.appliance.slot import Slot
from edge_streamer.device.appliance_status import ApplianceStatus

if TYPE_CHECKING:
    from edge_streamer.appliance.card import Card


@dataclass(slots=True)
class Boot:
    """One boot. A value stays as it is here when the step that finds it fails.

    `card` is what the card says, None if it says nothing new; `files` are its files. `is_password_set` is False when
    the step of the password failed: then the one on the card must stay there. `problems` are the sentences about steps
    that failed and about files that were put aside.
    """

    paths: Paths
    run: Run
    sleep: Callable[[float], None]
    mount: CardMount
    slot: Slot = field(default_factory=Slot)
    serial: str = ""
    kept: Kept = field(default_factory=Kept)
    files: Mapping[str, bytes] = field(default_factory=dict)
    card: "Card | None" = None
    is_password_set: bool = False
    initial_password: str | None = None
    streams: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    @property
    def host_name(self) -> str:
        """The name that people gave, else the one made of the serial number."""
        return self.kept.device_settings().name or default_host_name(self.serial)

    def status(self) -> ApplianceStatus:
        """Return what is known so far."""
        return ApplianceStatus(
            host_name=self.host_name,
            serial=self.serial,
            slot=self.slot.slot,
            data_state=self.slot.data_state,
            streams=self.streams,
            applied=self.kept.applied,
            ignored=self.kept.ignored,
            mistakes=(*self.kept.mistakes, *self.problems),
            has_initial_password=self.initial_password is not None,
            configuration=self.kept.origin,
        )


def new_boot(paths: Paths, run: Run, sleep: Callable[[float], None]) -> Boot:
    """Return a boot of which nothing is known yet; `sleep` waits for seconds."""
    return Boot(paths, run, sleep, CardMount("", paths.card, run))
