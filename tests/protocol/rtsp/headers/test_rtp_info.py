import pytest

from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (RtpInfo("rtsp://cam/main/trackID=0", 1, 2), "url=rtsp://cam/main/trackID=0;seq=1;rtptime=2"),
        (
            RtpInfo("rtsp://cam/m/trackID=0", 65535, 4294967295),
            "url=rtsp://cam/m/trackID=0;seq=65535;rtptime=4294967295",
        ),
    ],
)
def test_encode(info: RtpInfo, text: str) -> None:
    assert info.encode() == text


@pytest.mark.parametrize(("seq", "rtptime"), [(-1, 0), (65536, 0), (0, -1), (0, 1 << 32)])
def test_a_position_that_rtp_cannot_have_is_our_mistake(seq: int, rtptime: int) -> None:
    with pytest.raises(ValueError, match="no RTP position"):
        RtpInfo("rtsp://cam/main/trackID=0", seq, rtptime)
