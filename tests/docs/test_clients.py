"""docs/clients.md calls a program tested if it is run, and no other."""

from collections import defaultdict

from tests.recorders.catalog import RECORDERS
from tests.tools.clients_docs import rows, written_rows


def test_the_table_has_what_is_run():
    written = written_rows()
    version_of = {line.split("|")[4].strip(): line.split("|")[5].strip() for line in written}
    assert all(version[:1].isdigit() for version in version_of.values())
    assert written == rows(defaultdict(str, version_of)), "run: python -m tests.tools.clients_docs"


def test_each_run_has_a_name_of_its_own():
    names = [recorder.id for recorder in RECORDERS]
    assert len(set(names)) == len(names)
