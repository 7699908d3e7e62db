"""Session descriptions, line by line."""

from typing import Any

import pytest

from edge_streamer.protocol.sdp import application_specific_kbps, describe_video

FIELDS: dict[str, Any] = {
    "session_id": 3604369009,
    "session_version": 1,
    "server_host": "192.0.2.7",
    "name": "main",
    "profile_level_id": "42C01F",
    "sprop": "Z0LADdoFBmhAAAADAEAAAA8jxQqo,aM48gA==",
    "bandwidth_kbps": 2100,
}

PLAIN = (
    "v=0\r\n"
    "o=- 3604369009 1 IN IP4 192.0.2.7\r\n"
    "s=main\r\n"
    "c=IN IP4 0.0.0.0\r\n"
    "t=0 0\r\n"
    "a=range:npt=now-\r\n"
    "a=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\n"
    "b=AS:2100\r\n"
    "a=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;profile-level-id=42C01F;"
    "sprop-parameter-sets=Z0LADdoFBmhAAAADAEAAAA8jxQqo,aM48gA==\r\n"
    "a=control:trackID=0\r\n"
)


def lines(**changes: Any) -> list[str]:
    return describe_video(**{**FIELDS, **changes}).decode().split("\r\n")


def test_all_of_it() -> None:
    assert describe_video(**FIELDS).decode() == PLAIN


def test_control_is_the_constant() -> None:
    assert "a=control:trackID=0" in lines()


def test_ipv6() -> None:
    described = lines(server_host="2001:db8::7")
    assert described[1] == "o=- 3604369009 1 IN IP6 2001:db8::7"
    assert described[3] == "c=IN IP6 ::"


def test_payload_type_is_the_same_everywhere() -> None:
    described = "\n".join(lines(payload_type=101))
    assert described.count("101") == 3
    assert "96" not in described.split("\n", 2)[2]


@pytest.mark.parametrize(("frame_rate", "line"), [(30.0, "30"), (30000 / 1001, "29.97"), (0.5, "0.5")])
def test_frame_rate(frame_rate: float, line: str) -> None:
    assert f"a=framerate:{line}" in lines(frame_rate=frame_rate)


@pytest.mark.parametrize("frame_rate", [None, 0.0])
def test_an_unknown_frame_rate_is_not_stated(frame_rate: float | None) -> None:
    assert describe_video(**FIELDS, frame_rate=frame_rate).decode() == PLAIN


def test_a_name_may_be_any_text() -> None:
    assert "s=Küche – 1" in lines(name="Küche – 1")


@pytest.mark.parametrize("field", ["name", "server_host", "sprop", "profile_level_id"])
@pytest.mark.parametrize("breaking", ["x\r\na=evil", "x\n", "\rx", "x\x00"])
def test_no_text_breaks_out_of_its_line(field: str, breaking: str) -> None:
    with pytest.raises(ValueError, match="a line break or NUL in"):
        describe_video(**{**FIELDS, field: breaking})


def test_a_name_is_needed() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        describe_video(**{**FIELDS, "name": ""})


@pytest.mark.parametrize(("bits_per_second", "kbps"), [(0, 0), (1, 1), (1000, 1), (1000.5, 2), (2_000_000, 2000)])
def test_bandwidth_is_never_below_the_rate(bits_per_second: float, kbps: int) -> None:
    assert application_specific_kbps(bits_per_second) == kbps
