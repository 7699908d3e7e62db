"""IndigoVision: interleaved=168-169, and those very channels (gortsplib#47)."""

from edge_streamer.protocol.rtsp.server.events import InterleavedReceived
from tests.support.rtsp.ladder import Ladder


def test_the_pair_it_wants_is_the_pair_it_gets(ladder: Ladder) -> None:
    ladder.peer(
        "SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 1", "Transport: RTP/AVP/TCP;unicast;interleaved=168-169"
    )
    assert ladder.expect(200).transport["interleaved"] == "168-169"
    ladder.send(b"$\xa9\x00\x04\x80\xc9\x00\x00")
    ladder.expect_event(InterleavedReceived, channel=169, session=ladder.session)
