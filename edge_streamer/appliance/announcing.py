"""`python3 -m edge_streamer.appliance announce`: shows the addresses, once the network has given them.

The program of the boot ends before the network begins. This one looks for addresses for a few minutes and writes the
console and the card again when there is news: an address, or a password that people changed, whose clear copy on the
card goes then. It ends when nothing changes any more; a change of the file of users starts it again
(edge_streamer-announce.path).
"""

import sys
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from edge_streamer.accounts.users import UserError
from edge_streamer.appliance.addresses import are_given, read_addresses
from edge_streamer.appliance.card_mount import CardMount
from edge_streamer.appliance.commands import Run
from edge_streamer.appliance.password import initial_password
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.publishing import tell_console, write_card_text, write_status
from edge_streamer.appliance.slot import read_slot
from edge_streamer.device.appliance_status import ApplianceStatus, read_appliance_status

TRIES: Final = 60
PAUSE_S: Final = 5.0
"""Five minutes: the slowest access points need one or two after a power cut of the whole house."""
SETTLED_TRIES: Final = 6
"""So often the same addresses: DHCP follows the link-local address, IPv6 the router's next announcement."""

_News: TypeAlias = tuple[tuple[str, ...], str | None]
"""The addresses and the initial password."""


class Announcer:
    """Shows news; `sleep` waits for seconds."""

    def __init__(self, paths: Paths, run: Run, sleep: Callable[[float], None]) -> None:
        self._paths = paths
        self._run = run
        self._sleep = sleep
        self._told: _News | None = None
        self._written: _News | None = None

    def announce(self) -> int:
        """Look `TRIES` times, or until nothing changes; return the exit code: 1 if the last try failed."""
        unchanged = 0
        code = 0
        for attempt in range(TRIES):
            if attempt:
                self._sleep(PAUSE_S)
            try:
                addresses = read_addresses(self._run)
                unchanged = 0 if self._show(addresses) else unchanged + 1
                code = 0
            except (OSError, ValueError, UserError) as error:
                print(f"{error}", file=sys.stderr)
                code = 1
                continue
            if unchanged >= SETTLED_TRIES and are_given(addresses):
                break
        return code

    def _show(self, addresses: tuple[str, ...]) -> bool:
        """Write what is new; return whether anything was. The console first: it may work when the card does not."""
        password = initial_password(self._paths)
        news = addresses, password
        if news == self._written:
            return False
        status = self._status(has_initial_password=password is not None)
        write_status(self._paths, status)
        if news != self._told and addresses:
            tell_console(self._paths, status, addresses, password)
        self._told = news
        mount = CardMount(read_slot(self._paths.slot).config, self._paths.card, self._run)
        mount.mount()
        try:
            write_card_text(mount, self._paths, status, addresses, password)
        finally:
            mount.unmount()
        self._written = news
        return True

    def _status(self, *, has_initial_password: bool) -> ApplianceStatus:
        status = read_appliance_status(self._paths.status)
        if status is None:
            raise OSError(f"{self._paths.status} is not there: edge_streamer-provision.service did not end")
        return msgspec.structs.replace(status, has_initial_password=has_initial_password)
