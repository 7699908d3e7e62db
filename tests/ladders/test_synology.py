"""Synology Surveillance Station: transport and keep-alive method are the user's choice; each must work."""

import pytest

from tests.support.rtsp.ladder import Ladder

TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"
UDP = "RTP/AVP;unicast;client_port=30000-30001"


@pytest.mark.parametrize("transport", [TCP, UDP])
@pytest.mark.parametrize("method", ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"])
def test_every_keep_alive_keeps_every_transport(ladder: Ladder, transport: str, method: str) -> None:
    session = ladder.play(transport)
    for cseq in range(5, 10):
        ladder.wait(s=59)
        ladder.peer(f"{method} rtsp://cam/main/ RTSP/1.0", f"CSeq: {cseq}", f"Session: {session.id}")
        ladder.expect(200, cseq=str(cseq))
    ladder.expect_nothing()
    assert ladder.session is session


def test_without_keep_alive_tcp_plays_on(ladder: Ladder) -> None:
    session = ladder.play(TCP)
    ladder.wait(s=24 * 3600)
    ladder.expect_nothing()
    assert ladder.session is session
