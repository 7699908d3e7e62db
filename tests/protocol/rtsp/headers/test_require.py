import pytest

from edge_streamer.protocol.rtsp.headers.require import encode_unsupported, unsupported_tags

CASES = [
    (None, ()),
    ("", ()),
    (" , ,", ()),
    ("www.onvif.org/ver20/backchannel", ()),  # go2rtc
    ("WWW.onvif.org/ver20/Backchannel", ()),
    ("foo", ("foo",)),
    ("foo, www.onvif.org/ver20/backchannel,\tbar", ("foo", "bar")),
]


@pytest.mark.parametrize(("value", "tags"), CASES)
def test_unsupported_tags(value: str | None, tags: tuple[str, ...]) -> None:
    assert unsupported_tags(value) == tags


@pytest.mark.parametrize("tags", [("foo",), ("foo", "bar")])
def test_what_is_unsupported_is_so_again(tags: tuple[str, ...]) -> None:
    assert unsupported_tags(encode_unsupported(tags)) == tags
