"""A ladder to a server that has users: alice ("a good password") and bob ("another password").

ladder = locked_ladder()
ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 1")
challenge = ladder.expect_challenge()
ladder.peer("DESCRIBE ...", "CSeq: 2", f"Authorization: {ALICE.answer(challenge, 'DESCRIBE', 'rtsp://cam/main')}")
"""

import re
from typing import Final

from edge_streamer.protocol.digest import Algorithm, LoginRules, compute_ha1
from edge_streamer.protocol.rtsp.limits import DEFAULT_LIMITS
from edge_streamer.protocol.rtsp.server.auth import LoginAuthorizer
from edge_streamer.protocol.rtsp.server.events import RefusalRequested
from tests.support.rtsp.digest_client import DigestClient, parse_challenge
from tests.support.rtsp.harness import PEER_HOST
from tests.support.rtsp.ladder import Ladder, Server

ALICE: Final = DigestClient("alice", "a good password")
BOB: Final = DigestClient("bob", "another password")
MALLORY: Final = DigestClient("mallory", "a good password")


class TwoAccounts:
    """The accounts of the ladder's server."""

    def ha1(self, name: str, algorithm: Algorithm) -> str | None:
        """Return the HA1 of alice or bob."""
        passwords = {client.user: client.password for client in (ALICE, BOB)}
        return compute_ha1(algorithm, name, passwords[name].encode()) if name in passwords else None


class LockedLadder(Ladder):
    """One connection, with an authorizer and a nonce of its own."""

    def __init__(self, server: Server, rules: LoginRules, peer_host: str = PEER_HOST) -> None:
        self.rules = rules
        self.nonce = f"nonce-of-connection-{len(server.rungs) + 1}"
        server.authorizer = LoginAuthorizer(rules, self.nonce)
        super().__init__(server, peer_host)
        self.service.holds.add(RefusalRequested)

    def connect(self, peer_host: str = PEER_HOST) -> "LockedLadder":
        """Return a new connection to the same server."""
        return LockedLadder(self.server, self.rules, peer_host)

    def request(
        self, method: str, uri: str, *more: str, as_user: DigestClient | None = None, digest_uri: str = ""
    ) -> None:
        """Send a request; with `as_user`, its Digest over `digest_uri` (else the request's) for this connection."""
        lines = [f"{method} {uri} RTSP/1.0", "CSeq: 1", *more]
        if as_user is not None:
            challenge = {"realm": "edge_streamer", "nonce": self.nonce}
            lines.append(f"Authorization: {as_user.answer(challenge, method, digest_uri or uri)}")
        self.peer(*lines)

    def expect_challenge(self) -> dict[str, str]:
        """Check that the next reply is a 401 and return the first challenge's parameters."""
        self.expect(401)
        first = re.search(r"^WWW-Authenticate: (.*)\r$", self.sent.decode(), re.MULTILINE)
        assert first is not None
        return parse_challenge(first[1])

    def expect_failure(self, user: str) -> RefusalRequested:
        """Check that a log-in has failed and that nothing was answered yet."""
        failed = self.expect_event(RefusalRequested, user=user)
        self.expect_nothing()
        return failed

    def refuse(self, failed: RefusalRequested) -> None:
        """Do what the service does after its delay."""
        self.take(self.protocol.answer_status(401, self.server.now, headers=failed.challenges))


def locked_ladder(*algorithms: Algorithm, basic: bool = False) -> LockedLadder:
    """Return the first connection of a new server that has users."""
    rules = LoginRules(TwoAccounts(), algorithms or (Algorithm.MD5,), basic)
    server = Server(("tcp", "udp"), DEFAULT_LIMITS, LoginAuthorizer(rules, "unused"))
    return LockedLadder(server, rules)
