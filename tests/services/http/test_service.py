"""HTTP on a loop turned by hand, over real loopback sockets; what to answer is the test's own."""

import re
from collections.abc import Callable

import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.source.messages import MAX_SNAPSHOT_BYTES
from edge_streamer.runtime.tcp.connection import LINGER_S
from edge_streamer.services.http.access import Refusal
from edge_streamer.services.http.answers import DeferredResponse, Respond
from edge_streamer.services.http.service import DEFERRED_LIMIT_S, HttpService
from edge_streamer.services.http.settings import HttpSettings
from tests.support.loop import pass_time, take_faults, turn_until
from tests.support.peer_client import TextClient

HEAD_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 30.0


class Routes:
    """Answers with the path, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[HttpRequest], HttpResponse | DeferredResponse] = lambda request: HttpResponse(
            200, (), request.path.encode()
        )

    def handle(self, request: HttpRequest) -> HttpResponse | DeferredResponse:
        self.asked.append(request.path)
        return self.answer(request)


class Access:
    """Lets everybody pass unless told what to refuse with."""

    refused: Refusal | None = None

    def admit(self, request: HttpRequest, peer_host: str, now: float) -> HttpRequest | Refusal:
        return self.refused or request


class Client(TextClient):
    """A client of the house's service."""

    def send(self, *lines: str) -> None:
        super().send(*lines, "Host: camera")

    def get(self, path: str) -> None:
        self.send(f"GET {path} HTTP/1.1")

    @property
    def statuses(self) -> list[str]:
        return re.findall(r"HTTP/1.1 (\d+) ", self.read().decode())

    def wait_for(self, *statuses: str) -> None:
        turn_until(self.loop, lambda: self.statuses == list(statuses))


class House:
    """The service and its clients."""

    def __init__(self, loop, clock, max_connections: int) -> None:
        self.loop = loop
        self.clock = clock
        self.routes = Routes()
        self.access = Access()
        settings = HttpSettings(max_connections=max_connections, max_connections_per_address=max_connections)
        self.service = HttpService(loop, self.routes, self.access, settings)
        self.address = self.service.listeners.listen("127.0.0.1", 0)
        self.clients: list[Client] = []

    def client(self, buffer_bytes: int = 0) -> Client:
        self.clients.append(Client(self.loop, self.address, buffer_bytes=buffer_bytes))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.socket.close()
        self.service.close()
        turn_until(self.loop, lambda: self.service.gate.open == 0)


@pytest.fixture
def house(no_descriptor_left, loop, clock):
    made = House(loop, clock, max_connections=3)
    yield made
    made.close()


# --- requests


def test_a_connection_serves_one_request_after_the_other(house):
    client = house.client()
    for number in range(3):
        client.get(f"/{number}")
        client.wait_for(*["200"] * (number + 1))
    assert house.routes.asked == ["/0", "/1", "/2"]
    assert not client.is_closed


def test_pipelined_requests_are_answered_in_order_one_a_turn(house):
    client = house.client()
    client.socket.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: camera\r\n\r\n" % number for number in range(20)))
    for _ in range(5):
        house.loop.turn()
    assert len(house.routes.asked) <= 5
    client.wait_for(*["200"] * 20)
    assert house.routes.asked == [f"/{number}" for number in range(20)]
    assert re.findall(rb"\r\n\r\n(/\d+)", client.received) == [b"/%d" % number for number in range(20)]


def ask_together(house: House, *paths: str) -> list[Client]:
    """Return clients whose requests are all there when the loop turns next."""
    clients = [house.client() for _ in paths]
    turn_until(house.loop, lambda: house.service.gate.open == len(clients))
    for client, path in zip(clients, paths, strict=True):
        client.get(path)
    return clients


def test_requests_of_many_connections_are_answered_one_a_turn(house):
    clients = ask_together(house, "/1", "/2", "/3")
    for client in clients:
        client.get("/again")
    for answered in range(1, 7):
        house.loop.turn()
        assert len(house.routes.asked) == answered
    assert {"/1", "/2", "/3"} < set(house.routes.asked[:4]), "nobody's second request keeps all others waiting"
    for client in clients:
        client.wait_for("200", "200")


