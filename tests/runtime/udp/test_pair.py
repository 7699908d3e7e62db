"""UDP pairs on a loopback address of their own, so that no other program's ports are in the way."""

import errno
import socket
from dataclasses import dataclass

import pytest

from edge_streamer.runtime.udp import pair as udp
from edge_streamer.runtime.udp.pair import NoPortLeftError, UdpPair, UdpPortRange
from tests.support.loop import pass_time, take_faults, turn_until
from tests.support.loopback import own_host

HOST = own_host(3)
FIRST = 40000


@dataclass(frozen=True)
class Run:
    """Packets of `segment_bytes`, each of one letter of its own."""

    image: bytes
    segment_bytes: int
    packet_count: int

    @classmethod
    def of(cls, *sizes: int) -> "Run":
        image = b"".join(bytes([65 + number]) * size for number, size in enumerate(sizes))
        return cls(image, sizes[0], len(sizes))


REPORT = b"a report on this very stream"


def is_report(packet: bytes) -> bool:
    return packet == REPORT


class Client:
    """The client's two ports."""

    def __init__(self, host: str = HOST, ports: tuple[int, int] = (0, 0)) -> None:
        self.host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.rtp, self.rtcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        for end, port in zip((self.rtp, self.rtcp), ports, strict=True):
            end.bind((host, port))
            end.setblocking(False)

    @property
    def ports(self) -> tuple[int, int]:
        return self.rtp.getsockname()[1], self.rtcp.getsockname()[1]

    @property
    def address(self) -> tuple:
        return (self.host, 0, 0, 0) if ":" in self.host else (self.host, 0)

    def received(self) -> list[bytes]:
        datagrams = []
        try:
            while True:
                datagrams.append(self.rtp.recv(65535))
        except BlockingIOError:
            return datagrams

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class Session:
    """A started pair and what it told."""

    def __init__(self, loop, client: Client, ports: UdpPortRange | None = None) -> None:
        self.client = client
        self.rtcp: list[bytes] = []
        self.gone = self.failed = 0
        ports = ports or UdpPortRange(FIRST, FIRST + 99)
        self.pair = UdpPair(ports, client.address, client.address, client.ports, is_report)
        self.pair.start(loop, lambda packet: self.take_rtcp(packet), self._on_gone, self._on_failed)
        self.take_rtcp = self.rtcp.append

    def _on_gone(self) -> None:
        self.gone += 1

    def _on_failed(self) -> None:
        self.failed += 1

    def close(self) -> None:
        self.client.close()
        self.pair.close()


@pytest.fixture
def open_session(loop):
    """Return a function that makes sessions, closed after the test."""
    sessions = []

    def make(host: str = HOST, **arguments) -> Session:
        sessions.append(Session(loop, Client(host), **arguments))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def session(open_session):
    return open_session()


@pytest.fixture
def refuse(monkeypatch):
    """Return a function that has the pair's sockets raise an error number: for `sendmsg`, or for the nth `send`."""
    make = udp._unbound_socket
    faults = {"sendmsg": 0, "send": {}, "sendmsg calls": 0, "send calls": 0}

    class Refusing(socket.socket):
        def sendmsg(self, *arguments) -> int:
            faults["sendmsg calls"] += 1
            if faults["sendmsg"]:
                raise OSError(faults["sendmsg"], "refused")
            return super().sendmsg(*arguments)

        def send(self, *arguments) -> int:
            faults["send calls"] += 1
            number = faults["send"].get(faults["send calls"], 0)
            if number:
                raise OSError(number, "refused")
            return super().send(*arguments)

    monkeypatch.setattr(udp, "_unbound_socket", lambda host: Refusing(fileno=make(host).detach()))
    return faults


# --- ports


def test_ports_are_an_even_one_and_the_next(session):
    rtp, rtcp = session.pair.server_ports
    assert rtp % 2 == 0
    assert rtcp == rtp + 1
    assert FIRST <= rtp < FIRST + 100


