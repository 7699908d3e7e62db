"""Every limit of the RTSP service is reached for real: who is refused, with what, how it is counted, and that whoever
is inside notices nothing and whoever comes after it is served."""

import pytest

from edge_streamer.services.marks import keys_marked
from edge_streamer.services.rtsp.connection import DESCRIBE_LIMIT_S
from edge_streamer.services.rtsp.counters import RtspCounters
from edge_streamer.services.rtsp.settings import RtspSettings
from edge_streamer.services.status import EndReason
from tests.services.rtsp.conftest import HOST, OTHER_HOST, UDP_PORTS
from tests.support.loop import turn_until
from tests.support.rtsp.wire import encode_request


def reached(house) -> dict[str, int]:
    return {key: count for key, count in house.service.sessions.counters.limits_reached.items() if count}


def errors(house) -> dict[str, int]:
    return dict(house.service.sessions.counters.protocol_errors)


# --- sessions and ports


def test_sessions(new_house):
    house = new_house(max_sessions=2)
    clients = [house.client() for _ in range(3)]
    assert [client.set_up("tcp").status for client in clients] == [200, 200, 453]
    assert reached(house) == {"rtsp.max_sessions": 1}
    clients[0].ask("TEARDOWN")
    assert clients[2].set_up("tcp").status == 200


def test_sessions_of_an_address(new_house):
    house = new_house(max_sessions_per_address=1)
    greedy, other = [house.client() for _ in range(2)], house.client(OTHER_HOST)
    assert [client.set_up("udp").status for client in (*greedy, other)] == [200, 453, 200]
    assert reached(house) == {"rtsp.max_sessions_per_address": 1}


def test_udp_ports(new_house):
    house = new_house(udp_ports=(UDP_PORTS[0], UDP_PORTS[0] + 1))
    clients = [house.client() for _ in range(2)]
    assert [client.set_up("udp").status for client in clients] == [200, 503]
    assert reached(house) == {"rtsp.udp_ports": 1}
    assert clients[1].set_up("tcp").status == 200
    clients[0].ask("TEARDOWN")
    assert house.client().set_up("udp").status == 200


# --- connections


def test_connections(new_house):
    house = new_house(max_connections=2, max_connections_per_address=2)
    inside = [house.client(host) for host in (HOST, OTHER_HOST)]
    for client in inside:
        assert client.set_up("tcp").status == 200
    house.client().wait_closed()
    assert house.service.gate.refused == {"total": 1}
    assert [client.ask("OPTIONS").status for client in inside] == [200] * 2
    inside[0].close()
    turn_until(house.loop, lambda: house.service.gate.open == 1)
    assert house.client().ask("OPTIONS").status == 200


def test_connections_of_an_address(new_house):
    house = new_house(max_connections=8, max_connections_per_address=2)
    inside = [house.client() for _ in range(2)]
    for client in inside:
        assert client.set_up("tcp").status == 200
    refused, other = house.client(), house.client(OTHER_HOST)
    refused.wait_closed()
    assert house.service.gate.refused == {"per_address": 1}
    assert [client.ask("OPTIONS").status for client in (*inside, other)] == [200] * 3
    inside[0].close()
    turn_until(house.loop, lambda: house.service.gate.open == 2)
    assert house.client().ask("OPTIONS").status == 200


def test_connections_without_a_session_make_room(new_house):
    house = new_house(max_connections=4, max_connections_per_address=3)
    viewer = house.client()
    assert viewer.set_up("udp").status == 200
    asked, silent, trickling = house.client(), house.client(OTHER_HOST), house.client(OTHER_HOST)
    assert asked.ask("OPTIONS").status == 200
    trickling.socket.sendall(b"DESCRIBE rtsp://")
    house.turn()
    newcomer = house.client(OTHER_HOST)
    silent.wait_closed()
    assert newcomer.set_up("tcp").status == 200
    assert (house.service.gate.refused, house.service.gate.evicted) == ({}, {"total": 1})
    assert [client.ask("OPTIONS").status for client in (viewer, asked, newcomer)] == [200] * 3
    asked.close()
    house.turn()
    house.client(), house.client()
    trickling.wait_closed()


def test_a_connection_that_waits_for_a_description_makes_no_room(new_house):
    house = new_house(max_connections=2)
    waiting, viewer = house.client(), house.client()
    waiting.send("DESCRIBE")
    assert viewer.set_up("tcp").status == 200
    house.client().wait_closed()
    assert house.service.gate.refused == {"total": 1}
    house.publish(key=True)
    assert waiting.response(waiting.cseq).status == 200
    house.client()
    waiting.wait_closed()
    assert house.service.gate.evicted == {"total": 1}


def test_a_flood_without_sessions_keeps_no_viewer_out(new_house):
    house = new_house(max_connections=16, max_connections_per_address=8)
    house.publish(key=True)
    watching = house.client()
    watching.play("tcp")
    for number in range(200):
        house.client((OTHER_HOST, HOST)[number % 2])
        house.turn()
        if number % 50 == 49:
            viewer = house.client()
            assert viewer.ask("DESCRIBE").status == 200
            assert viewer.play("tcp").status == 200
            viewer.socket.close()
    assert house.service.gate.open <= 16
    house.publish(key=True)
    assert watching.packets() != []
    assert not watching.is_closed


