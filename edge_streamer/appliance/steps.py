"""The steps of a boot, in their order: one table.

Each step is tried, whatever became of those before it. A failure is told on the card, the console and the status, and
in the journal with its traceback; `failure` says what it means for the device. `taking` says why a power cut between
two steps is harmless.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from edge_streamer.appliance.boot import Boot
from edge_streamer.appliance.card_mount import CardMount
from edge_streamer.appliance.growth import grow_data
from edge_streamer.appliance.identity import find_mac, keep_machine_id, read_serial
from edge_streamer.appliance.publishing import tell_console, write_card_text, write_status
from edge_streamer.appliance.rendering import render_files, set_host_name, set_time_zone
from edge_streamer.appliance.settings_store import load_kept
from edge_streamer.appliance.slot import read_slot
from edge_streamer.appliance.taking import (
    keep_card,
    overwrite_secrets,
    read_new_card,
    set_password,
    settle,
    write_configuration,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a boot. `failure` is a sentence without its full stop: what is not as it should be."""

    name: str
    run: Callable[[Boot], None]
    failure: str


def _find_slot(boot: Boot) -> None:
    boot.slot = read_slot(boot.paths.slot)
    boot.mount = CardMount(boot.slot.config, boot.paths.card, boot.run)


def _find_serial(boot: Boot) -> None:
    boot.serial = read_serial(boot.paths)
    if not boot.serial:
        boot.serial = find_mac(boot.paths, boot.kept.mac, boot.sleep)
        boot.kept = msgspec.structs.replace(boot.kept, mac=boot.serial)


def _keep_machine_id(boot: Boot) -> None:
    keep_machine_id(boot.paths)


def _load_settings(boot: Boot) -> None:
    """A file that is not whole is put aside: the card is taken again, and nothing in it is overwritten by an error."""
    file = boot.paths.settings
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        boot.kept = load_kept(file)
    except ValueError:
        file.rename(file.with_name(f"{file.name}.faulty"))
        raise


def _mount_card(boot: Boot) -> None:
    boot.mount.mount()


def _grow_data(boot: Boot) -> None:
    grow_data(boot.slot, boot.paths, boot.run)


def _write_status(boot: Boot) -> None:
    write_status(boot.paths, boot.status())


def _write_card_text(boot: Boot) -> None:
    write_card_text(boot.mount, boot.paths, boot.status(), (), boot.initial_password)


def _unmount_card(boot: Boot) -> None:
    boot.mount.unmount()


def _tell_console(boot: Boot) -> None:
    tell_console(boot.paths, boot.status(), (), boot.initial_password)


STEPS: Final[Sequence[Step]] = (
    Step("slot", _find_slot, "The partitions of the card are unknown, so nothing is read from it"),
    Step("settings", _load_settings, "The settings that were kept cannot be read, so the card is taken again"),
    Step("serial", _find_serial, "The serial number cannot be read, so the host name is edge-camera"),
    Step("machine id", _keep_machine_id, "The machine id cannot be kept, so the next boot has another one"),
    Step("mount", _mount_card, "The card's first partition cannot be read, so the settings kept before apply"),
    Step("read", read_new_card, "The files on the card cannot be read, so the settings kept before apply"),
    Step("password", set_password, "The password cannot be set, so the one before, if any, applies"),
    Step("keep", keep_card, "The settings of the card cannot be kept, so those kept before apply"),
    Step("configuration", write_configuration, "The service's configuration cannot be written or checked"),
    Step("secrets", overwrite_secrets, "The secrets on the card cannot be overwritten; they are still readable there"),
    Step("settle", settle, "What was done cannot be kept, so the next boot does it again"),
    Step("host name", set_host_name, "The host name cannot be set, so the device is not found by its name"),
    Step("network", render_files, "The files of the network cannot be written, so DHCP on Ethernet applies"),
    Step("time zone", set_time_zone, "The time zone cannot be set, so UTC applies"),
    Step("growth", _grow_data, "The data partition cannot be grown, so it stays as small as it is"),
    Step("status", _write_status, "The status cannot be written, so `info` does not show this boot"),
    Step("card text", _write_card_text, "The status on the card cannot be written, so it shows a boot before"),
    Step("unmount", _unmount_card, "The card's first partition cannot be unmounted"),
    Step("console", _tell_console, "The console cannot be written"),
)


def take_steps(boot: Boot, steps: Sequence[Step] = STEPS) -> int:
    """Try each step; return how many failed."""
    failed = 0
    for step in steps:
        try:
            step.run(boot)
        except Exception as error:  # noqa: BLE001 - the boundary between steps: a fault must not stop the next
            import traceback

            failed += 1
            boot.problems.append(f"{step.failure} ({_one_line(error)})")
            print(f"step {step.name}: {boot.problems[-1]}", file=sys.stderr)
            traceback.print_exc()
    return failed


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