def test_ports_are_taken_in_turn(open_session):
    ports = UdpPortRange(FIRST, FIRST + 5)
    taken = []
    for _ in range(4):
        session = open_session(ports=ports)
        taken.append(session.pair.server_ports[0] - FIRST)
        session.pair.close()
    assert taken == [0, 2, 4, 0]


def test_a_pair_of_which_one_port_is_taken_is_passed_over(open_session):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, FIRST + 1))
        assert open_session(ports=UdpPortRange(FIRST, FIRST + 3)).pair.server_ports == (FIRST + 2, FIRST + 3)


def test_no_port_left_is_an_error_of_its_own_until_one_is_freed(open_session):
    ports = UdpPortRange(FIRST, FIRST + 3)
    first, second = open_session(ports=ports), open_session(ports=ports)
    client = Client()
    for _ in range(2):
        with pytest.raises(NoPortLeftError, match="all 2 UDP port pairs"):
            UdpPair(ports, client.address, client.address, client.ports, is_report)
    client.close()
    first.pair.close()
    assert open_session(ports=ports).pair.server_ports == (FIRST, FIRST + 1)
    assert second.pair.server_ports == (FIRST + 2, FIRST + 3)


def test_an_odd_first_port_begins_at_the_next_even_one(open_session):
    assert open_session(ports=UdpPortRange(FIRST + 1, FIRST + 4)).pair.server_ports == (FIRST + 2, FIRST + 3)


def test_an_address_that_is_not_ours_is_an_error_and_leaves_no_socket():
    client = Client()
    with pytest.raises(OSError, match="assign"):
        UdpPair(UdpPortRange(FIRST, FIRST + 9), ("192.0.2.1", 0), client.address, client.ports, is_report)
    client.close()


def test_a_second_socket_that_cannot_be_had_leaves_no_first(monkeypatch):
    make, made = udp._unbound_socket, []

    def only_one(host: str) -> socket.socket:
        if made:
            raise OSError(errno.EMFILE, "too many open files")
        made.append(make(host))
        return made[0]

    monkeypatch.setattr(udp, "_unbound_socket", only_one)
    client = Client()
    with pytest.raises(OSError, match="too many"):
        UdpPair(UdpPortRange(FIRST, FIRST + 9), client.address, client.address, client.ports, is_report)
    client.close()
    assert made[0].fileno() == -1


# --- sending


@pytest.mark.parametrize("host", [HOST, "::1"], ids=["IPv4", "IPv6"])
def test_a_run_arrives_as_datagrams_of_its_segments(open_session, host):
    session = open_session(host)
    sizes = [1200, 1200, 1200, 345]
    assert session.pair.send_runs([Run.of(100), Run.of(*sizes)])
    received = session.client.received()
    assert [len(datagram) for datagram in received] == [100, *sizes]
    assert [datagram[:1] * len(datagram) for datagram in received] == received
    assert (session.pair.sender.sent_packets, session.pair.sender.sent_bytes) == (5, 100 + sum(sizes))


def test_a_run_costs_one_system_call(refuse, session):
    session.pair.send_runs([Run.of(*[1200] * 40)])
    assert (refuse["sendmsg calls"], refuse["send calls"]) == (1, 0)
    assert len(session.client.received()) == 40


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL, errno.EMSGSIZE])
def test_without_segmentation_packets_go_one_by_one_and_that_is_remembered(refuse, session, number):
    refuse["sendmsg"] = number
    for _ in range(2):
        assert session.pair.send_runs([Run.of(1200, 1200, 300)])
        assert [len(datagram) for datagram in session.client.received()] == [1200, 1200, 300]
    assert refuse["sendmsg calls"] == 1
    assert (session.pair.sender.sent_packets, session.pair.sender.sent_bytes) == (6, 5400)
    assert session.gone == 0


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS])
def test_what_the_send_buffer_does_not_take_is_lost_and_not_counted(refuse, session, number):
    refuse["sendmsg"] = number
    assert not session.pair.send_runs([Run.of(1200, 1200, 300), Run.of(50)])
    assert session.pair.sender.sent_packets == 1
    assert session.client.received() == [b"A" * 50]
    assert session.gone == 0


