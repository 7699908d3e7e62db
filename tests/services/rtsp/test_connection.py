"""One client's dialogue with the service: what is answered at once, what waits, and in which order it comes."""

import re

import pytest

from edge_streamer.services.rtsp.connection import DESCRIBE_LIMIT_S, PLAY_LIMIT_S, REPLAY_PAUSE_S
from edge_streamer.services.rtsp.counters import RtspCounters
from edge_streamer.services.rtsp.transports.interleaved import TcpWire
from edge_streamer.services.status import EndReason
from tests.services.rtsp.conftest import HOST
from tests.support.loop import take_faults, turn_until
from tests.support.rtsp.h264_depacketizer import access_units
from tests.support.rtsp.rtp import RtpPacket
from tests.support.rtsp.wire import InterleavedPacket, Response

_RTP_INFO = re.compile(r"url=(\S+);seq=(\d+);rtptime=(\d+)")


def rtp_info(response: Response) -> tuple[int, int]:
    """Return the sequence number and time that PLAY promises for the first packet."""
    url, sequence, rtp_timestamp = _RTP_INFO.fullmatch(response.headers["rtp-info"]).groups()
    assert url == f"rtsp://{HOST}/main/trackID=0"
    return int(sequence), int(rtp_timestamp)


def position(packet: bytes) -> tuple[int, int]:
    parsed = RtpPacket.parse(packet)
    return parsed.sequence, parsed.timestamp


# --- DESCRIBE


def test_describe_of_a_known_stream(house):
    response = house.client().ask("DESCRIBE")
    assert response.status == 200
    assert response.headers["content-base"] == f"rtsp://{HOST}/main/"
    assert b"m=video 0 RTP/AVP 96\r\n" in response.body
    assert b"a=control:trackID=0\r\n" in response.body
    assert f"IN IP4 {HOST}\r\n".encode() in response.body
    assert int(response.headers["content-length"]) == len(response.body)


@pytest.mark.parametrize(("method", "path"), [("DESCRIBE", "other"), ("DESCRIBE", ""), ("SETUP", "other/trackID=0")])
def test_a_path_that_names_nothing(house, method, path):
    client = house.client()
    assert client.ask(method, path, Transport=client.transport("tcp")).status == 404


def test_a_track_that_is_not_there(house):
    client = house.client()
    assert client.ask("SETUP", "main/trackID=1", Transport=client.transport("tcp")).status == 404
    assert house.service.sessions.statuses() == ()


def test_describe_waits_for_the_parameter_sets(new_house):
    house = new_house()
    client = house.client()
    client.send("DESCRIBE")
    house.turn()
    house.publish()
    house.turn()
    assert client.find(1) is None
    house.publish(key=True)
    assert client.response(1).status == 200


def test_describe_gives_up_after_five_seconds_and_may_be_tried_again(new_house):
    house = new_house()
    client = house.client()
    client.send("DESCRIBE")
    house.turn()
    house.pass_time(DESCRIBE_LIMIT_S - 0.25)
    assert client.find(1) is None
    house.clock.advance(0.25)
    response = client.response(1)
    assert (response.status, response.headers["retry-after"]) == (503, "5")
    house.publish(key=True)
    house.turn()
    assert client.ask("DESCRIBE").status == 200
    assert len(client.responses) == 2


def test_describe_of_a_source_that_is_down_is_refused_at_once(new_house):
    house = new_house()
    house.stream.declare_down()
    client = house.client()
    response = client.ask("DESCRIBE")
    assert (response.status, response.headers["retry-after"]) == (503, "5")
    house.stream.is_down = False
    house.publish(key=True)
    assert client.ask("DESCRIBE").status == 200


def test_describe_of_a_stream_that_is_down_but_known_is_answered(house):
    house.stream.declare_down()
    assert house.client().ask("DESCRIBE").status == 200


def test_describe_that_waits_is_refused_when_the_source_fails(new_house):
    house = new_house()
    clients = [house.client(), house.client()]
    for client in clients:
        client.send("DESCRIBE")
    house.turn()
    house.stream.declare_down()
    assert [client.response(1).status for client in clients] == [503, 503]
    assert not house.stream.is_watched
    assert not house.service.pending_describes


