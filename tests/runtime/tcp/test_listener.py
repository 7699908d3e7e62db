import errno
import os
import resource
import socket

import pytest

from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.gate import ConnectionGate
from edge_streamer.runtime.tcp.listener import (
    ACCEPTS_A_TURN,
    PAUSE_S,
    TcpListener,
    open_listening_socket,
)
from tests.support.loop import open_descriptors, take_faults, turn_until
from tests.support.tcp_pair import reset


class Server:
    """A listener that keeps what it accepted, and clients that connect to it."""

    def __init__(
        self, loop, host: str = "127.0.0.1", *, total: int = 1000, per_address: int = 1000, listening=None
    ) -> None:
        self.gate = ConnectionGate(total=total, per_address=per_address)
        self.accepted: list[socket.socket] = []
        self.clients: list[socket.socket] = []
        self.on_accepted = self.accepted.append
        listening = listening or open_listening_socket(host, 0)
        self.listener = TcpListener(loop, listening, self.gate, lambda accepted: self.on_accepted(accepted))

    def connect(self, count: int = 1) -> None:
        for _ in range(count):
            self.clients.append(socket.create_connection(self.listener.address[:2]))
            self.clients[-1].setblocking(False)

    def close(self) -> None:
        self.listener.close()
        for end in (*self.accepted, *self.clients):
            end.close()


@pytest.fixture
def serve(loop):
    """Return a function that makes servers, closed after the test."""
    servers = []

    def make(*arguments, **limits) -> Server:
        servers.append(Server(loop, *arguments, **limits))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def server(serve):
    return serve()


