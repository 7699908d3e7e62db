"""The wire format between a source and the server: whole, torn at every byte, and as garbage."""

import json
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES, EncodedFrame
from edge_streamer.protocol.source.messages import (
    MAX_NOTE_BYTES,
    SourceChanged,
    SourceCommand,
    SourceDiscarded,
    SourceDropped,
    SourceFormatError,
    SourceFrame,
    SourceNote,
    SourceParser,
    SourceReady,
    SourceSnapshot,
    encode_frame_header,
    encode_note,
    encode_snapshot_header,
)

OUTPUTS = 2
HEADER_BYTES = 44
KEY_FRAME = EncodedFrame(b"\0\0\0\1\x65key", True, 90_000, 1_700_000_000_000_000_000, 123)
LATER = EncodedFrame(b"\0\0\0\1\x41later", False, 1 << 40, -1, 1 << 62, True, 1 << 61)

frames = st.builds(
    EncodedFrame,
    st.binary(min_size=1, max_size=60),
    st.booleans(),
    *[st.integers(-(1 << 63), (1 << 63) - 1)] * 3,
    st.booleans(),
    st.integers(0, (1 << 63) - 1),
)
messages = st.one_of(
    st.builds(SourceFrame, st.integers(0, OUTPUTS - 1), frames),
    st.builds(
        SourceNote,
        st.integers(0, OUTPUTS - 1),
        st.dictionaries(st.text().filter(lambda key: key not in {"output"}), st.integers() | st.text(), max_size=3),
    ),
    st.builds(SourceSnapshot, st.integers(0, OUTPUTS - 1), st.binary(min_size=1, max_size=60)),
)


def on_the_wire(message):
    if isinstance(message, SourceFrame):
        return encode_frame_header(message.output, message.frame) + message.frame.data
    if isinstance(message, SourceSnapshot):
        return encode_snapshot_header(message.output, message.jpeg) + message.jpeg
    return encode_note(message.output, **message.values)


def header(*, magic=b"eF", kind=1, output=0, flags=0, length=1):
    return struct.pack("<2sBBBxxxIqqqq", magic, kind, output, flags, length, 0, 0, 0, 0)


def parsed(data):
    return SourceParser(OUTPUTS).receive(data)


def outcome(pieces):
    """What a parser makes of the pieces: the messages up to an error, and whether there was one."""
    parser, received = SourceParser(OUTPUTS), []
    for piece in pieces:
        try:
            received += parser.receive(piece)
        except SourceFormatError:
            return received, "error"
    return received, "open"


SCRIPT = [
    SourceNote(0, {"event": "ready", "width": 1280}),
    SourceFrame(0, KEY_FRAME),
    SourceFrame(1, LATER),
    SourceNote(1, {"event": "dropped", "frames": 7}),
    SourceFrame(1, msgspec.structs.replace(KEY_FRAME, data=b"x")),
]
SCRIPT_BYTES = b"".join(map(on_the_wire, SCRIPT))


def test_messages_come_out_as_they_went_in():
    assert parsed(SCRIPT_BYTES) == SCRIPT


def test_messages_come_out_the_same_byte_by_byte():
    assert outcome([bytes([byte]) for byte in SCRIPT_BYTES]) == (SCRIPT, "open")


@pytest.mark.parametrize("split", range(len(SCRIPT_BYTES) + 1))
def test_messages_come_out_the_same_torn_anywhere(split):
    assert outcome([SCRIPT_BYTES[:split], SCRIPT_BYTES[split:]]) == (SCRIPT, "open")


@pytest.mark.parametrize("missing", range(1, len(on_the_wire(SCRIPT[1])) + 1))
def test_a_message_is_not_out_before_its_last_byte(missing):
    assert parsed(on_the_wire(SCRIPT[0]) + on_the_wire(SCRIPT[1])[:-missing]) == SCRIPT[:1]


def test_the_header_has_the_documented_size():
    assert len(encode_frame_header(0, KEY_FRAME)) == HEADER_BYTES


def test_the_largest_bodies_are_accepted():
    largest = msgspec.structs.replace(KEY_FRAME, data=bytes(MAX_ACCESS_UNIT_BYTES))
    note = {"event": "x" * (MAX_NOTE_BYTES - len('{"event": ""}'))}
    assert parsed(on_the_wire(SourceFrame(0, largest))) == [SourceFrame(0, largest)]
    assert parsed(encode_note(0, **note)) == [SourceNote(0, note)]


@pytest.mark.parametrize(
    "wrong",
    [
        header(magic=b"Fe"),
        header(kind=0),
        header(kind=4),
        header(output=OUTPUTS),
        header(flags=4),
        header(length=0),
        header(length=MAX_ACCESS_UNIT_BYTES + 1),
        header(kind=2, length=MAX_NOTE_BYTES + 1),
        header(kind=2, length=0),
        header(length=0xFFFFFFFF),
        b"GET / HTTP/1.1\r\nHost: camera\r\n\r\n" + bytes(12),
    ],
)
def test_a_header_that_cannot_be_true_is_refused_before_its_body(wrong):
    with pytest.raises(SourceFormatError, match="source byte 0 "):
        parsed(wrong)