def test_describe_and_play_say_that_the_stream_is_wanted(house):
    wanted = []
    house.stream.on_wanted = lambda: wanted.append(house.stream.name)
    client = house.client()
    client.ask("DESCRIBE", "other")
    client.ask("OPTIONS")
    assert wanted == []
    client.ask("DESCRIBE")
    assert wanted == ["main"]
    client.set_up("tcp")
    assert wanted == ["main"]
    client.ask("PLAY")
    assert wanted == ["main", "main"]


def test_play_of_a_source_that_is_just_started_is_answered_before_its_first_frame(house):
    house.stream.forget_frames()
    client = house.client()
    client.set_up("tcp")
    client.send("PLAY")
    house.turn()
    house.pass_time(PLAY_LIMIT_S)
    response = client.response(client.cseq)
    assert (response.status, "rtp-info" in response.headers) == (200, False)
    assert house.stream.is_watched
    house.publish(key=True)
    house.turn()
    assert client.packets()


def test_a_client_that_leaves_while_describe_waits(new_house):
    house = new_house()
    client = house.client()
    client.send("DESCRIBE")
    house.turn()
    client.close()
    turn_until(house.loop, lambda: house.service.gate.open == 0)
    house.publish(key=True)
    house.pass_time(DESCRIBE_LIMIT_S + 1)


def test_a_client_that_leaves_in_the_turn_in_which_its_description_comes(new_house):
    house = new_house()
    client = house.client()
    client.send("DESCRIBE")
    house.turn()
    house.publish(key=True)
    client.close()
    house.turn()
    assert house.service.gate.open == 0


def test_a_description_that_comes_when_its_time_is_up_is_answered_once(new_house):
    house = new_house()
    client = house.client()
    client.send("DESCRIBE")
    house.turn()
    house.clock.advance(DESCRIBE_LIMIT_S)
    house.publish(key=True)
    client.response(1)
    house.turn()
    assert len(client.responses) == 1


def test_many_who_wait_for_the_description_get_it_all(new_house):
    house = new_house()
    clients = [house.client() for _ in range(5)]
    for client in clients:
        client.send("DESCRIBE")
    house.turn()
    clients[2].close()
    house.turn()
    house.publish(key=True)
    assert [client.response(1).status for client in clients if client is not clients[2]] == [200] * 4


# --- SETUP, PLAY, PAUSE, TEARDOWN


def test_the_whole_dialogue_over_tcp(house):
    client = house.client()
    setup = client.set_up("tcp", channels="4-5")
    assert setup.transport["interleaved"] == "4-5"
    assert setup.transport["ssrc"] == f"{house.stream.identity.ssrc:08X}"
    play = client.ask("PLAY")
    house.publish()
    turn_until(house.loop, lambda: len(client.packets(4)) >= 4)
    packets = client.packets(4)
    assert position(packets[0]) == rtp_info(play)
    assert [len(unit) for unit in access_units(packets)] == [3, 1, 1, 1]

    assert client.ask("PAUSE").status == 200
    paused_at = len(client.packets(4))
    house.publish()
    house.publish(key=True)
    house.publish()
    house.turn()
    assert len(client.packets(4)) == paused_at

    house.pass_time(REPLAY_PAUSE_S)
    play = client.ask("PLAY")
    turn_until(house.loop, lambda: len(client.packets(4)) > paused_at)
    assert position(client.packets(4)[paused_at]) == rtp_info(play)

    assert client.ask("TEARDOWN").status == 200
    house.wait_ended(EndReason.TEARDOWN)
    torn_down_at = len(client.packets(4))
    house.publish(key=True)
    house.turn()
    assert len(client.packets(4)) == torn_down_at
    assert client.ask("OPTIONS", Session="").status == 200, "the connection stays"