def test_a_run_lost_halfway_counts_what_left(refuse, session):
    refuse["sendmsg"] = errno.EIO
    refuse["send"] = {3: errno.EAGAIN}
    assert not session.pair.send_runs([Run.of(1200, 1200, 1200, 300)])
    assert session.pair.sender.sent_packets == 2
    assert session.pair.sender.sent_bytes == 2400


def test_rtcp_leaves_from_the_odd_port(session):
    session.pair.send_rtcp(b"a sender report")
    packet, source = session.client.rtcp.recvfrom(100)
    assert packet == b"a sender report"
    assert source == (HOST, session.pair.server_ports[1])


def test_a_report_that_finds_the_buffer_full_is_lost_quietly(loop, refuse, session):
    session.client.rtcp.sendto(b"report", (HOST, session.pair.server_ports[1]))
    turn_until(loop, lambda: session.rtcp)  # connected by then
    refuse["send"] = {1: errno.EAGAIN}
    session.pair.send_rtcp(b"a sender report")
    assert (session.gone, refuse["send calls"]) == (0, 1)


# --- receiving


def test_what_the_client_sends_to_the_rtcp_port_is_handed_on(loop, session):
    rtp, rtcp = session.pair.server_ports
    session.client.rtp.sendto(b"opens a firewall", (HOST, rtp))
    session.client.rtcp.sendto(b"report 1", (HOST, rtcp))
    session.client.rtcp.sendto(b"report 2", (HOST, rtcp))
    turn_until(loop, lambda: len(session.rtcp) == 2)
    assert session.rtcp == [b"report 1", b"report 2"]


def test_no_other_host_is_heard(loop, session):
    stranger = Client(own_host(6))
    stranger.rtcp.sendto(b"not yours", (HOST, session.pair.server_ports[1]))
    session.client.rtcp.sendto(b"mine", (HOST, session.pair.server_ports[1]))
    turn_until(loop, lambda: session.rtcp)
    stranger.close()
    assert session.rtcp == [b"mine"]


# --- a NAT has replaced the client's ports


@pytest.fixture
def translated():
    """The ports that a NAT has given the client."""
    ends = Client()
    yield ends
    ends.close()


def server(session: Session, port: int) -> tuple:
    return (session.client.host, session.pair.server_ports[port])


@pytest.mark.parametrize("host", [HOST, "::1"], ids=["IPv4", "IPv6"])
def test_media_and_reports_go_where_the_client_sends_from(loop, open_session, host):
    session, translated = open_session(host), Client(host)
    translated.rtp.sendto(b"punch", server(session, 0))
    translated.rtcp.sendto(b"punch", server(session, 1))
    turn_until(loop, lambda: session.rtcp)
    session.pair.send_rtcp(b"a sender report")
    session.pair.send_runs([Run.of(1200, 300)])
    session.pair.send_rtcp(b"another")
    assert [len(datagram) for datagram in translated.received()] == [1200, 300]
    assert [translated.rtcp.recv(100) for _ in range(2)] == [b"a sender report", b"another"]
    assert session.client.received() == []
    translated.close()


def test_a_datagram_that_came_with_play_and_was_not_read_yet_counts(session, translated):
    translated.rtp.sendto(b"punch", server(session, 0))
    session.pair.send_runs([Run.of(100)])
    assert (translated.received(), session.client.received()) == ([b"A" * 100], [])


def test_each_port_is_latched_on_its_own(loop, session, translated):
    translated.rtcp.sendto(b"punch", server(session, 1))
    turn_until(loop, lambda: session.rtcp)
    session.pair.send_runs([Run.of(100)])
    session.pair.send_rtcp(b"a sender report")
    assert session.client.received() == [b"A" * 100]
    assert translated.rtcp.recv(100) == b"a sender report"


