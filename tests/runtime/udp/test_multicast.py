"""A group on the loopback device, with listeners that have joined it."""

import errno
import logging
import socket
from dataclasses import dataclass, replace

import pytest

from edge_streamer.runtime.udp import multicast
from edge_streamer.runtime.udp.multicast import MulticastGroup
from tests.support.loop import open_descriptors, take_faults, turn_until
from tests.support.rtsp.multicast import Listener, own_group


@dataclass(frozen=True)
class Run:
    """Packets of `segment_bytes`, the last one shorter."""

    image: bytes
    segment_bytes: int
    packet_count: int


RUN = Run(b"a" * 1200 + b"b" * 1200 + b"c" * 345, 1200, 3)
PACKETS = [b"a" * 1200, b"b" * 1200, b"c" * 345]


class Sender:
    """A started group and what it told."""

    def __init__(self, loop, **changes) -> None:
        self.group = MulticastGroup(replace(own_group(), **changes))
        self.heard: list[tuple[bytes, str]] = []
        self.failed = 0
        self.take = lambda packet, host: self.heard.append((packet, host))
        self.group.start(loop, lambda packet, host: self.take(packet, host), self._on_failed)

    def _on_failed(self) -> None:
        self.failed += 1


@pytest.fixture
def new_sender(loop):
    """Return a function that makes senders, closed after the test."""
    made = []

    def make(**changes) -> Sender:
        made.append(Sender(loop, **changes))
        return made[-1]

    yield make
    for sender in made:
        sender.group.close()


@pytest.fixture
def sender(new_sender):
    return new_sender()


@pytest.fixture
def listener():
    with Listener(own_group()) as listener:
        yield listener


@pytest.fixture
def refuse(monkeypatch):
    """Return a list: while an error number is in it, the group's sockets raise that for everything they send."""
    make = multicast.datagram_socket
    numbers: list[int] = []

    class Refusing(socket.socket):
        def sendmsg(self, *arguments) -> int:
            self._refuse()
            return super().sendmsg(*arguments)

        def sendto(self, *arguments) -> int:
            self._refuse()
            return super().sendto(*arguments)

        def _refuse(self) -> None:
            if numbers:
                raise OSError(numbers[0], "refused")

    monkeypatch.setattr(multicast, "datagram_socket", lambda host: Refusing(fileno=make(host).detach()))
    return numbers


# --- sending


def test_everybody_gets_every_packet_of_a_run(sender, listener):
    with Listener(own_group()) as other:
        assert sender.group.send_runs([RUN])
        assert listener.received() == PACKETS
        assert other.received() == PACKETS
    assert (sender.group.sender.sent_packets, sender.group.sender.sent_bytes) == (3, 2745)


def test_nobody_listens_and_it_is_sent_all_the_same(sender):
    for _ in range(3):
        assert sender.group.send_runs([RUN])
    assert sender.group.sender.sent_packets == 9


@pytest.mark.parametrize("ttl", [1, 5, 255])
def test_packets_live_as_long_as_they_are_told(new_sender, listener, ttl):
    group = new_sender(ttl=ttl).group
    group.send_runs([RUN])
    group.send_rtcp(b"a sender report")
    assert {left for _packet, _source, left in (*listener.received_from(0), *listener.received_from(1))} == {ttl}


def test_rtcp_leaves_from_the_port_that_it_goes_to(sender, listener):
    sender.group.send_rtcp(b"a sender report")
    ((packet, source, _ttl),) = listener.received_from(1)
    assert (packet, source[1]) == (b"a sender report", own_group().ports[1])


def test_what_the_send_buffer_does_not_take_is_lost_in_silence(refuse, sender, listener, caplog):
    refuse.append(errno.EAGAIN)
    assert not sender.group.send_runs([RUN])
    sender.group.send_rtcp(b"a sender report")
    assert (listener.received(0), listener.received(1)) == ([], [])
    assert caplog.messages == []


