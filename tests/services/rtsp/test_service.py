"""Sessions from SETUP to the one reason for which each ends, their limits, ports, slots and counters."""

import gc
import socket
import weakref

import pytest

from edge_streamer.accounts.users import Role, Users, new_user
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.digest import LoginRules
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, LoginAuthorizer
from edge_streamer.runtime.tcp.connection import send_frame_to_all
from edge_streamer.runtime.udp.pair import REFUSED_LIMIT_S
from edge_streamer.services.rtsp.connection import REPLAY_PAUSE_S
from edge_streamer.services.rtsp.service import SENDER_REPORT_INTERVAL_S
from edge_streamer.services.rtsp.settings import RtspSettings
from edge_streamer.services.rtsp.transports import batch
from edge_streamer.services.status import EndReason
from tests.services.rtsp.conftest import HOST, OTHER_HOST, UDP_PORTS
from tests.support.loop import open_descriptors, take_faults, turn_until
from tests.support.tcp_pair import reset

EXPIRY_S = 90.0


def ports_in_use() -> int:
    """Return how many of the service's UDP ports nobody else can bind."""
    taken = 0
    for port in range(UDP_PORTS[0], UDP_PORTS[1] + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                taken += 1
    return taken


# --- each end has exactly one reason (the fixture checks that it has not more)


@pytest.mark.parametrize("lower", ["tcp", "udp"])
def test_teardown(house, lower):
    client = house.client()
    client.play(lower)
    assert client.ask("TEARDOWN").status == 200
    house.wait_ended(EndReason.TEARDOWN)
    client.close()
    house.turn()


@pytest.mark.parametrize("hang_up", [socket.socket.close, reset])
def test_peer_closed(house, hang_up):
    client = house.client()
    client.play("tcp")
    hang_up(client.socket)
    house.publish()
    house.wait_ended(EndReason.PEER_CLOSED)
    house.publish(key=True)


def test_backlog(house):
    client, other = house.client(buffer_bytes=4096), house.client()
    client.play("tcp")
    other.play("tcp")
    for _ in range(40):
        house.publish(size_bytes=100_000)
        house.turn(1)
        other.read()
    turn_until(house.loop, lambda: house.ended)
    assert house.ended == {EndReason.BACKLOG: 1}
    assert len(house.service.sessions.statuses()) == 1
    house.publish()
    packets = len(other.packets())
    turn_until(house.loop, lambda: len(other.packets()) >= packets)


def test_stalled(house):
    """A zero window: below the budget in bytes, and over it in seconds."""
    client = house.client(buffer_bytes=4096)
    client.play("tcp")
    for _ in range(10):
        house.publish(size_bytes=100_000)
    house.pass_time(8.0)
    assert house.ended == {}
    house.pass_time(0.5)
    house.wait_ended(EndReason.STALLED)


def test_idle_over_udp(house):
    client = house.client()
    client.play("udp")
    house.pass_time(EXPIRY_S - 1)
    assert house.ended == {}
    client.ask("GET_PARAMETER")
    house.pass_time(EXPIRY_S - 1)
    client.udp[1].sendto(b"any datagram to the RTCP port", (HOST, server_ports(house)[1]))
    house.turn()
    house.pass_time(EXPIRY_S - 1)
    assert house.ended == {}
    house.pass_time(1.25)
    house.wait_ended(EndReason.IDLE)
    assert ports_in_use() == 0


def server_ports(house) -> tuple[int, int]:
    (session,) = house.service.sessions.table
    return session.transport.server_ports


def test_idle_before_play(house):
    house.client().set_up("tcp")
    house.pass_time(EXPIRY_S + 0.5)
    house.wait_ended(EndReason.IDLE)


def test_a_silent_viewer_that_plays_over_tcp_is_not_idle(house):
    client = house.client()
    client.play("tcp")
    house.pass_time(2 * EXPIRY_S)
    assert house.ended == {}


def test_unreachable(house):
    client = house.client()
    client.play("udp")
    client.close_udp()
    house.pass_time(SENDER_REPORT_INTERVAL_S)
    assert house.ended == {}, "a closed RTCP port says nothing of the other"
    house.publish()
    house.pass_time(REFUSED_LIMIT_S + 0.5)
    assert house.ended == {}, "ZoneMinder opens its port after the first frame"
    house.publish()
    house.wait_ended(EndReason.UNREACHABLE)
    assert ports_in_use() == 0
    assert not client.is_closed, "the connection may set up another session"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda house: house.service.sessions.end_all(EndReason.STREAM_ENDED, house.stream), EndReason.STREAM_ENDED),
        (lambda house: house.service.sessions.kick(house.service.sessions.statuses()[0].session_id), EndReason.KICKED),
        (lambda house: house.service.close(), EndReason.SHUTDOWN),
    ],
)
@pytest.mark.parametrize("lower", ["tcp", "udp"])
def test_ends_from_our_side_say_goodbye(house, lower, end, reason):
    client = house.client()
    client.play(lower)
    house.turn()
    client.datagrams(1)
    end(house)
    house.wait_ended(reason)
    if lower == "tcp":
        client.wait_closed()
        goodbye = client.packets(1)[-1]
    else:
        (goodbye,) = client.datagrams(1)
    assert str(reason).encode() in goodbye
    assert house.stream.identity.ssrc.to_bytes(4, "big") in goodbye


