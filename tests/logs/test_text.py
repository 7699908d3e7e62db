"""Records as text: one line an event, whatever a peer has put into it."""

import logging

import pytest

from edge_streamer.logs.text import (
    MAX_VALUE_CHARACTERS,
    PriorityFormatter,
    TerminalFormatter,
    escaped,
    key_values,
    without_userinfo,
)


def a_record(message: object, level: int = logging.INFO, error: Exception | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("edge_streamer.x", level, "x.py", 1, message, None, exc_info)
    record.created, record.msecs = 1.25, 250.0
    return record


def raised(text: str) -> Exception:
    try:
        int(text)
    except ValueError as error:
        error.args = (text,)
        return error
    raise AssertionError("a number")


def test_pairs_stand_with_a_blank_between():
    assert (
        key_values([("reason", "backlog"), ("sent_bytes", 7), ("age_s", 1.5)])
        == "reason=backlog sent_bytes=7 age_s=1.5"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines", r'"two\nlines"'),
        ("\x1b[2J", r'"\x1b[2J"'),
        ("\x9b2J", r'"\x9b2J"'),
        ("a\u2028b", r'"a\u2028b"'),
        ("\u202eright to left", r'"\u202eright to left"'),
        ("\udc80", r'"\udc80"'),
        ("Tür", "Tür"),
        ("[2001:db8::1]:554", "[2001:db8::1]:554"),
        (("main", "sub"), "main,sub"),
        ((), "-"),
        (20.0, "20.0"),
        (0.30000000000000004, "0.3"),
        (1234567.891, "1234567.89"),
        ("x" * 2 * MAX_VALUE_CHARACTERS, "x" * MAX_VALUE_CHARACTERS),
    ],
)
def test_what_is_no_plain_word_stands_in_quotes_and_escaped(value, text):
    assert key_values([("key", value)]) == f"key={text}"


def test_a_key_forges_nothing_either():
    assert key_values([("a b\nsession ended", 1)]) == r'"a b\nsession ended"=1'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DESCRIBE rtsp://alice:s3cret@cam/main", "DESCRIBE rtsp://***@cam/main"),
        ("rtsp://alice:p@ss@cam/main", "rtsp://***@cam/main"),
        ("http://alice@cam and rtsp://b:c@d", "http://***@cam and rtsp://***@d"),
        ("rtsp://alice:p/ss@cam/main", "rtsp://***@cam/main"),
        ("rtsp://alice:1234@cam/main", "rtsp://***@cam/main"),
        ("rtsp://:p@cam/main, again", "rtsp://***@cam/main, again"),
        ("/etc/rtsp:/alice:p@cam: no such file", "/etc/rtsp:/***@cam: no such file"),
        ("rtsp://cam/a@b", "rtsp://cam/a@b"),
        ("rtsp://cam:554/a@b", "rtsp://cam:554/a@b"),
        ("rtsp://[2001:db8::1]:554/main", "rtsp://[2001:db8::1]:554/main"),
        ("rtsp://cam:554/main", "rtsp://cam:554/main"),
        ("alice@cam", "alice@cam"),
    ],
)
def test_a_url_loses_its_user_and_password(text, shown):
    assert without_userinfo(text) == shown
    assert key_values([("url", text)]).strip('"').removeprefix("url=").strip('"') == shown


def test_a_terminal_sees_time_level_and_words():
    assert TerminalFormatter().format(a_record("session ended reason=idle")) == (
        "1970-01-01T00:00:01.250Z INFO session ended reason=idle"
    )


def test_no_record_is_more_than_one_line_of_its_own():
    text = TerminalFormatter().format(a_record("a\nb\r\x1b[31mc rtsp://u:p@h/", logging.WARNING))
    assert text == r"1970-01-01T00:00:01.250Z WARNING a\nb\r\x1b[31mc rtsp://***@h/"


def test_no_line_of_a_traceback_looks_like_a_record():
    error = raised("odd\n1970-01-01T00:00:01.250Z INFO session ended \x1b[2J rtsp://u:p@h/")
    first, *lines = TerminalFormatter().format(a_record("fault handler=X", logging.ERROR, error)).split("\n")
    assert first.endswith("ERROR fault handler=X")
    assert lines[0] == "  Traceback (most recent call last):"
    assert lines[-1] == r"  1970-01-01T00:00:01.250Z INFO session ended \x1b[2J rtsp://***@h/"
    assert all(line.startswith("  ") for line in lines)


@pytest.mark.parametrize(
    ("level", "mark"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 3)],
)
def test_for_the_journal_each_line_has_its_priority(level, mark):
    lines = PriorityFormatter().format(a_record("one\ntwo", level, raised("three\nfour"))).split("\n")
    assert lines[0] == rf"<{mark}>one\ntwo"
    assert len(lines) > 3
    assert all(line.startswith(f"<{mark}>  ") for line in lines[1:])


def test_escaped_text_is_one_printable_line():
    everything = "".join(map(chr, range(0x3000))) + "\ud800\U000e0001"
    assert escaped(everything).isprintable()
