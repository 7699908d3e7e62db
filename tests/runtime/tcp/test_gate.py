"""The gate without sockets: who is admitted, and who makes room."""

import gc
import sys
from collections import Counter

import pytest

from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.gate import ConnectionGate


class Connection:
    """What the gate may close; it leaves when the test says so, as a connection leaves in a later turn."""

    def __init__(self, gate: ConnectionGate, host: str) -> None:
        self.gate = gate
        self.host = host
        self.reasons: list[CloseReason] = []

    def close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Table:
    """A gate and the connections that it has admitted, oldest first."""

    def __init__(self, *, total: int, per_address: int) -> None:
        self.gate = ConnectionGate(total=total, per_address=per_address)
        self.open: list[Connection] = []

    def connect(self, host: str, *, waits: bool = True) -> Connection | None:
        if not self.gate.enter(host):
            return None
        connection = Connection(self.gate, host)
        self.gate.set_waiting(host, connection, waits)
        self.open.append(connection)
        self.next_turn()
        return connection

    def next_turn(self) -> None:
        for connection in [each for each in self.open if each.reasons]:
            self.open.remove(connection)
            self.gate.leave(connection.host, connection)

    @property
    def hosts(self) -> Counter[str]:
        return Counter(connection.host for connection in self.open)


@pytest.fixture
def table() -> Table:
    return Table(total=4, per_address=2)


# --- the limits


def test_the_cap_on_an_address_leaves_room_for_others():
    gate = ConnectionGate(total=4, per_address=2)
    assert [gate.enter(host) for host in ("a", "a", "a", "b", "b", "c")] == [True, True, False, True, True, False]
    assert gate.refused == {"per_address": 1, "total": 1}
    assert (gate.open, gate.accepted) == (4, 4)
    gate.leave("a")
    assert [gate.enter("b"), gate.enter("a")] == [False, True]


def test_the_cap_on_an_address_counts_an_ipv6_network_as_one():
    gate = ConnectionGate(total=9, per_address=2)
    hosts = ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1")
    assert [gate.enter(host) for host in hosts] == [True, True, False, True]
    gate.leave("2001:db8::1")
    assert gate.enter("2001:db8::3")
    for host in hosts[1:]:
        gate.leave(host)
    assert not gate._open


def test_a_gate_keeps_nothing_of_addresses_that_have_left():
    gate = ConnectionGate(total=10_000, per_address=10)
    for number in range(1000):
        assert gate.enter(f"host {number}")
        gate.leave(f"host {number}")
    assert gate.open == 0
    assert not gate._open


# --- who makes room


def test_the_one_that_has_waited_longest_of_the_address_makes_room(table):
    first, second = table.connect("a"), table.connect("a")
    other = table.connect("b")
    assert table.connect("a")
    assert (first.reasons, second.reasons, other.reasons) == ([CloseReason.LIMIT], [], [])
    assert (table.gate.evicted, table.gate.refused) == ({"per_address": 1}, {})


def test_one_that_is_served_does_not_make_room(table):
    first, second = table.connect("a", waits=False), table.connect("a")
    assert table.connect("a", waits=False)
    assert (first.reasons, second.reasons) == ([], [CloseReason.LIMIT])
    assert table.connect("a") is None
    assert (first.reasons, table.gate.refused) == ([], {"per_address": 1})


def test_one_that_was_served_meanwhile_waits_anew(table):
    first, second = table.connect("a"), table.connect("a")
    table.gate.set_waiting("a", first, False)
    table.gate.set_waiting("a", first, True)
    table.gate.set_waiting("a", second, True)  # again: it keeps its place
    table.connect("a")
    assert (first.reasons, second.reasons) == ([], [CloseReason.LIMIT])


def test_a_full_table_takes_from_the_address_that_has_most_waiting(table):
    lonely = table.connect("a")
    busy = [table.connect("b", waits=False), table.connect("b", waits=False)]
    table.gate.per_address = 3
    table.gate.total = 6
    crowd = [table.connect("c") for _ in range(3)]
    assert table.connect("d")
    assert [each.reasons for each in crowd] == [[CloseReason.LIMIT], [], []]
    assert (lonely.reasons, [each.reasons for each in busy]) == ([], [[], []])
    assert table.gate.evicted == {"total": 1}


def test_a_table_full_of_connections_that_are_served_refuses(table):
    served = [table.connect(host, waits=False) for host in "aabb"]
    assert table.connect("c") is None
    assert (table.gate.refused, [each.reasons for each in served]) == ({"total": 1}, [[]] * 4)


def test_a_flood_pushes_out_itself_and_no_other_address():
    table = Table(total=64, per_address=32)
    others = [table.connect(f"other {number}") for number in range(10)]
    for _ in range(1000):
        assert table.connect("flood")
    for _ in range(1000):
        assert table.connect("second flood")
    assert [each.reasons for each in others] == [[]] * 10
    assert table.hosts["flood"] + table.hosts["second flood"] == 54
    assert min(table.hosts["flood"], table.hosts["second flood"]) >= 22
    assert table.connect("newcomer")


def test_several_newcomers_of_one_turn_push_out_one_each(table):
    old = [table.connect("a") for _ in range(2)]
    new = []
    for _ in range(3):
        assert table.gate.enter("a")
        new.append(Connection(table.gate, "a"))
        table.gate.set_waiting("a", new[-1], True)
    assert [len(each.reasons) for each in (*old, *new)] == [1, 1, 1, 0, 0]
    table.open += new
    table.next_turn()
    assert (table.gate.open, table.gate.evicted["per_address"]) == (2, 3)


def test_nothing_is_kept_of_those_that_have_left():
    table = Table(total=20, per_address=3)
    for number in range(500):
        table.connect(f"host {number % 40}", waits=number % 7 != 0)
    for connection in table.open:
        connection.close(CloseReason.LOCAL)
    table.next_turn()
    waiting = table.gate._waiting
    assert (table.gate.open, table.gate._open) == (0, {})
    assert (waiting._of_address, waiting._having, waiting._most) == ({}, {}, 0)
    assert table.gate._evicted == set()
    assert waiting.longest_of_most() is None


def test_a_newcomer_costs_the_same_however_many_wait():
    """Counted in steps of Python: ten thousand waiting connections are no more work than ten."""

    def steps(waiting: int) -> int:
        table = Table(total=waiting, per_address=waiting)
        for number in range(waiting):
            assert table.gate.enter(f"host {number % 5}")
            connection = Connection(table.gate, f"host {number % 5}")
            table.gate.set_waiting(connection.host, connection, True)
        counted = 0

        def count(frame, event, argument):
            nonlocal counted
            counted += 1
            return count

        gc.disable()  # a collection would run the finalizers of other tests in between
        sys.settrace(count)
        try:
            table.gate.enter("newcomer")
        finally:
            sys.settrace(None)
            gc.enable()
        assert table.gate.evicted == {"total": 1}
        return counted

    assert steps(10_000) == steps(10)
