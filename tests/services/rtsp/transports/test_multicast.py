"""Many sessions, one sender: clients of the service whose group is on the loopback device, where a listener has joined.

What the listener reports comes from 127.0.0.1, so it speaks for the clients of that host.
"""

from dataclasses import replace

import pytest

from edge_streamer.protocol.rtp.rtcp import sender_ssrc
from edge_streamer.services.rtsp.connection import REPLAY_PAUSE_S
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.transports.multicast import MulticastSender
from edge_streamer.services.status import EndReason
from tests.services.rtsp.conftest import HOST, Client, House
from tests.support.loop import take_faults
from tests.support.rtsp.multicast import Listener, own_group
from tests.support.rtsp.rtcp import says_goodbye

LISTENER_HOST = "127.0.0.1"
OFFER = "RTP/AVP;multicast"
RECEIVER_REPORT = "81c90007 0000002a {ssrc:08x} 40000010 0001c350 00000384 00000000 00000000"


@pytest.fixture
def house(new_house) -> House:
    made = new_house(transports=("tcp", "udp", "multicast"), groups={"main": own_group()}, max_sessions_per_address=64)
    made.publish(key=True)
    made.publish()
    return made


@pytest.fixture
def listener():
    with Listener(own_group()) as listener:
        yield listener


@pytest.fixture
def asked(house) -> list[float]:
    """When the source was asked for a key frame."""
    times: list[float] = []
    house.stream.key_frame_requests.ask = lambda: times.append(house.clock.now)
    return times


def set_up(client: Client):
    response = client.ask("SETUP", "main/trackID=0", Transport=OFFER)
    client.session = response.session_id
    return response


def play(house: House, host: str = HOST) -> Client:
    client = house.client(host)
    assert set_up(client).status == 200
    assert client.ask("PLAY").status == 200
    return client


def packets_of(house: House, publish) -> int:
    """Return how many packets the frames have that `publish` makes."""
    before = house.stream.counters.packets
    publish()
    return house.stream.counters.packets - before


def report(house: House, listener: Listener) -> None:
    listener.report(bytes.fromhex(RECEIVER_REPORT.format(ssrc=house.stream.identity.ssrc)))
    house.turn()


# --- one sender


def test_fifty_sessions_cost_one_delivery_a_frame(house, listener, monkeypatch):
    delivered = []
    deliver = MulticastSender.deliver
    monkeypatch.setattr(
        MulticastSender, "deliver", lambda sender, frame: (delivered.append(frame), deliver(sender, frame))
    )
    for _ in range(50):
        play(house)
    house.publish(key=True)
    assert house.stream.viewers == 1
    listener.received()
    delivered.clear()

    def publish() -> None:
        for _ in range(20):
            house.publish(size_bytes=5000)

    packets = packets_of(house, publish)
    assert len(delivered) == 20
    assert len(listener.received()) == packets
    assert house.service.sessions.counters.sessions_started["multicast"] == len(house.service.sessions.statuses()) == 50


def test_where_the_group_is_and_who_sends_to_it_stands_in_the_reply(house, listener):
    play(house)
    house.publish(key=True)
    (source, _port), group, ssrc = listener.received_from()[0][1], own_group(), house.stream.identity.ssrc
    assert set_up(house.client()).headers["transport"] == (
        f"RTP/AVP;multicast;destination={group.host};source={source};"
        f"port={group.ports[0]}-{group.ports[1]};ttl=1;ssrc={ssrc:08X}"
    )


def test_play_is_answered_at_once_and_promises_no_packet(house):
    for _ in range(2):
        client = house.client()
        set_up(client)
        response = client.ask("PLAY")
        assert (response.status, response.headers["range"]) == (200, "npt=now-")
        assert "rtp-info" not in response.headers


def test_bytes_are_counted_once_for_everybody(house, listener):
    first, second = play(house), play(house)
    house.publish(key=True, size_bytes=5000)
    sent = sum(map(len, listener.received()))
    assert house.service.sessions.traffic().sent_bytes == {"multicast": sent}
    assert [session.sent_bytes for session in house.service.sessions.statuses()] == [0, 0]
    for client in (first, second):
        client.ask("TEARDOWN")
    traffic = house.service.sessions.traffic()
    assert (traffic.sent_bytes["multicast"], traffic.discarded_frames["multicast"]) == (sent, 0)
    assert traffic.sent_packets["multicast"] > 0


def test_a_frame_that_did_not_leave_whole_is_counted(house, monkeypatch):
    play(house)
    (sender,) = house.service.sessions.multicast.traffic()
    monkeypatch.setattr(sender.group, "send_runs", lambda runs: False)
    house.publish()
    assert house.service.sessions.traffic().discarded_frames["multicast"] == 1