def test_the_end_of_a_stream_is_no_end_of_another(house):
    other = house.add_stream("sub")
    house.publish(key=True, stream=other)
    client, viewer = house.client(), house.client()
    client.play("tcp")
    viewer.set_up("tcp", "sub")
    viewer.ask("PLAY", "sub")
    house.service.sessions.end_all(EndReason.STREAM_ENDED, house.stream)
    client.wait_closed()
    assert [session.stream for session in house.service.sessions.statuses()] == ["sub"]


def test_the_other_sessions_of_a_connection_go_on_and_have_ends_of_their_own(house):
    sub = house.add_stream("sub")
    house.publish(key=True, stream=sub)
    client = house.client()
    client.play("tcp")
    client.session = ""
    client.set_up("tcp", "sub")
    assert client.ask("PLAY", "sub").status == 200
    house.service.sessions.end_all(EndReason.STREAM_ENDED, house.stream)
    house.turn()
    house.publish(stream=sub)
    turn_until(house.loop, lambda: len(client.packets(2)) == 4)
    assert (house.ended, client.is_closed) == ({EndReason.STREAM_ENDED: 1}, False)
    assert str(EndReason.STREAM_ENDED).encode() in client.packets(1)[-1]
    house.service.sessions.end_all(EndReason.SHUTDOWN)
    client.wait_closed()
    assert house.ended == {EndReason.STREAM_ENDED: 1, EndReason.SHUTDOWN: 1}


def test_only_the_session_of_that_id_is_kicked(house):
    kicked, other = house.client(), house.client()
    kicked.play("tcp")
    other.play("tcp")
    session_id = kicked.session.partition(";")[0]
    assert not house.service.sessions.kick("NO SUCH ID")
    assert house.service.sessions.kick(session_id)
    assert not house.service.sessions.kick(session_id), "it is over"
    kicked.wait_closed()
    assert house.ended == {EndReason.KICKED: 1}
    assert not other.is_closed
    assert len(house.service.sessions.statuses()) == 1


def test_internal_error(house, monkeypatch):
    """A fault while one viewer is served ends that viewer; the stream and the others go on."""
    faulty = []

    def fail_for_one(connections, image):
        healthy = [connection for connection in connections if connection not in faulty]
        return [
            *send_frame_to_all(healthy, image),
            *((connection, RuntimeError("our own fault")) for connection in faulty),
        ]

    monkeypatch.setattr(batch, "send_frame_to_all", fail_for_one)
    clients = [house.client() for _ in range(3)]
    for client in clients:
        client.play("tcp")
    faulty.append(house.service.sessions.playbacks()[1][1].wire.connection)
    house.publish()
    faulty.clear()
    house.publish()
    clients[1].wait_closed()
    assert house.ended == {EndReason.INTERNAL_ERROR: 1}
    assert take_faults(house.loop) == 1
    for client in (clients[0], clients[2]):
        turn_until(house.loop, lambda client=client: len(client.packets()) == 7)


# --- a session over UDP and its connection


def test_a_udp_session_that_plays_outlives_its_connection_until_it_is_idle(house):
    client = house.client()
    client.play("udp")
    client.socket.close()
    turn_until(house.loop, lambda: house.service.gate.open == 0)
    house.publish()
    assert len(client.datagrams()) == 6
    house.pass_time(EXPIRY_S + 0.5)
    house.wait_ended(EndReason.IDLE)


