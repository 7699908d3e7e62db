"""An operator ends a session over the API: its viewer is told goodbye, its connection is closed, others play on."""

import json
from contextlib import suppress

import pytest

from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.rtcp import says_goodbye
from tests.support.service import RunningService, running_service

SESSIONS = "/api/v1/sessions"


@pytest.fixture(scope="module")
def service():
    with running_service('[streams.main]\nsource = "testpattern"\nwidth = 320\nheight = 180\nfps = 15\n') as running:
        yield running


def listed(service: RunningService) -> dict[str, dict]:
    status, body = service.http(SESSIONS)
    assert status == 200
    return {session["id"]: session for session in json.loads(body)}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_one_viewer_is_kicked_and_the_other_plays_on(service, transport):
    kicked = 'edge_streamer_sessions_ended_total{reason="kicked"}'
    before = service.metrics()[kicked]
    with RtspReader(service.rtsp_url("main"), transport) as reader, RtspReader(service.rtsp_url("main")) as other:
        for each in (reader, other):
            each.start()
            each.next_rtp()
        session = listed(service)[reader.session_id]
        assert (session["stream"], session["transport"], session["state"]) == ("main", transport, "playing")
        assert session["sent_bytes"] > 0
        assert service.http(f"{SESSIONS}/{reader.session_id}", "DELETE") == (204, b"")
        assert says_goodbye(last_report(reader))
        assert list(listed(service)) == [other.session_id]
        assert service.http(f"{SESSIONS}/{reader.session_id}")[0] == 404
        assert service.http(f"{SESSIONS}/{reader.session_id}", "DELETE")[0] == 404
        other.next_rtp()
        assert not other.gaps
        if transport == "tcp":
            reader.wait_closed()
    assert service.metrics()[kicked] == before + 1


def last_report(reader: RtspReader) -> bytes:
    """Return the last RTCP packet, read until half a second brings none, or the connection ends."""
    packets = []
    with suppress(ConnectionError):
        packets.extend(reader.packets(seconds=0.5))
    return next(packet.data for packet in reversed(packets) if packet.kind == "rtcp")