# --- key frames


def test_the_first_session_begins_at_a_key_frame(house, listener, asked):
    play(house)
    house.publish()
    assert listener.received() == []
    assert len(asked) == 1
    packets = packets_of(house, lambda: house.publish(key=True))
    assert len(listener.received()) == packets


def test_where_the_source_makes_none_the_first_session_begins_with_the_last_frames(house, listener):
    play(house)
    assert len(listener.received()) == house.stream.counters.packets


def test_who_joins_has_a_key_frame_asked_for_as_soon_as_that_may_be(house, listener, asked):
    play(house)
    house.publish(key=True)
    started = house.clock.now
    house.clock.advance(0.3)
    listener.received()
    play(house)
    assert listener.received() == [], "the others have had the frames since the last key frame"
    for _ in range(50):
        house.publish()
        house.clock.advance(1 / 30)
    assert asked[0] == started
    assert 1.0 <= asked[1] - started < 1.1
    house.publish(key=True)
    asked.clear()
    house.clock.advance(2.0)
    house.publish()
    assert asked == []


# --- reports


def test_a_report_follows_the_first_frame_and_every_five_seconds_once_for_all(house, listener, asked):
    for _ in range(3):
        play(house)
    house.publish(key=True)
    ssrc = house.stream.identity.ssrc
    assert listener.received(1) == [], "who does not know the SSRC yet drops the report"
    house.turn()
    assert [(packet[1], sender_ssrc(packet)) for packet in listener.received(1)] == [(200, ssrc)]
    house.pass_time(15)
    assert [packet[1] for packet in listener.received(1)] == [200] * 3


def test_who_joins_has_a_report_after_the_key_frame_that_it_begins_with(house, listener, asked):
    play(house)
    house.publish(key=True)
    house.pass_time(2)
    listener.received(1)
    play(house)
    house.publish()
    house.turn()
    assert listener.received(1) == []
    house.publish(key=True)
    house.turn()
    assert [packet[1] for packet in listener.received(1)] == [200]
    house.publish(key=True)
    house.turn()
    assert listener.received(1) == []


def test_a_unicast_session_of_the_stream_has_its_reports_beside(house, listener):
    play(house)
    client = house.client()
    client.play("udp")
    house.publish(key=True)
    house.turn()
    client.datagrams(1)
    listener.received(1)
    house.pass_time(5)
    assert (len(client.datagrams(1)), len(listener.received(1))) == (1, 1)


def test_nothing_is_reported_while_nobody_plays(house, listener):
    set_up(house.client())
    house.pass_time(10)
    assert listener.received(1) == []


def test_what_a_viewer_reports_is_known_of_the_sessions_of_its_host(house, listener):
    play(house, LISTENER_HOST)
    play(house, HOST)
    report(house, listener)
    lost = {session.peer_ip: session.fraction_lost_ratio for session in house.service.sessions.statuses()}
    assert lost == {LISTENER_HOST: 0.25, HOST: None}


def test_a_report_renews_the_sessions_of_its_host_and_silence_ends_the_others(house, listener):
    play(house, LISTENER_HOST)
    play(house, HOST)
    for _ in range(20):
        house.pass_time(5)
        report(house, listener)
    assert [session.peer_ip for session in house.service.sessions.statuses()] == [LISTENER_HOST]
    assert house.ended == {EndReason.IDLE: 1}


def test_our_own_reports_and_garbage_renew_nothing(house, listener):
    play(house, LISTENER_HOST)
    house.publish(key=True)
    house.turn()
    ours = listener.received(1)[-1]  # comes back from another address, on a machine whose own is not the listener's
    for _ in range(20):
        house.pass_time(5)
        listener.report(b"garbage")
        listener.report(ours)
        house.turn()
    assert house.ended == {EndReason.IDLE: 1}


# --- the end


def test_one_that_leaves_leaves_the_others_undisturbed(house, listener):
    first, second = play(house), play(house)
    house.publish(key=True)
    house.turn()
    listener.received(0)
    listener.received(1)
    assert first.ask("TEARDOWN").status == 200
    house.publish()
    assert len(listener.received(0)) == 1
    assert listener.received(1) == []
    assert second.ask("TEARDOWN").status == 200
    (goodbye,) = listener.received(1)
    assert says_goodbye(goodbye)
    assert sender_ssrc(goodbye) == house.stream.identity.ssrc
    house.publish()
    assert (listener.received(0), house.stream.viewers) == ([], 0)


