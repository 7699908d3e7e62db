"""Logging in to the services on a real loop, with sockets and a clock turned by hand: who waits, and who does not."""

import re

import pytest

from edge_streamer.accounts.login_failures import LoginFailures
from edge_streamer.accounts.users import Role, Users, new_user
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.protocol.digest import LoginRules
from edge_streamer.protocol.http.auth import HttpAuthenticator
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.rtsp.server.auth import LoginAuthorizer
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.http.access import AccessRules, HttpAccess
from edge_streamer.services.http.service import HttpService
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.rtsp.service import RtspService
from edge_streamer.services.rtsp.settings import RtspSettings
from tests.support.loop import HandClock, turn_until
from tests.support.peer_client import TextClient
from tests.support.rtsp.digest_client import DigestClient, parse_challenge

ALICE = DigestClient("alice", "a good password")
WRONG = DigestClient("alice", "a bad password")
USERS = Users({"alice": new_user("alice", Role.VIEWER, ALICE.password)})
RULES = LoginRules(USERS)
PATH = "/api/v1/status"
URL = "rtsp://cam/main"


class Client(TextClient):
    """A client of either service."""

    def wait_for(self, replies: int) -> str:
        turn_until(self.loop, lambda: len(self.statuses()) >= replies)
        return self.received.decode()

    def statuses(self) -> list[str]:
        return re.findall(r"(?:RTSP/1.0|HTTP/1.1) (\d+) ", self.read().decode())

    def challenge(self) -> dict[str, str]:
        found = re.findall("www-authenticate: (.*)\r\n", self.received.decode(), re.IGNORECASE)
        return parse_challenge(found[-1])


class Service:
    """Both services, and clients of them."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.failures = LoginFailures()
        self.made = 0
        self.rtsp = RtspService(
            loop,
            StreamRegistry(),
            RtspSettings(),
            new_authorizer=self._new_authorizer,
            login_failures=self.failures,
        )
        rules = AccessRules(USERS, HttpAuthenticator(RULES, b"key"), anonymous_role=None)
        access = HttpAccess(rules, self.failures)
        self.http = HttpService(loop, self, access, HttpSettings(max_connections=8, max_connections_per_address=8))
        self.rtsp_address = self.rtsp.listeners.listen("127.0.0.1", 0)
        self.http_address = self.http.listeners.listen("127.0.0.1", 0)
        self.clients: list[Client] = []

    def _new_authorizer(self) -> LoginAuthorizer:
        self.made += 1
        return LoginAuthorizer(RULES, f"nonce{self.made}")

    def handle(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, (), request.path.encode())

    def client(self, address: tuple[str, int]) -> Client:
        self.clients.append(Client(self.loop, address))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.rtsp.close()
        self.http.close()
        turn_until(self.loop, lambda: self.rtsp.gate.open == self.http.gate.open == 0)


@pytest.fixture
def service(no_descriptor_left: None, loop: Loop):
    made = Service(loop)
    yield made
    made.close()


def describe(client: Client, user: DigestClient | None, nonce: str) -> None:
    lines = [f"DESCRIBE {URL} RTSP/1.0", "CSeq: 1"]
    if user is not None:
        answer = user.answer({"realm": "edge_streamer", "nonce": nonce}, "DESCRIBE", URL)
        lines.append(f"Authorization: {answer}")
    client.send(*lines)


def is_waiting(service: Service, client: Client) -> bool:
    for _ in range(20):
        service.loop.turn(0.001)
    return not client.statuses()


def test_a_wrong_password_is_refused_later_each_time_and_a_right_one_at_once(
    service: Service, loop: Loop, clock: HandClock
) -> None:
    for attempt, delay_s in enumerate((0.1, 0.2, 0.4), start=1):
        wrong = service.client(service.rtsp_address)
        describe(wrong, WRONG, f"nonce{2 * attempt - 1}")
        turn_until(loop, lambda count=attempt: service.failures.counts["rtsp"] == count)
        clock.advance(delay_s - 0.01)
        assert is_waiting(service, wrong)
        right = service.client(service.rtsp_address)  # from the same address, while the other one waits
        describe(right, ALICE, f"nonce{2 * attempt}")
        assert "404" in right.wait_for(1)  # let in: there is no such stream
        assert is_waiting(service, wrong)
        clock.advance(0.01)
        assert "401" in wrong.wait_for(1)
        assert wrong.challenge()["nonce"] == f"nonce{2 * attempt - 1}"
    assert service.rtsp.sessions.counters.responses == {"401": 3, "404": 3}


def test_the_connection_stays_and_goes_on_after_the_refusal(service: Service, loop: Loop, clock: HandClock) -> None:
    client = service.client(service.rtsp_address)
    describe(client, WRONG, "nonce1")
    describe(client, ALICE, "nonce1")
    turn_until(loop, lambda: service.failures.counts["rtsp"])
    assert is_waiting(service, client)
    clock.advance(0.1)
    client.wait_for(2)
    assert client.statuses() == ["401", "404"]


def test_being_asked_to_log_in_is_at_once_and_no_failure(service: Service) -> None:
    client = service.client(service.rtsp_address)
    describe(client, None, "")
    client.wait_for(1)
    assert client.statuses() == ["401"]
    assert service.failures.counts == {}


def test_who_leaves_while_waiting_leaves_nothing_behind(service: Service, loop: Loop, clock: HandClock) -> None:
    for address in (service.rtsp_address, service.http_address):
        client = service.client(address)
        if address == service.rtsp_address:
            describe(client, WRONG, "nonce1")
        else:
            challenge = {"realm": "edge_streamer", "nonce": "n"}
            client.send(f"GET {PATH} HTTP/1.1", "Host: cam", f"Authorization: {WRONG.answer(challenge, 'GET', PATH)}")
        turn_until(loop, lambda: service.failures.counts.total())
        service.failures.counts.clear()
        client.close()
        turn_until(loop, lambda: service.rtsp.gate.open == service.http.gate.open == 0)
        clock.advance(5.0)
        loop.turn()
    assert service.rtsp.sessions.counters.responses == {}


def test_http_asks_lets_in_and_makes_a_wrong_password_wait(service: Service, loop: Loop, clock: HandClock) -> None:
    client = service.client(service.http_address)
    client.send(f"GET {PATH} HTTP/1.1", "Host: cam")
    client.wait_for(1)
    challenge = client.challenge()
    client.send(f"GET {PATH} HTTP/1.1", "Host: cam", f"Authorization: {ALICE.answer(challenge, 'GET', PATH, qop=True)}")
    assert client.wait_for(2).endswith(PATH)
    client.send(f"GET {PATH} HTTP/1.1", "Host: cam", f"Authorization: {WRONG.answer(challenge, 'GET', PATH, qop=True)}")
    client.send("GET / HTTP/1.1", "Host: cam", f"Authorization: {ALICE.answer(challenge, 'GET', '/', qop=True)}")
    turn_until(loop, lambda: service.failures.counts["http"])
    for _ in range(20):
        loop.turn(0.001)
    assert client.statuses() == ["401", "200"]
    clock.advance(0.1)
    client.wait_for(4)
    assert client.statuses() == ["401", "200", "401", "200"]
