"""What a wrong password costs: a delay before the refusal, a count, and a line in the log without the credential.

One object for RTSP and HTTP together. The delay belongs to the address a wrong password came from, and only refusals
wait: a right password is never delayed or refused for what others at its address do. A camera that locks out an
address hands whoever shares it with the recorder a way to black the recorder out.

So this slows down who waits for answers, and shows the operator who guesses. It does not make a weak password strong:
who opens a connection for each guess is limited by `max_connections` and by the length of the password.
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
"""Under the 5 s after which go2rtc and Home Assistant give up, so that a wrong password is seen as one."""
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
    """See the module. `now` is the loop's."""

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
        """Return what is known of an address; past `MAX_ADDRESSES` the one that was quiet for longest is forgotten."""
        address = self._addresses.setdefault(key, _Address())
        self._addresses.move_to_end(key)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        return address


def _shown_user(user: str) -> str:
    """Return a name that may stand in the log: what could not be anybody's may be a password in the wrong field."""
    return user if USER_NAME.fullmatch(user) else "(no user name)"
