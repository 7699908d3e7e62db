"""The events themselves: their ids, their lines, their journal fields; the catalog that explains them."""

import dataclasses
import logging
import re
import subprocess
from pathlib import Path

import pytest

from edge_streamer.logs import events as log_events
from edge_streamer.logs.events import EVENTS, HandlerFailed, SessionEnded, SessionKicked, SourceNoted, log_event
from edge_streamer.logs.fields import FIELDS, JOURNAL_NAMES, Event
from tests.tools.log_docs import PATH, log_reference

CATALOG = Path(__file__).parents[2] / "systemd" / "edge_streamer.catalog"
JOURNALS_OWN = re.compile(r"MESSAGE|MESSAGE_ID|PRIORITY|CODE_.*|ERRNO|SYSLOG_.*|TID|UNIT|INVOCATION_ID|_.*")
"""Fields that mean something to the journal already (systemd.journal-fields(7))."""

ENDED = SessionEnded(
    reason="backlog",
    session="5E55000000000001",
    peer="192.0.2.7:50122",
    stream="main",
    transport="tcp",
    client="ffmpeg",
    sent_bytes=1000,
    backlog_bytes=10,
    backlog_age_s=8.004,
    duration_s=61.25,
)


def field_names(event: type[Event]) -> list[str]:
    return [field.name for field in dataclasses.fields(event)]


def catalog_entries() -> dict[str, str]:
    _head, *entries = re.split(r"^-- ([0-9a-f]+)\n", CATALOG.read_text(), flags=re.MULTILINE)
    return dict(zip(entries[::2], entries[1::2], strict=True))


def test_all_events_are_listed_once():
    defined = {each for each in vars(log_events).values() if isinstance(each, type) and issubclass(each, Event)}
    assert defined - {Event} == set(EVENTS)
    assert len({event.words for event in EVENTS}) == len(EVENTS)


def test_ids_are_128_bits_and_each_event_has_its_own():
    assert all(re.fullmatch("[0-9a-f]{32}", event.message_id) for event in EVENTS)
    assert len({event.message_id for event in EVENTS}) == len(EVENTS)


def test_an_id_that_operators_filter_by_stays():
    assert SessionEnded.message_id == "b3e949f584f448a6ac92a57def381b95"


def test_every_field_is_explained_and_none_is_explained_for_nothing():
    assert {name for event in EVENTS for name in field_names(event)} == set(FIELDS)


def test_no_field_takes_a_name_that_means_something_to_the_journal():
    names = [JOURNAL_NAMES.get(name, name.upper()) for name in FIELDS]
    assert not [name for name in names if JOURNALS_OWN.fullmatch(name)]
    assert all(re.fullmatch("[A-Z][A-Z0-9_]{0,63}", name) for name in names)


def test_an_event_is_a_line():
    assert str(ENDED) == (
        "session ended reason=backlog session=5E55000000000001 peer=192.0.2.7:50122 stream=main transport=tcp "
        "client=ffmpeg sent_bytes=1000 backlog_bytes=10 backlog_age_s=8.0 duration_s=61.25"
    )


def test_for_the_journal_an_event_has_fields():
    fields = dict(dataclasses.replace(ENDED, user="front-desk").journal_fields())
    assert fields["REASON"] == "backlog"
    assert (fields["USER_NAME"], fields["SENT_BYTES"], fields["BACKLOG_AGE_S"]) == ("front-desk", "1000", "8.0")
    assert "USER" not in fields


def test_several_streams_are_several_fields():
    event = log_events.SourceUp(kind="file", streams=("main", "sub"))
    assert list(event.journal_fields()) == [("KIND", "file"), ("STREAM", "main"), ("STREAM", "sub")]


def test_a_field_of_the_journal_is_one_printable_line_without_a_credential():
    event = SessionKicked(session="a\nMESSAGE=forged\x1b[2J rtsp://u:p@h/")
    assert list(event.journal_fields()) == [("SESSION", r"a\nMESSAGE=forged\x1b[2J rtsp://***@h/")]


def test_what_a_source_notes_is_no_field_of_ours():
    event = SourceNoted(stream="main", note={"event": "ready", "MESSAGE_ID": "x", "camera": "a b"})
    assert str(event) == 'source note stream=main event=ready MESSAGE_ID=x camera="a b"'
    assert list(event.journal_fields()) == [("STREAM", "main")]


def test_an_event_is_logged_at_its_level_as_of_who_told_it(caplog):
    with caplog.at_level(logging.DEBUG):
        log_event(logging.getLogger("edge_streamer.x"), ENDED)
        log_event(logging.getLogger("edge_streamer.x"), HandlerFailed(handler="X"), ValueError("odd"))
    told, fault = caplog.records
    assert (told.levelname, told.msg, told.exc_info) == ("INFO", ENDED, None)
    assert told.funcName == "test_an_event_is_logged_at_its_level_as_of_who_told_it"
    assert (fault.levelname, fault.getMessage()) == ("ERROR", "fault handler=X")
    assert fault.exc_info[0] is ValueError


# --- the catalog and the page


def test_the_catalog_explains_every_event():
    assert set(catalog_entries()) == {event.message_id for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_explanation_uses_fields_that_the_event_has(event):
    text = catalog_entries()[event.message_id]
    assert text.startswith("Subject: ")
    assert text.split("\n")[1] == "Defined-By: edge_streamer"
    used = set(re.findall("@([A-Z_]+)@", text))
    assert used <= {JOURNAL_NAMES.get(name, name.upper()) for name in field_names(event)}
    assert text.split("\n\n", 1)[1].strip()


def test_journalctl_takes_the_catalog_in(tmp_path):
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    (folder / CATALOG.name).write_text(CATALOG.read_text())
    journalctl = ["journalctl", f"--root={tmp_path}"]
    subprocess.run([*journalctl, "--update-catalog"], check=True, timeout=20, capture_output=True)
    listed = subprocess.run([*journalctl, "--list-catalog"], check=True, timeout=20, capture_output=True, text=True)
    assert {line.split(" ")[0] for line in listed.stdout.splitlines()} == {event.message_id for event in EVENTS}


def test_the_reference_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == log_reference(), "run: python -m tests.tools.log_docs"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_is_one_row_of_the_reference(event):
    [row] = [line for line in log_reference().splitlines() if line.startswith(f"| `{event.words}` |")]
    assert row.endswith(f"| `{event.message_id}` |")