def test_the_end_of_the_stream_says_goodbye_once(house, listener):
    for _ in range(3):
        play(house)
    house.publish(key=True)
    listener.received(1)
    house.service.sessions.end_all(EndReason.STREAM_ENDED, house.stream)
    assert [says_goodbye(packet) for packet in listener.received(1)] == [True]
    assert house.ended == {EndReason.STREAM_ENDED: 3}


def test_after_the_last_end_it_begins_anew(house, listener):
    for _ in range(2):
        client = play(house)
        house.publish(key=True)
        house.turn()
        client.ask("TEARDOWN")
    assert [says_goodbye(packet) for packet in listener.received(1)] == [False, True, False, True]


def test_who_never_plays_says_nothing_to_the_group(house, listener):
    client = house.client()
    set_up(client)
    client.socket.close()
    house.wait_ended(EndReason.PEER_CLOSED)
    assert (listener.received(0), listener.received(1)) == ([], [])


def test_a_session_outlives_its_connection(house, listener):
    client = play(house)
    client.socket.close()
    house.turn()
    listener.received()
    house.publish(key=True)
    assert listener.received() != []
    house.pass_time(91)
    assert house.ended == {EndReason.IDLE: 1}


def test_pause_stops_the_sender_when_nobody_else_plays(house, listener):
    first, second = play(house), play(house)
    house.publish(key=True)
    first.ask("PAUSE")
    listener.received()
    house.publish()
    assert listener.received() != []
    second.ask("PAUSE")
    listener.received(1)
    house.publish()
    assert (listener.received(0), listener.received(1)) == ([], [])
    house.pass_time(REPLAY_PAUSE_S)
    second.ask("PLAY")
    assert listener.received() != []


def test_a_teardown_right_behind_the_play_leaves_nothing(house, listener):
    client = house.client()
    set_up(client)
    client.socket.sendall(client.request("PLAY") + client.request("TEARDOWN"))
    assert client.response(client.cseq).status == 200
    listener.received()
    house.publish(key=True)
    assert (listener.received(), house.stream.viewers) == ([], 0)


def test_a_teardown_right_behind_a_play_that_had_to_wait_leaves_nothing(house, listener):
    client = play(house)
    house.publish(key=True)
    client.ask("PAUSE")
    client.socket.sendall(client.request("PLAY") + client.request("TEARDOWN"))
    house.pass_time(REPLAY_PAUSE_S)
    assert client.response(client.cseq).status == 200
    listener.received()
    house.publish(key=True)
    assert (listener.received(), house.stream.viewers) == ([], 0)


def test_a_second_setup_takes_a_session_out_of_the_group(house, listener):
    """ffmpeg and GStreamer do so when no datagram arrives."""
    client = play(house)
    client.ask("PAUSE")
    assert client.set_up("tcp").status == 200
    client.ask("PLAY")
    house.publish(key=True)
    house.turn()
    assert client.packets() != []
    assert says_goodbye(listener.received(1)[-1])
    assert [session.transport for session in house.service.sessions.statuses()] == ["tcp"]


# --- faults


def test_a_group_out_of_reach_is_461_and_the_client_takes_tcp(new_house):
    group = replace(own_group(), interface="no-such-device")
    house = new_house(transports=("tcp", "multicast"), groups={"main": group})
    client = house.client()
    assert set_up(client).status == 461
    assert client.set_up("tcp").status == 200


def test_a_stream_that_has_no_group_before_a_restart_is_461(new_house):
    house = new_house(transports=("tcp", "multicast"), groups={})
    client = house.client()
    assert set_up(client).status == 461
    assert client.set_up("tcp").status == 200


def test_a_fault_in_the_sender_ends_its_sessions(house, monkeypatch):
    for _ in range(2):
        play(house)
    (sender,) = house.service.sessions.multicast.traffic()
    monkeypatch.setattr(sender.group, "send_runs", lambda runs: [][0])
    house.publish(key=True)
    house.turn()
    assert house.ended == {EndReason.INTERNAL_ERROR: 2}
    assert take_faults(house.loop) == 1
    monkeypatch.undo()
    play(house)
    assert house.stream.viewers == 1


def test_a_fault_in_what_takes_a_report_ends_the_sessions(house, listener, monkeypatch):
    play(house, LISTENER_HOST)
    monkeypatch.setattr(Playback, "take_rtcp", lambda playback, packet, now: [][0])
    report(house, listener)
    assert house.ended == {EndReason.INTERNAL_ERROR: 1}
    assert take_faults(house.loop) == 1