def test_a_udp_session_that_does_not_play_ends_with_its_connection(house):
    client = house.client()
    client.set_up("udp")
    client.socket.close()
    house.wait_ended(EndReason.PEER_CLOSED)
    assert ports_in_use() == 0


def test_a_udp_session_is_torn_down_from_a_new_connection_of_the_same_host(house):
    first, second = house.client(), house.client()
    first.play("udp")
    first.socket.close()
    turn_until(house.loop, lambda: house.service.gate.open == 1)
    assert second.ask("TEARDOWN", Session=first.session).status == 200
    house.wait_ended(EndReason.TEARDOWN)


def test_a_session_of_another_host_does_not_exist(house):
    owner, stranger = house.client(), house.client(OTHER_HOST)
    owner.play("udp")
    for method in ("PLAY", "PAUSE", "TEARDOWN"):
        assert stranger.ask(method, Session=owner.session).status == 454
    assert house.ended == {}


def test_a_tcp_session_of_another_connection_does_not_exist(house):
    owner, stranger = house.client(), house.client()
    owner.play("tcp")
    assert stranger.ask("TEARDOWN", Session=owner.session).status == 454
    assert stranger.ask("PLAY", Session="1A2B3C4D").status == 454


def test_a_session_taken_over_while_its_play_waits_is_answered_on_both_connections(house):
    house.stream.key_frame_requests.ask = lambda: None
    first, second = house.client(), house.client()
    first.set_up("udp")
    first.send("PLAY")
    house.turn()
    second.session = first.session
    second.send("PLAY")
    assert first.response(2).status == 454
    house.publish(key=True)
    assert second.response(1).status == 200
    assert house.stream.viewers == 1


# --- a second SETUP


def test_a_second_setup_frees_the_ports_and_keeps_session_slot_and_counters(house):
    """ffmpeg and ExoPlayer turn to TCP so when UDP brings them nothing."""
    client = house.client()
    client.play("udp")
    house.publish()
    client.ask("PAUSE")
    session, sent_before = client.session, house.service.sessions.traffic().sent_bytes["udp"]
    assert (ports_in_use(), sent_before > 0) == (2, True)
    assert client.set_up("tcp").session_id == session
    assert ports_in_use() == 0
    assert house.service.sessions.traffic().sent_bytes["udp"] == sent_before
    assert client.ask("PLAY").status == 200
    turn_until(house.loop, lambda: len(client.packets()) >= 5)
    (status,) = house.service.sessions.statuses()
    assert (status.slot, status.transport, status.state) == (0, "tcp", "playing")
    assert status.slot_sent_bytes == sent_before + status.sent_bytes
    assert house.started == 1
    client.ask("TEARDOWN")
    house.wait_ended(EndReason.TEARDOWN)


def test_the_ports_that_a_second_setup_left_cannot_end_the_session(house):
    client = house.client()
    client.play("udp")
    client.ask("PAUSE")
    client.close_udp()
    house.turn()
    house.service.sessions.playbacks()[0][1].wire.send_rtcp(b"to a closed port")  # its error and SETUP come in one turn
    assert client.set_up("tcp").status == 200
    house.turn()
    assert house.ended == {}


def test_a_second_setup_that_is_refused_changes_nothing(new_house):
    house = new_house(udp_ports=(UDP_PORTS[0], UDP_PORTS[0] + 1))
    client = house.client()
    client.set_up("udp")
    assert client.set_up("udp").status == 503
    (status,) = house.service.sessions.statuses()
    assert (status.transport, status.state) == ("udp", "ready")
    house.publish(key=True)
    assert client.ask("PLAY").status == 200
    assert client.datagrams()


def test_several_sessions_on_one_connection_each_have_their_channels_and_their_end(house):
    sub = house.add_stream("sub")
    house.publish(key=True, stream=sub)
    client = house.client()
    client.play("tcp")
    main, client.session = client.session, ""
    client.set_up("tcp", "sub", channels="0-1")
    assert client.responses[-1].transport["interleaved"] != "0-1", "they are taken"
    assert client.ask("PLAY", "sub").status == 200
    assert client.ask("TEARDOWN", Session=main).status == 200
    house.publish(stream=sub)
    turn_until(house.loop, lambda: len(client.packets(2)) == 4)
    client.close()
    turn_until(house.loop, lambda: house.ended == {EndReason.TEARDOWN: 1, EndReason.PEER_CLOSED: 1})