def test_a_connection_whose_session_has_ended_makes_room_again(new_house):
    house = new_house(max_connections=1)
    client = house.client()
    client.set_up("udp")
    client.ask("TEARDOWN")
    late = house.client()
    client.wait_closed()
    assert late.set_up("udp").status == 200
    house.client().wait_closed()
    for session, _playback in house.service.sessions.playbacks():
        house.service.sessions.end(session, EndReason.KICKED)
    house.pass_time(1)
    house.client()
    late.wait_closed()
    assert (house.service.gate.refused, house.service.gate.evicted) == ({"total": 1}, {"total": 2})


@pytest.mark.parametrize("small_talk", [b"", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"DESCRIBE rtsp:", b"$\0\0\0"])
def test_time_without_a_session(new_house, small_talk):
    house = new_house(setup_within_s=10)
    stranger, viewer = house.client(), house.client()
    viewer.set_up("tcp")
    for _ in range(39):
        stranger.socket.sendall(small_talk)
        house.pass_time(0.25)
    assert reached(house) == {}
    house.pass_time(0.5)
    stranger.wait_closed()
    house.pass_time(20)
    assert reached(house) == {"rtsp.setup_within_s": 1}
    assert errors(house) == {}
    assert viewer.ask("OPTIONS").status == 200


def test_time_after_a_description(house):
    client = house.client()
    for _ in range(3):
        assert client.ask("DESCRIBE").status == 200
        house.pass_time(9.75)
    assert client.set_up("tcp").status == 200
    house.pass_time(60)
    assert client.ask("TEARDOWN").status == 200
    house.pass_time(9.5)
    assert reached(house) == {}
    house.pass_time(0.75)
    client.wait_closed()
    assert reached(house) == {"rtsp.setup_within_s": 1}


# --- what waits and what is sent


def test_pending_descriptions(new_house):
    house = new_house(max_pending_describes=2)
    waiting = [house.client() for _ in range(2)]
    for client in waiting:
        client.send("DESCRIBE")
    turn_until(house.loop, lambda: len(house.service.pending_describes) == 2)
    refused = house.client()
    response = refused.ask("DESCRIBE")
    assert (response.status, response.headers["retry-after"]) == (503, "5")
    assert reached(house) == {"rtsp.max_pending_describes": 1}
    waiting[0].close()
    turn_until(house.loop, lambda: len(house.service.pending_describes) == 1)
    refused.send("DESCRIBE")
    turn_until(house.loop, lambda: len(house.service.pending_describes) == 2)
    house.publish(key=True)
    assert [client.response(client.cseq).status for client in (waiting[1], refused)] == [200, 200]
    assert not house.service.pending_describes


def test_a_description_that_is_given_up_frees_its_place(new_house):
    house = new_house(max_pending_describes=1)
    for _ in range(3):
        client = house.client()
        client.send("DESCRIBE")
        turn_until(house.loop, lambda: house.service.pending_describes)
        house.pass_time(DESCRIBE_LIMIT_S)
        assert client.response(client.cseq).status == 503
        assert not house.service.pending_describes
        client.close()
    assert reached(house) == {}


@pytest.mark.parametrize(
    ("fits", "does_not", "status", "kind"),
    [
        ({"X-Long": "x" * 1900}, {"X-Long": "x" * 2100}, 400, "header_limit"),
        ({"Content-Length": "1000"}, {"Content-Length": "1001"}, 413, "body_limit"),
    ],
)
def test_bytes_of_a_request(new_house, fits, does_not, status, kind):
    house = new_house(max_header_bytes=2048, max_body_bytes=1000)
    client = house.client()
    client.set_up("tcp")
    url = f"rtsp://{HOST}/main"
    client.socket.sendall(encode_request("GET_PARAMETER", url, 2, fits) + b"x" * int(fits.get("Content-Length", 0)))
    assert client.response(2).status == 200
    client.socket.sendall(encode_request("GET_PARAMETER", url, 3, does_not))
    client.wait_closed()
    assert [response.status for response in client.responses] == [200, 200, status]
    assert errors(house) == {kind: 1}
    assert house.client().ask("OPTIONS").status == 200


# --- which limits there are


REACHED_BY = {
    "rtsp.max_sessions": test_sessions,
    "rtsp.max_sessions_per_address": test_sessions_of_an_address,
    "rtsp.udp_ports": test_udp_ports,
    "rtsp.max_connections": test_connections,
    "rtsp.max_connections_per_address": test_connections_of_an_address,
    "rtsp.setup_within_s": test_time_without_a_session,
    "rtsp.max_pending_describes": test_pending_descriptions,
}


def test_every_limit_that_is_marked_is_reached_above():
    assert set(REACHED_BY) == set(keys_marked({"rtsp": RtspSettings}, "limit", "counted"))


def test_no_other_key_can_be_counted():
    with pytest.raises(KeyError):
        RtspCounters().limits_reached["rtsp.max_session"] += 1