def test_an_idle_service_answers_in_the_turn_in_which_it_is_asked(house):
    client = house.client()
    turn_until(house.loop, lambda: house.service.gate.open)
    for number in range(1, 4):
        client.get("/")
        house.loop.turn()
        assert len(house.routes.asked) == number
        house.loop.turn()


def test_who_has_left_is_not_answered_and_costs_no_turn(house):
    clients = dict(zip(("/1", "/2", "/3"), ask_together(house, "/1", "/2", "/3"), strict=True))
    house.loop.turn()
    (first,) = house.routes.asked
    gone, last = sorted(clients.keys() - {first})
    clients[gone].socket.close()
    for _ in range(2):
        house.loop.turn()
        assert house.routes.asked == [first, last]


def test_a_fault_in_a_route_does_not_hold_up_the_queue(house):
    house.routes.answer = lambda request: [][0] if request.path == "/fault" else HttpResponse(200)
    faulty, *healthy = ask_together(house, "/fault", "/1", "/2")
    for client in healthy:
        client.wait_for("200")
    faulty.wait_closed()
    assert take_faults(house.loop) == 1
    assert house.service.gate.open == 2


def test_a_client_that_asks_for_the_end_gets_it_after_the_answer(house):
    client = house.client()
    client.send("GET /last HTTP/1.1", "Connection: close")
    client.wait_closed()
    assert client.statuses == ["200"]
    assert client.received.endswith(b"/last")


def test_a_long_answer_to_a_slow_client_is_not_cut_by_the_end_that_follows(house, clock):
    house.routes.answer = lambda request: HttpResponse(200, (), b"x" * 900_000)
    client = house.client(buffer_bytes=4096)
    client.send("GET /long HTTP/1.1", "Connection: close")
    turn_until(house.loop, lambda: house.routes.asked)
    pass_time(house.loop, clock, 3 * LINGER_S)
    client.wait_closed()
    assert client.received.count(b"x") == 900_000


def test_an_answer_as_large_as_a_snapshot_may_be_arrives_whole(house):
    house.routes.answer = lambda request: HttpResponse(200, (), b"x" * MAX_SNAPSHOT_BYTES)
    client = house.client()
    for count in (1, 2):
        client.get("/picture")
        turn_until(house.loop, lambda count=count: client.read().count(b"x") == count * MAX_SNAPSHOT_BYTES)


def test_a_client_that_asks_and_never_reads_is_closed(house):
    house.routes.answer = lambda request: HttpResponse(200, (), b"x" * 900_000)
    client = house.client(buffer_bytes=4096)
    for _ in range(20):
        client.get("/big")
    turn_until(house.loop, lambda: house.routes.asked and house.service.gate.open == 0)
    assert len(house.routes.asked) < 20


# --- responses that come later


class Later:
    """Defers each response for `/later`, and keeps what takes it."""

    def __init__(self, house: House) -> None:
        self.responds: list[Respond] = []
        house.routes.answer = self.answer

    def answer(self, request: HttpRequest) -> HttpResponse | DeferredResponse:
        if request.path != "/later":
            return HttpResponse(200, (), request.path.encode())
        return DeferredResponse(self.responds.append)


def test_a_response_that_comes_later_keeps_nobody_else_waiting(house):
    later = Later(house)
    slow, quick = house.client(), house.client()
    slow.get("/later")
    turn_until(house.loop, lambda: later.responds)
    quick.get("/1")
    quick.wait_for("200")
    assert slow.statuses == []
    later.responds[0](HttpResponse(200, (), b"at last"))
    slow.wait_for("200")
    assert slow.received.endswith(b"at last")


def test_what_is_pipelined_behind_it_waits(house):
    later = Later(house)
    client = house.client()
    client.get("/later")
    client.get("/1")
    turn_until(house.loop, lambda: later.responds)
    house.loop.turn()
    assert house.routes.asked == ["/later"]
    later.responds[0](HttpResponse(503))
    client.wait_for("503", "200")


def test_a_response_may_come_at_once(house):
    house.routes.answer = lambda request: DeferredResponse(lambda respond: respond(HttpResponse(200)))
    client = house.client()
    client.get("/now")
    client.wait_for("200")


