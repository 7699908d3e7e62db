import pytest

from edge_streamer.protocol.rtsp.headers.content_length import parse_content_length


@pytest.mark.parametrize(
    ("value", "length"), [(None, 0), ("", 0), ("0", 0), ("42", 42), ("007", 7), ("9999999999", 9999999999)]
)
def test_length(value: str | None, length: int) -> None:
    assert parse_content_length(value) == length


@pytest.mark.parametrize("value", ["-1", "+5", "5, 5", "abc", "0x10", "1e3", "5.0", "²", "99999999999", "1 1"])
def test_no_length(value: str) -> None:
    assert parse_content_length(value) is None
