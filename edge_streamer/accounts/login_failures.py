"""What a wrong password costs: a delay before the refusal, a count, and a line in the log without the credential.

RTSP and HTTP share one object. The delay belongs to the address that a wrong password came from, and only refusals
wait: a right password is never delayed or refused because of other clients at its address. If a camera locked out an
address, any client that shares it with the recorder could lock the recorder out.

The delay slows down a client that waits for each answer, and the log shows the operator which address guesses. It does
not make a weak password strong: against a client that opens a connection for each guess, only `max_connections` and the
length of the password help.
"""

import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from edge_streamer.accounts.users import USER_NAME
from edge_streamer.logs.events import LoginFailed, log_event
from edge_streamer.runtime.address import network_key

log = logging.getLogger(__name__)

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 2.0
"""Under the 5 s after which go2rtc and Home Assistant give up, so that they report a wrong password, not a time-out."""
FORGET_AFTER_S: Final = 60.0
MAX_ADDRESSES: Final = 1024
LOG_INTERVAL_S: Final = 1.0

Protocol = Literal["rtsp", "http"]


@dataclass(slots=True)
class _Address:
    failures: int = 0
    failed_at: float = 0.0
    logged_at: float = float("-inf")


class LoginFailures:
    """Counts failed log-ins in total and per address, and computes the delays. `now` is the loop's time."""

    def __init__(self) -> None:
        self.counts: Counter[Protocol] = Counter()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def note(self, protocol: Protocol, peer_host: str, user: str, now: float) -> float:
        """Count a failed log-in and return the seconds to wait before it is refused."""
        self.counts[protocol] += 1
        address = self._address(network_key(peer_host))
        address.failures = address.failures + 1 if now - address.failed_at < FORGET_AFTER_S else 1
        address.failed_at = now
        if now - address.logged_at >= LOG_INTERVAL_S:
            address.logged_at = now
            shown, failures = _shown_user(user), address.failures
            log_event(log, LoginFailed(protocol=protocol, peer=peer_host, user=shown, failures=failures))
        return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(address.failures - 1, 16))

    def _address(self, key: str) -> _Address:
        """Return the record of an address; beyond `MAX_ADDRESSES` the least recently used record is dropped."""
        address = self._addresses.setdefault(key, _Address())
        self._addresses.move_to_end(key)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        return address


def _shown_user(user: str) -> str:
    """Return the name to log: text that is not a valid user name may be a password typed into the wrong field."""
    return user if USER_NAME.fullmatch(user) else "(no user name)"