def test_a_response_that_does_not_come_is_given_up(house, clock):
    later = Later(house)
    client = house.client()
    client.get("/later")
    turn_until(house.loop, lambda: later.responds)
    pass_time(house.loop, clock, DEFERRED_LIMIT_S - 0.25)
    assert client.statuses == []
    clock.advance(0.25)
    client.wait_for("504")
    assert b"application/problem+json" in client.received


def test_only_the_first_response_counts_and_a_late_one_answers_no_other_request(house, clock):
    later = Later(house)
    client = house.client()
    client.get("/later")
    turn_until(house.loop, lambda: later.responds)
    pass_time(house.loop, clock, DEFERRED_LIMIT_S)
    client.wait_for("504")
    client.get("/later")
    turn_until(house.loop, lambda: len(later.responds) == 2)
    later.responds[0](HttpResponse(404))
    later.responds[1](HttpResponse(200))
    later.responds[1](HttpResponse(404))
    client.wait_for("504", "200")
    house.loop.turn()
    assert client.statuses == ["504", "200"]


def test_responses_that_come_together_are_sent_one_a_turn(house):
    """A picture that everybody waits for is copied for each, and media waits for the end of the turn."""
    later = Later(house)
    clients = ask_together(house, *["/later"] * 3)
    turn_until(house.loop, lambda: len(later.responds) == 3)
    for respond in later.responds:
        respond(HttpResponse(200))
    for answered in range(1, 4):
        house.loop.turn()
        assert sum(len(client.statuses) for client in clients) == answered


def test_who_leaves_before_the_response_is_not_answered(house, clock):
    later = Later(house)
    client = house.client()
    client.get("/later")
    turn_until(house.loop, lambda: later.responds)
    client.socket.close()
    turn_until(house.loop, lambda: house.service.gate.open == 0)
    later.responds[0](HttpResponse(200))
    pass_time(house.loop, clock, DEFERRED_LIMIT_S)


def test_a_fault_in_beginning_ends_that_connection_only(house):
    house.routes.answer = lambda request: DeferredResponse(lambda respond: [][0])
    client, other = house.client(), house.client()
    client.get("/fault")
    client.wait_closed()
    assert take_faults(house.loop) == 1
    house.routes.answer = lambda request: HttpResponse(200)
    other.get("/")
    other.wait_for("200")


# --- refusals


def test_a_refusal_comes_when_it_is_time_and_nothing_behind_it_before(house, clock):
    house.access.refused = Refusal(HttpResponse(401), delay_s=2.0)
    client = house.client()
    client.get("/secret")
    client.get("/another")
    for _ in range(3):
        house.loop.turn()
    pass_time(house.loop, clock, 1.75)
    assert (client.statuses, house.routes.asked) == ([], [])
    house.access.refused = None
    clock.advance(0.25)
    client.wait_for("401", "200")
    assert house.routes.asked == ["/another"]


def test_who_leaves_before_the_refusal_is_not_waited_for(house, clock):
    house.access.refused = Refusal(HttpResponse(401), delay_s=2.0)
    client = house.client()
    client.get("/secret")
    pass_time(house.loop, clock, 1.0)
    client.socket.close()
    pass_time(house.loop, clock, 2.0)
    assert house.service.gate.open == 0


# --- time


def test_a_client_that_says_nothing_is_told_and_hung_up_on(house, clock):
    client = house.client()
    house.loop.turn()
    pass_time(house.loop, clock, IDLE_TIMEOUT_S + LINGER_S)
    client.wait_closed()


def test_a_head_that_trickles_in_is_answered_408(house, clock):
    client = house.client()
    client.socket.sendall(b"GET / HT")
    house.loop.turn()
    house.loop.turn()
    pass_time(house.loop, clock, HEAD_TIMEOUT_S - 0.25)
    assert client.statuses == []
    pass_time(house.loop, clock, 0.5)
    client.wait_closed()
    assert client.statuses == ["408"]


def test_an_idle_connection_is_kept_between_requests_and_then_hung_up_on(house, clock):
    client = house.client()
    client.get("/1")
    client.wait_for("200")
    pass_time(house.loop, clock, IDLE_TIMEOUT_S - 1)
    client.get("/2")
    client.wait_for("200", "200")
    pass_time(house.loop, clock, IDLE_TIMEOUT_S - 1)
    assert client.read() is not None
    assert not client.is_closed
    pass_time(house.loop, clock, 3)
    client.wait_closed()