def test_the_whole_dialogue_over_udp(house):
    client = house.client()
    setup = client.set_up("udp")
    server_ports = [int(port) for port in setup.transport["server_port"].split("-")]
    assert server_ports[0] % 2 == 0
    assert server_ports[1] == server_ports[0] + 1
    assert setup.transport["client_port"] == "{}-{}".format(*(end.getsockname()[1] for end in client.udp))
    play = client.ask("PLAY")
    house.publish(size_bytes=5000)
    packets = client.datagrams()
    assert position(packets[0]) == rtp_info(play)
    assert len(access_units(packets)) == 4
    assert client.datagrams(1)[0][1] == 200, "a sender report comes with the first packet"

    assert client.ask("PAUSE").status == 200
    house.publish()
    assert client.datagrams() == []
    house.pass_time(REPLAY_PAUSE_S)
    play = client.ask("PLAY")
    assert position(client.datagrams()[0]) == rtp_info(play)
    assert client.ask("TEARDOWN").status == 200
    house.wait_ended(EndReason.TEARDOWN)
    house.publish()
    assert client.datagrams() == []


def test_the_reply_to_play_comes_before_any_packet_and_the_sender_report_before_the_media(house):
    client = house.client()
    client.play("tcp")
    turn_until(house.loop, lambda: client.packets(0))
    setup, play, report, first = client.order[:4]
    assert isinstance(setup, Response)
    assert isinstance(play, Response)
    assert isinstance(report, InterleavedPacket)
    assert (report.channel, report.data[1]) == (1, 200)
    assert (first.channel, position(first.data)) == (0, rtp_info(play))


@pytest.mark.parametrize("lower", ["tcp", "udp"])
def test_play_waits_for_the_key_frame_it_asked_for(house, lower):
    asked = []
    house.stream.key_frame_requests.ask = lambda: asked.append(1)
    client = house.client()
    client.set_up(lower)
    client.send("PLAY")
    house.turn()
    house.publish()
    house.turn()
    assert (asked, client.find(2)) == ([1], None)
    house.publish(key=True)
    play = client.response(2)
    packets = client.packets(0) if lower == "tcp" else client.datagrams()
    assert position(packets[0]) == rtp_info(play)
    assert len(packets) == 3, "the parameter sets and the key frame, and nothing before"


def test_a_stalled_source_asked_in_vain_is_answered_for_from_the_cache(house):
    house.stream.key_frame_requests.ask = lambda: None
    client = house.client()
    client.set_up("tcp")
    client.send("PLAY")
    house.turn()
    house.pass_time(PLAY_LIMIT_S - 0.25)
    assert client.find(2) is None
    house.clock.advance(0.25)
    play = client.response(2)
    turn_until(house.loop, lambda: len(client.packets(0)) == 5)
    assert position(client.packets(0)[0]) == rtp_info(play)


def test_without_any_frame_play_is_answered_without_a_position_and_begins_with_the_first_key_frame(new_house):
    house = new_house()
    client = house.client()
    client.set_up("tcp")
    client.send("PLAY")
    house.turn()
    house.pass_time(PLAY_LIMIT_S)
    play = client.response(2)
    assert play.status == 200
    assert "rtp-info" not in play.headers
    assert client.packets(0) == []
    house.publish()
    house.publish(key=True)
    turn_until(house.loop, lambda: client.packets(0))
    assert len(access_units(client.packets(0))) == 1


def test_no_sender_report_goes_before_the_reply_to_play(new_house):
    """Scrypted and ZoneMinder take nothing else there."""
    house = new_house()
    client = house.client()
    client.set_up("tcp")
    house.publish()
    house.pass_time(4.25)
    client.send("PLAY")
    house.turn()
    house.pass_time(0.75)
    assert client.order[1:] == []
    house.pass_time(0.5)
    assert client.response(2).status == 200
    assert isinstance(client.order[1], Response)


def test_play_again_changes_nothing(house):
    client = house.client()
    client.play("tcp")
    turn_until(house.loop, lambda: len(client.packets(0)) == 5)
    assert client.ask("PLAY").status == 200
    house.publish()
    turn_until(house.loop, lambda: len(client.packets(0)) == 6)
    access_units(client.packets(0))
    assert house.stream.viewers == 1


def test_a_client_that_leaves_while_play_waits(house):
    house.stream.key_frame_requests.ask = lambda: None
    client = house.client()
    client.set_up("tcp")
    client.send("PLAY")
    house.turn()
    client.close()
    house.wait_ended(EndReason.PEER_CLOSED)
    house.publish(key=True)
    house.pass_time(PLAY_LIMIT_S)