@pytest.fixture
def fill_descriptor_table():
    """Return a function after which no descriptor can be opened but in the place of one that closes."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def fill() -> None:
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))

    yield fill
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def allow_descriptors() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def is_hung_up(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


# --- accepting


def test_what_waits_is_accepted_a_bounded_batch_a_turn(loop, server):
    server.connect(ACCEPTS_A_TURN + 10)
    loop.turn()
    assert len(server.accepted) == ACCEPTS_A_TURN
    loop.turn()
    assert len(server.accepted) == ACCEPTS_A_TURN + 10
    assert server.gate.open == server.gate.accepted == ACCEPTS_A_TURN + 10


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_either_family_is_listened_on(loop, serve, host):
    server = serve(host)
    server.connect()
    turn_until(loop, lambda: server.accepted)
    assert server.listener.address[0] == host


def test_both_families_may_have_the_same_port(loop):
    gate, accepted = ConnectionGate(total=10, per_address=10), []
    any_v4 = TcpListener(loop, open_listening_socket("0.0.0.0", 0), gate, accepted.append)
    any_v6 = TcpListener(loop, open_listening_socket("::", any_v4.address[1]), gate, accepted.append)
    clients = [socket.create_connection((host, any_v4.address[1])) for host in ("127.0.0.1", "::1")]
    turn_until(loop, lambda: len(accepted) == 2)
    assert {end.family for end in accepted} == {socket.AF_INET, socket.AF_INET6}
    for end in (any_v4, any_v6, *accepted, *clients):
        end.close()


def test_an_address_that_is_taken_cannot_be_had(loop, server):
    with pytest.raises(OSError, match="in use"):
        TcpListener(
            loop, open_listening_socket("127.0.0.1", server.listener.address[1]), server.gate, server.accepted.append
        )


def test_a_link_local_address_is_looked_for_at_the_interface_of_its_zone():
    with pytest.raises(OSError, match="Cannot assign requested address"):  # "Invalid argument" if the zone was lost
        open_listening_socket("fe80::1%lo", 0)


def test_who_waited_at_a_socket_of_somebody_else_is_served(loop):
    gate, accepted = ConnectionGate(total=10, per_address=10), []
    given = open_listening_socket("127.0.0.1", 0)
    early = socket.create_connection(given.getsockname())
    adopted = TcpListener(loop, given, gate, accepted.append)
    turn_until(loop, lambda: accepted)
    adopted.close()
    for end in (*accepted, early):
        end.close()


def test_closing_leaves_the_socket_to_whoever_else_has_it(loop):
    given = open_listening_socket("127.0.0.1", 0)
    theirs = given.dup()  # systemd keeps one, and its queue, while the service restarts
    TcpListener(loop, given, ConnectionGate(total=10, per_address=10), lambda _accepted: None).close()
    client = socket.create_connection(theirs.getsockname())
    for end in (theirs, client):
        end.close()


def test_a_closed_listener_refuses(loop, server):
    address = server.listener.address
    server.listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


# --- the gate


def test_the_cap_on_all_connections_is_counted_and_refused_peers_are_hung_up_on(loop, serve):
    server = serve(total=3)
    server.connect(5)
    loop.turn()
    assert len(server.accepted) == 3
    assert server.gate.refused == {"total": 2}
    turn_until(loop, lambda: [is_hung_up(client) for client in server.clients] == [False] * 3 + [True] * 2)
    server.gate.leave("127.0.0.1")
    server.connect()
    loop.turn()
    assert len(server.accepted) == 4


def test_one_gate_counts_over_all_listeners(loop, server):
    other = TcpListener(loop, open_listening_socket("127.0.0.1", 0), server.gate, server.accepted.append)
    server.gate.total = 1
    server.connect()
    client = socket.create_connection(other.address)
    for _ in range(2):
        loop.turn()
    assert len(server.accepted) == 1
    assert server.gate.refused == {"total": 1}
    client.close()
    other.close()


# --- what goes wrong


def test_a_peer_gone_before_it_was_accepted_does_not_keep_the_next_one_waiting(loop):
    errors = [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EPERM]

    class Aborting(socket.socket):
        def accept(self):
            if errors:
                raise OSError(errors.pop(), "gone")
            return super().accept()

    server = Server(loop, listening=Aborting(fileno=open_listening_socket("127.0.0.1", 0).detach()))
    server.connect(2)
    loop.turn()
    assert len(server.accepted) == 2
    server.close()


@pytest.mark.parametrize(("error", "faults"), [(OSError(errno.ENOTCONN, "reset"), 0), (ValueError("our own"), 1)])
def test_a_connection_that_cannot_be_made_is_closed_and_counted_out(loop, server, error, faults):
    keep = server.on_accepted
    refused = []

    def fail_once(accepted: socket.socket) -> None:
        refused.append(accepted)
        server.on_accepted = keep
        raise error

    server.on_accepted = fail_once
    server.connect(2)
    turn_until(loop, lambda: server.accepted)
    assert refused[0].fileno() == -1
    assert server.gate.open == 1
    assert take_faults(loop) == faults


def test_a_full_descriptor_table_drops_one_peer_pauses_and_resumes(loop, clock, server, fill_descriptor_table):
    server.connect(5)
    fill_descriptor_table()
    loop.turn()
    assert server.accepted == []
    assert server.gate.refused == {"descriptors": 1}
    turn_until(loop, lambda: [is_hung_up(client) for client in server.clients] == [True] + [False] * 4)
    for _ in range(10):
        loop.turn()
    assert server.gate.refused == {"descriptors": 1}, "a paused listener does not spin"
    clock.advance(PAUSE_S)
    loop.turn()
    loop.turn()
    assert server.gate.refused == {"descriptors": 2}
    allow_descriptors()
    clock.advance(PAUSE_S)
    loop.turn()
    turn_until(loop, lambda: len(server.accepted) == 3)
    assert server.gate.open == 3


def test_a_table_that_is_full_twice_finds_the_spare_descriptor_again(loop, clock, server, fill_descriptor_table):
    for dropped in (1, 2):
        server.connect(2)
        fill_descriptor_table()
        loop.turn()
        assert server.gate.refused == {"descriptors": dropped}
        allow_descriptors()
        clock.advance(PAUSE_S)
        turn_until(loop, lambda dropped=dropped: len(server.accepted) == dropped)


def test_a_listener_closed_in_its_pause_stays_closed(loop, clock, server, fill_descriptor_table):
    server.connect(2)
    fill_descriptor_table()
    loop.turn()
    allow_descriptors()
    server.listener.close()
    before = open_descriptors()
    clock.advance(PAUSE_S)
    loop.turn()
    loop.turn()
    assert server.accepted == []
    assert open_descriptors() == before


def test_two_thousand_peers_that_connect_and_reset_leave_nothing(loop, server):
    """Descriptors are counted by the fixture of all these tests."""

    class Delegate:
        def on_data(self, data: bytes) -> None: ...

        def on_sent_all(self) -> None: ...

        def on_closed(self, reason: CloseReason) -> None:
            server.gate.leave("127.0.0.1")

    server.on_accepted = lambda accepted: TcpConnection(loop, accepted, lambda connection: Delegate())
    for number in range(2000):
        reset(socket.create_connection(server.listener.address))
        if number % 20 == 0:
            loop.turn()
    turn_until(loop, lambda: server.gate.accepted == 2000 and server.gate.open == 0)
    assert server.gate.refused == {}
