import pytest

from edge_streamer.protocol.rtsp.headers.cseq import parse_cseq


@pytest.mark.parametrize("value", ["0", "1", "007", "302", "4294967295", "9" * 20])
def test_digits_are_kept_as_they_came(value: str) -> None:
    assert parse_cseq(value) == value


@pytest.mark.parametrize("value", [None, "", "-1", "+1", "1.0", "0x1", "1 2", "1, 1", "one", "²", "9" * 21])
def test_anything_else_is_none(value: str | None) -> None:
    assert parse_cseq(value) is None
