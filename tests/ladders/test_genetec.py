"""Genetec (OmnicastRTSPClient/1.0): interleaved transport without naming channels (go2rtc#1510)."""

from tests.support.rtsp.ladder import Ladder


def test_the_server_names_the_channels(ladder: Ladder) -> None:
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 1", "User-Agent: OmnicastRTSPClient/1.0")
    ladder.expect(200)
    for cseq, channels in (("2", "0-1"), ("3", "2-3")):
        ladder.peer(
            "SETUP rtsp://cam/main/trackID=0 RTSP/1.0",
            f"CSeq: {cseq}",
            "User-Agent: OmnicastRTSPClient/1.0",
            "Transport: RTP/AVP/TCP;unicast",
        )
        assert ladder.expect(200, cseq=cseq).transport["interleaved"] == channels
