import pytest

from edge_streamer.protocol.rtsp.headers.session import encode_session, parse_session

CASES = [
    ("1A2B3C4D", "1A2B3C4D"),
    ("1A2B3C4D;timeout=60", "1A2B3C4D"),  # Larix (MTX#815)
    ("1299260789 ; timeout=60", "1299260789"),
    ("a$b-c_d.e+f", "a$b-c_d.e+f"),
    ("", None),
    (";timeout=60", None),
    ("two words", None),
    ("x" * 129, None),
    ("é", None),
]


@pytest.mark.parametrize(("value", "session_id"), CASES)
def test_parse(value: str, session_id: str | None) -> None:
    assert parse_session(value) == session_id


def test_encode_has_no_blank_and_is_parsed_again() -> None:
    assert encode_session("1A2B", 60) == "1A2B;timeout=60"
    assert parse_session(encode_session("1A2B", 60)) == "1A2B"