def test_a_stream_that_ends_while_play_waits(house):
    house.stream.key_frame_requests.ask = lambda: None
    client = house.client()
    client.set_up("tcp")
    client.send("PLAY")
    house.turn()
    house.service.sessions.end_all(EndReason.STREAM_ENDED, house.stream)
    assert client.response(2).status == 454
    house.wait_ended(EndReason.STREAM_ENDED)
    client.wait_closed()


def test_rtcp_of_the_viewer_reaches_its_status(house):
    client = house.client()
    client.play("tcp")
    block = house.stream.identity.ssrc.to_bytes(4, "big") + bytes.fromhex(
        "40000010 0001c350 00000384 00000000 00000000"
    )
    packet = bytes.fromhex("81c90007 0000002a") + block
    client.socket.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
    house.turn()
    assert house.service.sessions.statuses()[0].fraction_lost_ratio is None, "the RTP channel carries no reports"
    client.socket.sendall(b"$\x01" + len(packet).to_bytes(2, "big") + packet)
    turn_until(house.loop, lambda: house.service.sessions.statuses()[0].fraction_lost_ratio)
    assert house.service.sessions.statuses()[0].fraction_lost_ratio == 0.25
    assert house.service.sessions.statuses()[0].jitter_s == 0.01


# --- pipelining


def test_setup_play_and_teardown_in_one_segment(house):
    client = house.client()
    first = house.client()
    first.set_up("tcp")  # to know what a session id looks like
    setup = client.request("SETUP", "main/trackID=0", Transport=client.transport("tcp"))
    client.socket.sendall(setup + client.request("OPTIONS") + client.request("DESCRIBE"))
    assert [client.response(number).status for number in (1, 2, 3)] == [200, 200, 200]
    client.session = client.find(1).session_id
    client.socket.sendall(client.request("PLAY") + client.request("PAUSE") + client.request("TEARDOWN"))
    assert [client.response(number).status for number in (4, 5, 6)] == [200, 200, 200]
    turn_until(house.loop, lambda: house.ended)
    assert house.ended == {EndReason.TEARDOWN: 1}
    assert house.stream.viewers == 0


def test_play_and_teardown_that_wait_for_a_key_frame_together(house):
    house.stream.key_frame_requests.ask = lambda: None
    client = house.client()
    client.set_up("udp")
    client.socket.sendall(client.request("PLAY") + client.request("TEARDOWN") + client.request("OPTIONS", Session=""))
    house.turn()
    assert len(client.responses) == 1
    house.publish(key=True)
    assert [client.response(number).status for number in (2, 3, 4)] == [200, 200, 200]
    house.wait_ended(EndReason.TEARDOWN)
    assert (client.datagrams(), client.datagrams(1)) == ([], [])


@pytest.mark.parametrize("method", ["TEARDOWN", "SETUP"])
def test_what_is_right_behind_a_play_that_waits_ends_what_another_connection_has_taken_over(house, method):
    house.stream.key_frame_requests.ask = lambda: None
    first, second = house.client(), house.client()
    first.set_up("udp")
    behind = {"SETUP": {"path": "main/trackID=0", "Transport": first.transport("udp")}, "TEARDOWN": {}}[method]
    first.socket.sendall(first.request("PLAY") + first.request(method, **behind))
    house.turn()
    second.session = first.session
    assert second.ask("PLAY").status == 454
    assert first.response(first.cseq).status == 200
    assert [response.status for response in first.responses] == [200, 454, 200]
    assert house.stream.viewers == 0
    assert second.ask("OPTIONS", Session="").status == 200


def test_pausing_and_playing_a_hundred_times_in_one_segment(house):
    client = house.client()
    client.play("tcp")
    client.socket.sendall(b"".join(client.request(method) for _ in range(100) for method in ("PAUSE", "PLAY")))
    house.pass_time(100 * REPLAY_PAUSE_S)
    assert client.response(client.cseq).status == 200
    assert {response.status for response in client.responses} == {200}
    assert house.stream.viewers == 1