# --- limits


def test_more_sessions_than_slots_are_refused_and_a_freed_slot_is_taken_again(new_house):
    house = new_house(max_sessions=2)
    clients = [house.client() for _ in range(3)]
    assert [client.set_up("tcp").status for client in clients] == [200, 200, 453]
    clients[0].ask("TEARDOWN")
    assert clients[2].set_up("tcp").status == 200
    assert sorted(status.slot for status in house.service.sessions.statuses()) == [0, 1]


def test_one_address_cannot_take_all_slots(new_house):
    house = new_house(max_sessions=8, max_sessions_per_address=2)
    greedy, other = house.client(), house.client(OTHER_HOST)
    statuses = []
    for _ in range(3):
        greedy.session = ""
        statuses.append(greedy.set_up("tcp").status)
    assert statuses == [200, 200, 453]
    assert other.set_up("tcp").status == 200


def test_without_ports_udp_is_refused_and_takes_no_slot(new_house):
    house = new_house(udp_ports=(UDP_PORTS[0], UDP_PORTS[0] + 1), max_sessions=2)
    clients = [house.client() for _ in range(2)]
    assert [client.set_up("udp").status for client in clients] == [200, 503]
    assert [client.set_up("tcp").status for client in (house.client(), clients[1])] == [200, 453]


def test_more_connections_than_allowed_are_hung_up_on(new_house):
    house = new_house(max_connections=2)
    clients = [house.client() for _ in range(2)]
    for client in clients:
        assert client.set_up("tcp").status == 200
    house.client().wait_closed()
    assert house.service.gate.refused == {"total": 1}
    assert clients[0].ask("OPTIONS").status == 200


def test_a_transport_that_is_switched_off(new_house):
    house = new_house(transports=("tcp",))
    client = house.client()
    assert client.set_up("udp").status == 461
    assert client.set_up("tcp").status == 200


# --- other settings


def test_other_settings_count_for_those_who_come(new_house):
    house = new_house(max_sessions=2)
    here = house.client()
    here.set_up("tcp")
    house.service.apply(
        RtspSettings(max_sessions=1, max_connections=2, transports=frozenset({"udp"})), {}, lambda: ALLOW_ALL
    )
    assert here.ask("OPTIONS").status == 200, "who is here stays"
    late = house.client()
    assert late.set_up("tcp").status == 461
    assert late.set_up("udp").status == 453
    here.ask("TEARDOWN")
    assert late.set_up("udp").status == 200
    house.client()
    here.wait_closed()
    assert (house.service.gate.refused, house.service.gate.evicted) == ({}, {"total": 1})


def test_other_log_ins_count_for_new_connections(new_house):
    house = new_house()
    here = house.client()
    here.set_up("tcp")
    rules = LoginRules(Users().having(new_user("guest", Role.VIEWER, "a good password")))
    house.service.apply(RtspSettings(), {}, lambda: LoginAuthorizer(rules, "nonce"))
    assert here.ask("GET_PARAMETER").status == 200
    assert house.client().ask("DESCRIBE").status == 401


def test_sessions_of_a_stream(house):
    other = house.add_stream("sub")
    client = house.client()
    client.set_up("tcp")
    assert house.service.sessions.are_any_of(house.stream)
    assert not house.service.sessions.are_any_of(other)
    client.ask("TEARDOWN")
    assert not house.service.sessions.are_any_of(house.stream)


# --- slots, counters, status


def test_a_slots_counters_only_grow_over_its_occupants(house):
    seen = 0
    for _ in range(3):
        client = house.client()
        client.play("tcp")
        house.publish()
        turn_until(house.loop, lambda client=client: client.packets())
        (status,) = house.service.sessions.statuses()
        assert status.slot == 0
        assert status.slot_sent_bytes == seen + status.sent_bytes > seen
        client.ask("TEARDOWN")
        turn_until(house.loop, lambda: not house.service.sessions.statuses())
        seen = house.service.sessions.admission.slots._slots[0].sent_bytes
        assert seen >= status.slot_sent_bytes


def test_sums_of_traffic_survive_their_sessions(house):
    for lower in ("tcp", "udp"):
        client = house.client()
        client.play(lower)
        house.publish()
        during = house.service.sessions.traffic()
        client.ask("TEARDOWN")
        after = house.service.sessions.traffic()
        assert after.sent_packets[lower] == during.sent_packets[lower] > 0
        assert after.sent_bytes[lower] >= during.sent_bytes[lower] > 0
    assert house.service.sessions.counters.sessions_started == {"tcp": 1, "udp": 1}