def test_a_link_that_is_down_is_told_once_and_is_no_end(refuse, sender, listener, caplog):
    refuse.append(errno.ENETUNREACH)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert not sender.group.send_runs([RUN])
            sender.group.send_rtcp(b"a sender report")
    assert len(caplog.messages) == 1
    refuse.clear()
    assert sender.group.send_runs([RUN])
    assert listener.received() == PACKETS
    assert sender.failed == 0


# --- hearing


def test_what_is_reported_to_the_group_is_heard_with_its_host(loop, sender, listener):
    listener.report(b"report 1")
    listener.report(b"report 2")
    turn_until(loop, lambda: len(sender.heard) == 2)
    assert sender.heard == [(b"report 1", "127.0.0.1"), (b"report 2", "127.0.0.1")]


def test_our_own_reports_come_back(loop, sender):
    sender.group.send_rtcp(b"a sender report")
    turn_until(loop, lambda: sender.heard)
    assert sender.heard[0][0] == b"a sender report"


def test_what_is_sent_to_this_machine_alone_is_not_heard(loop, sender, listener):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"not to the group", ("127.0.0.1", own_group().ports[1]))
    listener.report(b"report")
    turn_until(loop, lambda: sender.heard)
    assert [packet for packet, _host in sender.heard] == [b"report"]


def test_another_group_is_not_heard(loop, sender, new_sender, listener):
    other = new_sender(host=own_group(1).host)
    with Listener(replace(own_group(), host=own_group(1).host)) as theirs:
        theirs.report(b"theirs")
        other.group.send_runs([RUN])
        turn_until(loop, lambda: other.heard)
        assert theirs.received() == PACKETS
    assert (sender.heard, listener.received()) == ([], [])


def test_a_readiness_that_was_none_is_nothing(sender):
    multicast._ReportReader(sender.group._rtcp, sender.take, sender._on_failed).on_readable()
    assert sender.heard == []


def test_a_fault_in_what_takes_rtcp_is_told_and_ends_the_hearing(loop, sender, listener):
    sender.take = lambda packet, host: [][0]
    listener.report(b"report")
    turn_until(loop, lambda: sender.failed)
    listener.report(b"report")
    for _ in range(3):
        loop.turn()
    assert (sender.failed, take_faults(loop)) == (1, 1)


# --- begin and end


def test_two_senders_share_the_ports_of_one_group(new_sender, listener):
    """A stream that replaces another may begin before the last session of the old one has ended."""
    first, second = new_sender(), new_sender()
    first.group.send_runs([RUN])
    second.group.send_runs([RUN])
    assert listener.received() == [*PACKETS, *PACKETS]


def test_after_the_end_nothing_is_told(loop, sender, listener):
    listener.report(b"late")
    sender.group.close()
    sender.group.close()
    for _ in range(3):
        loop.turn()
    assert sender.heard == []


def test_a_group_that_was_never_started_can_be_closed():
    before = open_descriptors()
    group = MulticastGroup(own_group())
    assert len(open_descriptors() - before) == 2
    group.close()
    assert open_descriptors() == before


@pytest.mark.parametrize("changes", [{"interface": "no-such-device"}, {"ttl": 256}, {"host": "192.0.2.1"}])
def test_what_cannot_be_opened_leaves_no_socket(changes):
    with pytest.raises(OSError):
        MulticastGroup(replace(own_group(), **changes))


def test_a_second_socket_that_cannot_be_had_leaves_no_first(monkeypatch):
    make, made = multicast.datagram_socket, []

    def only_one(host: str) -> socket.socket:
        if made:
            raise OSError(errno.EMFILE, "too many open files")
        made.append(make(host))
        return made[0]

    monkeypatch.setattr(multicast, "datagram_socket", only_one)
    with pytest.raises(OSError, match="too many"):
        MulticastGroup(own_group())
    assert made[0].fileno() == -1