def test_pipelined_plays_do_not_multiply_the_cached_frames(house):
    client = house.client()
    client.play("udp")
    house.turn()
    cached = len(client.datagrams())
    client.socket.sendall(b"".join(client.request(method) for _ in range(100) for method in ("PAUSE", "PLAY")))
    house.turn(20)
    assert cached > 0
    assert client.datagrams() == [], "the next PLAY is due in a second"
    house.pass_time(99 * REPLAY_PAUSE_S)
    assert client.datagrams() == [], "each has its PAUSE right behind it"
    house.pass_time(REPLAY_PAUSE_S)
    assert len(client.datagrams()) == cached


def test_a_thousand_pipelined_requests_are_answered_in_order(house):
    client = house.client()
    data = b"".join(client.request("DESCRIBE") for _ in range(1000))
    client.socket.setblocking(True)
    client.socket.sendall(data)
    client.socket.setblocking(False)
    client.response(1000)
    assert [response.headers["cseq"] for response in client.responses] == [str(number) for number in range(1, 1001)]
    assert {response.status for response in client.responses} == {200}


def test_what_piles_up_behind_a_request_that_waits_is_bounded(new_house):
    house = new_house()
    client = house.client()
    client.send("DESCRIBE")
    house.turn()
    block = b"".join(client.request("OPTIONS") for _ in range(200))
    for _ in range(100):
        if client.is_closed:
            break
        try:
            client.socket.sendall(block)
        except (BlockingIOError, ConnectionError):
            pass
        house.turn()
        client.read()
    assert house.service.sessions.counters.protocol_errors == {"pipeline_limit": 1}
    assert client.responses[-1].status == 400
    house.publish(key=True)
    house.pass_time(DESCRIBE_LIMIT_S)


# --- faults


def test_what_a_peer_gets_wrong_is_counted_each_time_and_logged_once_a_second(house, caplog):
    client = house.client()

    def err(times):
        counted = house.service.sessions.counters.protocol_errors["cseq"]
        client.socket.sendall(b"OPTIONS * RTSP/1.0\r\n\r\n" * times)
        while house.service.sessions.counters.protocol_errors["cseq"] < counted + times:
            house.turn()

    with caplog.at_level("INFO"):
        err(5)
        assert caplog.text.count("protocol error") == 1
        house.pass_time(1.0)
        err(1)
    assert caplog.text.count("protocol error") == 2
    assert "withheld=4" in caplog.text
    assert house.service.sessions.counters.protocol_errors == {"cseq": 6}


def test_a_request_that_is_none_is_answered_and_hung_up_on(house):
    client = house.client()
    client.play("tcp")
    client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    client.wait_closed()
    assert client.responses[-1].status in (400, 505)
    house.wait_ended(EndReason.PROTOCOL_ERROR)
    assert sum(house.service.sessions.counters.protocol_errors.values()) == 1


def test_a_fault_of_our_own_ends_the_connection_its_session_and_nothing_else(house, monkeypatch):
    other = house.client()
    other.play("tcp")
    client = house.client()
    client.set_up("tcp")
    monkeypatch.setattr(TcpWire, "prepare", lambda *arguments: [][0])
    client.send("PLAY")
    client.wait_closed()
    turn_until(house.loop, lambda: house.ended)
    assert take_faults(house.loop) == 1
    assert house.ended == {EndReason.INTERNAL_ERROR: 1}
    packets = len(other.packets(0))
    house.publish()
    turn_until(house.loop, lambda: len(other.packets(0)) > packets)


def test_a_session_torn_down_behind_a_request_whose_handling_raised_is_let_go(house, monkeypatch):
    client = house.client()
    client.play("tcp")
    monkeypatch.setattr(RtspCounters, "count_reply", lambda *arguments: [][0])
    client.socket.sendall(client.request("OPTIONS") + client.request("TEARDOWN"))
    client.wait_closed()
    turn_until(house.loop, lambda: house.ended)
    assert take_faults(house.loop) == 1
    assert house.ended == {EndReason.INTERNAL_ERROR: 1}
    assert house.service.sessions.statuses() == ()