def test_requests_and_replies_are_counted(house):
    client = house.client()
    client.ask("OPTIONS")
    client.ask("DESCRIBE", "nothing")
    client.ask("BREW")
    client.play("tcp")
    counters = house.service.sessions.counters
    assert counters.requests == {"OPTIONS": 1, "DESCRIBE": 1, "other": 1, "SETUP": 1, "PLAY": 1}
    assert counters.responses == {"200": 3, "404": 1, "501": 1}


def test_the_status_names_peer_client_and_state(house):
    client = house.client()
    client.ask("OPTIONS", User_Agent="Lavf60.16.100")
    client.set_up("tcp")
    (ready,) = house.service.sessions.statuses()
    assert (ready.client, ready.started_wall_s > 1_700_000_000) == ("ffmpeg", True)
    assert (ready.peer_ip, ready.state, ready.transport, ready.stream) == (HOST, "ready", "tcp", "main")
    client.ask("PLAY")
    assert house.service.sessions.statuses()[0].state == "playing"
    client.ask("PAUSE")
    assert house.service.sessions.statuses()[0].state == "paused"


def test_sender_reports_come_every_five_seconds_to_those_who_play(house):
    tcp, udp, ready = house.client(), house.client(), house.client()
    tcp.play("tcp")
    udp.play("udp")
    ready.set_up("tcp")
    house.turn()
    assert (len(tcp.packets(1)), len(udp.datagrams(1))) == (1, 1)
    house.pass_time(2 * SENDER_REPORT_INTERVAL_S)
    turn_until(house.loop, lambda: len(tcp.packets(1)) == 3)
    assert len(udp.datagrams(1)) == 2
    assert ready.packets(1) == []


# --- streams


def test_who_plays_a_displaced_stream_keeps_it_and_new_sessions_get_its_successor(house):
    old = house.stream
    first = house.client()
    first.play("tcp")
    new = house.add_stream("main")
    house.publish(key=True, stream=new)
    second = house.client()
    second.play("tcp")
    house.publish(stream=old)
    house.publish(stream=new)
    turn_until(house.loop, lambda: len(first.packets()) == 6 and len(second.packets()) == 4)
    assert (old.viewers, new.viewers) == (1, 1)


def test_a_displaced_stream_is_let_go_with_its_last_session_though_the_connection_stays(house):
    client = house.client()
    client.play("tcp")
    displaced: weakref.ref[Stream] = weakref.ref(house.stream)
    house.stream = house.add_stream("main")
    assert client.ask("TEARDOWN").status == 200
    gc.collect()
    assert displaced() is None
    assert client.ask("OPTIONS", Session="").status == 200


@pytest.mark.parametrize("lower", ["tcp", "udp"])
def test_what_a_session_played_is_let_go_without_the_collector(house, lower):
    client = house.client()
    client.play(lower)
    client.ask("PAUSE")
    house.pass_time(REPLAY_PAUSE_S)
    client.ask("PLAY")
    ((_session, playback),) = house.service.sessions.playbacks()
    held = weakref.ref(playback)
    del _session, playback
    gc.disable()
    try:
        client.ask("TEARDOWN")
        house.turn()
        assert held() is None
    finally:
        gc.enable()


# --- many


def test_three_hundred_clients_that_come_and_go_in_every_way_leave_nothing(new_house):
    """What is left would fail the fixture: descriptors, connections, sessions, slots."""
    house = new_house(max_sessions=8, max_connections=16)
    house.publish(key=True)
    before = open_descriptors()
    for number in range(300):
        client = house.client()
        if number % 3:
            client.play("udp" if number % 2 else "tcp")
        else:
            client.send("DESCRIBE")
        if number % 5 == 0:
            reset(client.socket)
        elif number % 5 == 1 and client.session:
            client.ask("TEARDOWN")
        client.close()
        house.publish()
        house.pass_time(0.5)
    for _ in range(3):  # the last ones' closed UDP ports are found
        house.publish()
        house.pass_time(REFUSED_LIMIT_S)
    turn_until(house.loop, lambda: house.service.gate.open == 0)
    assert house.service.sessions.statuses() == ()
    assert open_descriptors() == before
    assert ports_in_use() == 0