def test_the_announced_port_wins_over_a_stray_datagram(loop, session, translated):
    translated.rtp.sendto(b"stray", server(session, 0))
    for _ in range(3):
        loop.turn(0.002)
    session.client.rtp.sendto(b"punch", server(session, 0))
    translated.rtp.sendto(b"stray", server(session, 0))
    session.pair.send_runs([Run.of(100)])
    assert (translated.received(), session.client.received()) == ([], [b"A" * 100])


def test_the_first_of_two_other_ports_counts(session, translated):
    second = Client()
    translated.rtp.sendto(b"punch", server(session, 0))
    second.rtp.sendto(b"stray", server(session, 0))
    session.pair.send_runs([Run.of(100)])
    assert (translated.received(), second.received()) == ([b"A" * 100], [])
    second.close()


def test_once_media_flows_no_datagram_moves_it(loop, session, translated):
    session.pair.send_runs([Run.of(100)])
    translated.rtp.sendto(b"stray", server(session, 0))
    for _ in range(3):
        loop.turn(0.002)
    session.pair.send_runs([Run.of(100)])
    assert (len(session.client.received()), translated.received()) == (2, [])


def test_another_host_is_never_answered(loop, session):
    stranger = Client(own_host(6))
    for port in range(2):
        (stranger.rtp, stranger.rtcp)[port].sendto(REPORT, server(session, port))
    for _ in range(3):
        loop.turn(0.002)
    session.pair.send_runs([Run.of(100)])
    session.pair.send_rtcp(b"a sender report")
    stranger.rtcp.sendto(REPORT, server(session, 1))
    for _ in range(3):
        loop.turn(0.002)
    session.pair.send_rtcp(b"a sender report")
    assert (stranger.received(), session.rtcp, len(session.client.received())) == ([], [], 1)
    with pytest.raises(BlockingIOError):
        stranger.rtcp.recv(100)
    stranger.close()


def test_a_datagram_of_another_host_that_came_before_the_latch_is_no_clients(session):
    latch = session.pair._rtp_latch
    assert not latch.hears(b"early", (own_host(6), 5000))
    assert latch.target == (HOST, session.client.ports[0])


def test_after_the_first_media_reports_move_by_a_report_on_the_stream_only(loop, session, translated):
    session.pair.send_runs([Run.of(100)])
    translated.rtcp.sendto(b"stray", server(session, 1))
    for _ in range(3):
        loop.turn(0.002)
    session.pair.send_rtcp(b"first")
    translated.rtcp.sendto(REPORT, server(session, 1))
    turn_until(loop, lambda: session.rtcp)
    session.pair.send_rtcp(b"second")
    session.client.rtcp.sendto(REPORT, server(session, 1))
    for _ in range(3):
        loop.turn(0.002)
    assert session.rtcp == [REPORT]
    assert (session.client.rtcp.recv(100), translated.rtcp.recv(100)) == (b"first", b"second")


def test_a_client_that_reports_from_the_announced_port_keeps_it(loop, session, translated):
    session.pair.send_runs([Run.of(100)])
    session.client.rtcp.sendto(b"report", server(session, 1))
    turn_until(loop, lambda: session.rtcp)
    translated.rtcp.sendto(REPORT, server(session, 1))
    session.pair.send_rtcp(b"a sender report")
    assert session.client.rtcp.recv(100) == b"a sender report"


def test_a_host_out_of_reach_at_the_first_media_is_tried_again_with_the_next(session, monkeypatch):
    begin = session.pair._rtp_latch.begin_media
    errors = [OSError(errno.ENETUNREACH, "no route")]

    def refuse_once() -> None:
        if errors:
            raise errors.pop()
        begin()

    monkeypatch.setattr(session.pair._rtp_latch, "begin_media", refuse_once)
    assert not session.pair.send_runs([Run.of(100)])
    assert session.pair.send_runs([Run.of(200)])
    assert session.client.received() == [b"A" * 200]
    assert session.gone == 0


