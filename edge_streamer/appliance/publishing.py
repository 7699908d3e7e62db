"""Puts the status where people and programs find it: /run for the service, the card and the console for people."""

import os
from collections.abc import Sequence

import msgspec

from edge_streamer.appliance.card_mount import CardMount
from edge_streamer.appliance.durable import replace_file, replace_if_changed
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.status_text import STATUS_NAME, console_text, status_text, without_addresses
from edge_streamer.device.appliance_status import ApplianceStatus


def write_status(paths: Paths, status: ApplianceStatus) -> None:
    """Leave the status for the service; every user may read it."""
    paths.status.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    paths.status.parent.chmod(0o755)  # whatever the unit's umask is
    replace_if_changed(paths.status, msgspec.json.encode(status), mode=0o644)


def write_card_text(
    mount: CardMount, paths: Paths, status: ApplianceStatus, addresses: Sequence[str], initial_password: str | None
) -> bool:
    """Write the text to the mounted card if there is news; return whether it was written. OSError when that fails.

    That no address is known yet is no news: the card keeps the addresses of the boot before until there are others.
    """
    text = status_text(status, addresses, initial_password)
    file = paths.card / STATUS_NAME
    there = file.read_text(errors="replace") if file.exists() else ""
    if there == text or (not addresses and without_addresses(there) == without_addresses(text)):
        return False
    with mount.writable():
        replace_file(file, text.encode())
    return True


def tell_console(paths: Paths, status: ApplianceStatus, addresses: Sequence[str], initial_password: str | None) -> None:
    """Print the text on the console. OSError without a console."""
    descriptor = os.open(paths.console, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        os.write(descriptor, console_text(status, addresses, initial_password).encode())
    finally:
        os.close(descriptor)