@pytest.mark.parametrize(
    "body",
    [b"no JSON", b"[1]", b"7", b'"ready"', b"null", b"\xff\xfe", b"{", b"[" * 60_000, b'{"fps":NaN}', b'{"fps":1e999}'],
)
def test_a_note_that_is_no_object_is_refused(body):
    with pytest.raises(SourceFormatError, match="is a note that"):
        parsed(header(kind=2, length=len(body)) + body)


def test_the_error_says_where_in_the_stream():
    parser = SourceParser(OUTPUTS)
    parser.receive(SCRIPT_BYTES)
    first = on_the_wire(SCRIPT[0])
    with pytest.raises(SourceFormatError, match=f"source byte {len(SCRIPT_BYTES) + len(first)} "):
        parser.receive(first + bytes(HEADER_BYTES))


def test_the_error_shows_a_header_of_bytes_and_no_more():
    with pytest.raises(SourceFormatError) as raised:
        parsed(bytes(5000))
    assert str(raised.value).endswith(": " + "00" * HEADER_BYTES)


@given(st.lists(messages, max_size=5))
def test_any_message_survives_the_wire(sent):
    data = b"".join(map(on_the_wire, sent))
    assert parsed(data) == sent
    assert outcome([bytes([byte]) for byte in data]) == (sent, "open")


def _spoiled(data, at, value):
    return data[: at % len(data)] + bytes([value]) + data[at % len(data) + 1 :]


spoiled_scripts = st.builds(_spoiled, st.just(SCRIPT_BYTES), st.integers(0), st.integers(0, 255))


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=80).map(b"eF".__add__), spoiled_scripts))
def test_any_bytes_give_messages_or_a_format_error(data):
    whole, whole_end = outcome([data])
    piecewise, end = outcome([bytes([byte]) for byte in data])
    assert end == whole_end
    assert piecewise[: len(whole)] == whole
    if end == "open":
        assert piecewise == whole


COMMANDS = [
    SourceCommand("force_key_frame"),
    SourceCommand("force_key_frame", output=1),
    SourceCommand("set_bitrate", 1, 500_000),
    SourceCommand("stop"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_line_and_comes_back(command):
    line = command.encode()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert SourceCommand.decode(line) == command


def test_a_command_needs_no_output():
    assert SourceCommand.decode(b'{"command": "stop"}') == SourceCommand("stop")


NO_COMMANDS = [
    b"",
    b"stop",
    b"[]",
    b"{}",
    b'{"command": 7}',
    b'{"command": "stop", "output": "main"}',
    b'{"command": "stop", "output": [0]}',
    b'{"command": "stop", "output": null}',
    b'{"command": "stop", "output": 1e999}',
    b'{"command": "set_bitrate", "bitrate_bps": "fast"}',
    b'{"command": "set_bitrate", "bitrate_bps": true}',
    b"\xff",
    b"[" * 60_000,
]


@pytest.mark.parametrize("line", NO_COMMANDS)
def test_what_is_no_command_is_a_value_error(line):
    with pytest.raises(ValueError):
        SourceCommand.decode(line)


@given(
    st.binary(max_size=80)
    | st.dictionaries(
        st.sampled_from(["command", "output", "bitrate_bps"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=5),
            st.lists(st.integers(), max_size=1),
        ),
    ).map(lambda values: json.dumps(values).encode())
)
def test_any_line_is_a_command_or_a_value_error(line):
    try:
        command = SourceCommand.decode(line)
    except ValueError:
        return
    assert SourceCommand.decode(command.encode()) == command


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({"event": "ready", "encoder": "x264", "fps": 30}, SourceReady(encoder="x264", fps=30.0)),
        ({"event": "ready", "fps": 0.001, "width": 2**31}, SourceReady(fps=0.001, width=2**31)),
        ({"event": "changed", "bitrate_bps": 1}, SourceChanged(bitrate_bps=1)),  # an encoder rounds beyond any range
        ({"event": "changed", "fps": 1000.0}, SourceChanged(fps=1000.0)),
        ({"event": "dropped", "frames": 3}, SourceDropped(3)),
        ({"event": "discarded", "reason": "torn"}, SourceDiscarded("torn")),
    ],
)
def test_a_note_is_read_as_what_it_is(values, read):
    assert SourceNote(0, values).read_as(type(read)) == read


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"fps": 1001}, SourceReady),
        ({"width": -1}, SourceReady),
        ({"width": 2**31 + 1}, SourceReady),
        ({"encoder": "x" * 65}, SourceReady),
        ({"bitrate_bps": 0}, SourceChanged),
        ({"frames": "3"}, SourceDropped),
        ({"reason": "tired"}, SourceDiscarded),
    ],
)
def test_a_note_that_cannot_be_true_is_a_format_error(values, kind):
    with pytest.raises(SourceFormatError, match="output 1 sent an invalid note"):
        SourceNote(1, values).read_as(kind)