# --- what goes wrong


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"RTSP/1.0 200 OK\r\n\r\n", b"\r\r\r\r"]
)
def test_what_is_no_http_is_hung_up_on(house, clock, garbage):
    client = house.client()
    client.socket.sendall(garbage + b"\r\n\r\n")
    client.wait_closed()
    assert house.routes.asked == []


def test_a_fault_in_a_route_ends_that_connection_and_no_other(house):
    faulty, healthy = house.client(), house.client()
    house.routes.answer = lambda request: [][0] if request.path == "/fault" else HttpResponse(200)
    faulty.get("/fault")
    faulty.wait_closed()
    healthy.get("/fine")
    healthy.wait_for("200")
    assert take_faults(house.loop) == 1


def test_more_connections_than_allowed_are_hung_up_on_and_counted(house):
    house.routes.answer = lambda request: DeferredResponse(lambda respond: responds.append(respond))
    responds: list[Respond] = []
    clients = [house.client() for _ in range(3)]
    for client in clients:
        client.get("/")
    turn_until(house.loop, lambda: len(responds) == 3)
    house.client().wait_closed()
    assert house.service.gate.refused == {"total": 1}
    clients[0].socket.close()
    turn_until(house.loop, lambda: house.service.gate.open == 2)
    late = house.client()
    late.get("/")
    turn_until(house.loop, lambda: len(responds) == 4)
    for respond in responds[1:]:
        respond(HttpResponse(200, (), b"at last"))
    for client in (*clients[1:], late):
        client.wait_for("200")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: camera\r\nContent-Length: 9\r\n\r\nab"])
def test_a_connection_whose_request_is_not_complete_makes_room(house, sent):
    clients = [house.client() for _ in range(3)]
    for client in clients:
        client.socket.sendall(sent)
    pass_time(house.loop, house.clock, 0.5)
    late = house.client()
    clients[0].wait_closed()
    late.get("/")
    late.wait_for("200")
    assert (house.service.gate.refused, house.service.gate.evicted) == ({}, {"total": 1})
    assert not clients[1].is_closed


def test_the_one_that_was_answered_last_is_the_last_to_make_room(house):
    clients = [house.client() for _ in range(3)]
    house.loop.turn()
    clients[0].get("/")
    clients[0].wait_for("200")
    house.client()
    clients[1].wait_closed()
    clients[0].get("/")
    clients[0].wait_for("200", "200")


def test_a_slow_reader_of_a_large_answer_makes_no_room_until_it_has_it(house):
    size_bytes = 8 << 20
    house.routes.answer = lambda request: HttpResponse(200, (), bytes(size_bytes))
    slow = house.client(buffer_bytes=4096)
    slow.get("/snapshot")
    turn_until(house.loop, lambda: house.routes.asked)
    for _ in range(6):
        house.client()
        house.loop.turn()
    assert house.service.gate.evicted == {"total": 4}
    turn_until(house.loop, lambda: len(slow.read()) > size_bytes)
    for _ in range(3):
        house.client()
        house.loop.turn()
    slow.wait_closed()


def test_a_wrong_password_holds_no_place_for_its_delay(house):
    house.access.refused = Refusal(HttpResponse(401), 5.0)
    clients = [house.client() for _ in range(3)]
    for client in clients:
        client.get("/")
    for _ in range(8):
        house.loop.turn()
    house.access.refused = None
    late = house.client()
    late.get("/")
    late.wait_for("200")
    assert house.service.gate.evicted == {"total": 1}


def test_one_that_does_not_close_after_its_last_answer_makes_room(house):
    clients = [house.client() for _ in range(3)]
    for client in clients:
        client.send("GET / HTTP/1.1", "Connection: close")
        client.wait_for("200")
    late = house.client()
    late.get("/")
    late.wait_for("200")
    assert house.service.gate.evicted == {"total": 1}


def test_close_hangs_up_on_everybody(house):
    clients = [house.client() for _ in range(3)]
    clients[0].get("/")
    clients[0].wait_for("200")
    house.service.close()
    for client in clients:
        client.wait_closed()
    assert house.service.gate.open == 0