# --- faults


def test_a_fault_in_what_takes_rtcp_ends_the_session(loop, session):
    session.take_rtcp = lambda packet: [][0]
    session.client.rtcp.sendto(b"report", (HOST, session.pair.server_ports[1]))
    turn_until(loop, lambda: session.failed)
    assert (take_faults(loop), session.gone) == (1, 0)


# --- nobody is there


@pytest.mark.parametrize("host", [HOST, "::1"], ids=["IPv4", "IPv6"])
def test_a_client_whose_port_stays_closed_is_gone(loop, clock, open_session, host):
    session = open_session(host)
    session.client.close()
    session.pair.send_runs([Run.of(1200, 1200)])
    for _ in range(3):
        loop.turn(0.002)
    clock.advance(udp.REFUSED_LIMIT_S)
    session.pair.send_runs([Run.of(1200)])
    for _ in range(3):
        loop.turn(0.002)
    assert session.gone == 0, "not for longer than the limit"
    clock.advance(0.25)
    session.pair.send_runs([Run.of(1200)])
    turn_until(loop, lambda: session.gone)
    for _ in range(3):
        loop.turn()
    assert (session.gone, session.failed) == (1, 0)


def test_a_closed_port_is_found_with_ten_seconds_between_frames(loop, clock, session):
    session.client.close()
    session.pair.send_runs([Run.of(1200)])
    for _ in range(3):
        loop.turn(0.002)
    clock.advance(10.0)
    session.pair.send_runs([Run.of(1200)])
    turn_until(loop, lambda: session.gone)


def test_a_closed_port_is_found_by_the_next_send_too(clock, session):
    session.client.close()
    for _ in range(2):
        session.pair.send_runs([Run.of(1200)])
        assert not session.pair.send_runs([Run.of(1200)])
        clock.advance(udp.REFUSED_LIMIT_S + 0.01)
    assert session.gone == 1


def test_a_client_that_opens_its_port_after_the_first_frame_is_none_the_worse(loop, clock, session):
    """ZoneMinder opens its ports when it has read the PLAY reply; hours later it may be refused again for a moment."""
    ports, host = session.client.ports, session.client.host
    for _ in range(2):
        session.client.close()
        session.pair.send_runs([Run.of(1200)])
        pass_time(loop, clock, 0.5)
        session.client = Client(host, ports)
        session.pair.send_runs([Run.of(1000)])
        turn_until(loop, lambda: session.client.received() == [b"A" * 1000])
        pass_time(loop, clock, udp.REFUSED_PAUSE_S + 1)
    assert session.gone == 0


def test_a_closed_rtcp_port_alone_is_no_end(loop, clock, session):
    """Some viewers bind their RTP port and nothing else."""
    session.client.close()
    for _ in range(3):
        session.pair.send_rtcp(b"a sender report")
        for _ in range(5):
            loop.turn(0.002)
        clock.advance(udp.REFUSED_LIMIT_S + 0.25)
    assert session.gone == 0


def test_a_host_that_cannot_be_reached_is_no_end_for_a_while(refuse, session, clock):
    refuse["send"] = dict.fromkeys(range(1, 1000), errno.EHOSTUNREACH)
    for _ in range(8):
        assert not session.pair.send_runs([Run.of(100)])
        clock.advance(1.0)
    assert session.gone == 0
    for _ in range(3):
        session.pair.send_runs([Run.of(100)])
        clock.advance(1.0)
    assert session.gone > 0


def test_after_the_end_nothing_is_told(loop, session):
    session.client.rtcp.sendto(b"late", (HOST, session.pair.server_ports[1]))
    session.pair.close()
    session.pair.close()
    for _ in range(3):
        loop.turn()
    assert (session.rtcp, session.gone) == ([], 0)
