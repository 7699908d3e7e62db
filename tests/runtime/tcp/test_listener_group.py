"""A group of listeners on loopback whose delegates note what happens to their connections."""

import errno
import socket

import pytest

from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.gate import ConnectionGate
from edge_streamer.runtime.tcp.listener import open_listening_socket
from edge_streamer.runtime.tcp.listener_group import ListenerGroup
from tests.support.loop import turn_until

HOST = "127.0.0.1"


class Delegate:
    def __init__(self, service: "Service", connection: TcpConnection) -> None:
        self.service = service
        self.connection = connection
        self.reason: CloseReason | None = None

    def on_data(self, data: bytes) -> None:
        self.connection.send(data.upper())

    def on_sent_all(self) -> None: ...

    def on_closed(self, reason: CloseReason) -> None:
        self.reason = reason

    def close(self, reason: CloseReason) -> None:
        self.connection.close(reason)


class Service:
    """What owns a group, and its clients."""

    def __init__(self, loop, *, total: int = 8) -> None:
        self.loop = loop
        self.made: list[Delegate] = []
        self.new_delegate = Delegate
        self.group = ListenerGroup(loop, ConnectionGate(total=total, per_address=total), self._new)
        self.clients: list[socket.socket] = []

    def _new(self, connection: TcpConnection) -> Delegate:
        self.made.append(self.new_delegate(self, connection))
        return self.made[-1]

    def connect(self, address: tuple[str, int]) -> socket.socket:
        self.clients.append(socket.create_connection(address, 5.0))
        self.clients[-1].setblocking(False)
        return self.clients[-1]

    def connected(self, address: tuple[str, int]) -> tuple[socket.socket, Delegate]:
        """Return a client and the delegate of its connection."""
        before = len(self.made)
        client = self.connect(address)
        turn_until(self.loop, lambda: len(self.made) > before)
        return client, self.made[-1]

    def close(self) -> None:
        self.group.stop_listening()
        self.group.close_connections(CloseReason.SHUTDOWN)
        for client in self.clients:
            client.close()
        turn_until(self.loop, lambda: not self.group.delegates)


@pytest.fixture
def service(no_descriptor_left, loop):
    made = Service(loop, total=2)
    yield made
    made.close()


def test_connections_of_all_listeners_pass_one_gate(service):
    addresses = [service.group.listen(HOST, 0), service.group.serve_on(open_listening_socket(HOST, 0))]
    delegates = tuple(service.connected(address)[1] for address in addresses)
    for delegate in delegates:
        delegate.connection.set_waiting(False)
    assert service.group.delegates == delegates
    refused = service.connect(addresses[1])
    turn_until(service.loop, lambda: service.group.gate.refused)
    assert refused.recv(1) == b""
    assert (service.group.gate.open, dict(service.group.gate.refused)) == (2, {"total": 1})


def test_a_connection_that_ends_leaves_registry_and_gate(service):
    client, delegate = service.connected(service.group.listen(HOST, 0))
    client.close()
    turn_until(service.loop, lambda: not service.group.delegates)
    assert (service.group.gate.open, delegate.reason) == (0, CloseReason.PEER_CLOSED)


def test_a_service_that_stops_listening_keeps_its_connections(service):
    address = service.group.listen(HOST, 0)
    client, _delegate = service.connected(address)
    service.group.stop_listening()
    with pytest.raises(ConnectionRefusedError):
        service.connect(address)
    client.sendall(b"still here")
    turn_until(service.loop, lambda: service.made[0].connection.sent_bytes)
    assert client.recv(100) == b"STILL HERE"


def test_all_connections_are_closed_with_the_reason(service):
    address = service.group.listen(HOST, 0)
    for _ in range(2):
        service.connected(address)
    service.group.close_connections(CloseReason.SHUTDOWN)
    turn_until(service.loop, lambda: not service.group.delegates)
    assert [delegate.reason for delegate in service.made] == [CloseReason.SHUTDOWN] * 2


def test_a_connection_that_is_handed_over_stays_in_registry_and_gate_until_its_end(service):
    client, delegate = service.connected(service.group.listen(HOST, 0))
    successor = Delegate(service, delegate.connection)
    service.group.hand_over(delegate.connection, successor)
    assert (service.group.delegates, service.group.gate.open) == ((successor,), 1)
    service.group.close_connections(CloseReason.SHUTDOWN)
    turn_until(service.loop, lambda: not service.group.delegates)
    assert (delegate.reason, successor.reason, service.group.gate.open) == (None, CloseReason.SHUTDOWN, 0)
    assert client.recv(1) == b""


def test_a_connection_whose_delegate_cannot_be_made_is_dropped(service):
    def fail(service: Service, connection: TcpConnection) -> Delegate:
        raise OSError("reset meanwhile")

    address = service.group.listen(HOST, 0)
    service.new_delegate = fail
    client = service.connect(address)
    turn_until(service.loop, lambda: service.group.gate.accepted and not service.group.gate.open)
    assert client.recv(1) == b""
    assert service.group.delegates == ()


# --- room for a newcomer


def test_a_connection_that_waits_gives_its_place_to_a_newcomer(service):
    address = service.group.listen(HOST, 0)
    (first, waiting), (_second, served) = service.connected(address), service.connected(address)
    served.connection.set_waiting(False)
    _newcomer, newest = service.connected(address)
    turn_until(service.loop, lambda: waiting.reason)
    assert waiting.reason is CloseReason.LIMIT
    assert first.recv(1) == b""
    assert service.group.delegates == (served, newest)
    assert (service.group.gate.open, dict(service.group.gate.evicted)) == (2, {"total": 1})
    newest.connection.set_waiting(False)
    assert service.connect(address) is not None
    turn_until(service.loop, lambda: service.group.gate.refused)
    assert service.group.delegates == (served, newest)


def test_a_connection_whose_end_is_decided_does_not_wait_again(service):
    address = service.group.listen(HOST, 0)
    _client, delegate = service.connected(address)
    delegate.connection.set_waiting(False)
    delegate.connection.close(CloseReason.LOCAL)
    delegate.connection.set_waiting(True)
    assert service.group.gate._waiting.longest_of(HOST) is None


def test_a_connection_that_lingers_waits(service):
    """Its reply has left and the peer does not close: peers that ask once and stay would fill all places."""
    address = service.group.listen(HOST, 0)
    _client, delegate = service.connected(address)
    delegate.connection.set_waiting(False)
    delegate.connection.close_when_sent(CloseReason.LOCAL)
    assert service.group.gate._waiting.longest_of(HOST) == (HOST, delegate.connection)


def test_a_connection_that_the_kernel_cannot_watch_leaves_nothing(service, monkeypatch):
    def no_memory(*arguments):
        raise OSError(errno.ENOMEM, "epoll_ctl")

    address = service.group.listen(HOST, 0)
    client = service.connect(address)
    monkeypatch.setattr(service.loop, "register", no_memory)
    turn_until(service.loop, lambda: service.group.gate.accepted and not service.group.gate.open)
    assert client.recv(1) == b""
    assert (service.made, service.group.delegates) == ([], ())
