import re

from edge_streamer.services.metrics.families import MAX_EXPORTED_SESSIONS, MetricKind, exported_sessions
from edge_streamer.services.metrics.table import FAMILIES
from tests.support.service_status import a_session, a_status


def test_names_are_unique_and_plain_ascii():
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        for name in (family.name, *family.labels):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name


def test_suffixes_say_what_the_kind_is():
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind is MetricKind.COUNTER), family.name
        assert family.name.endswith("_info") == (family.kind is MetricKind.INFO), family.name


def test_help_is_one_plain_sentence():
    for family in FAMILIES:
        assert re.fullmatch(r'[A-Z][^\\"\n]+\.', family.help), family.name


def test_labels_do_not_clash_with_those_of_prometheus():
    taken = {"instance", "job", "type", "le", "quantile", "service", "zone", "env", "region"}
    for family in FAMILIES:
        assert not taken & set(family.labels), family.name


def test_the_sessions_in_the_lowest_slots_are_exported():
    status = a_status(sessions=tuple(a_session(slot) for slot in range(5, 75)))
    assert [session.slot for session in exported_sessions(status)] == list(range(5, 5 + MAX_EXPORTED_SESSIONS))
