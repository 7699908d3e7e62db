"""The table in docs/clients.md of the programs that were really run, written from what `tests/recorders` runs.

    python -m tests.tools.clients_docs      # root: it asks the recorders' root for versions, and builds it if need be

Versions are those of the root when the table was written; a test compares the rest with the catalog.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.recorders.catalog import RECORDERS
from tests.recorders.root import built_root, versions

PAGE: Final = Path(__file__).parents[2] / "docs" / "clients.md"
BEGIN: Final = "<!-- begin recorders (generated, do not edit) -->\n"
END: Final = "<!-- end recorders -->"
HEAD: Final = ("| program | how | transports | package | version |", "|---|---|---|---|---|")


def rows(version_of: Mapping[str, str]) -> list[str]:
    """Return a line for each program and way of running it, with its transports."""
    transports: dict[tuple[str, str, str], list[str]] = {}
    for recorder in RECORDERS:
        transports.setdefault((recorder.name, recorder.how, recorder.package), []).append(recorder.transport)
    return [
        f"| {name} | {how} | {', '.join(found)} | {package} | {version_of[package]} |"
        for (name, how, package), found in transports.items()
    ]


def written_rows() -> list[str]:
    """Return the lines that the page has now, without the head; ValueError when it lacks the markers."""
    _before, begin, rest = PAGE.read_text().partition(BEGIN)
    block, end, _after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} lacks the markers of the table")
    return block.splitlines()[len(HEAD) :]


def main() -> None:
    """Rewrite the table."""
    lines = rows(versions(built_root(lambda text: print(text, file=sys.stderr))))
    before, _begin, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n".join([*HEAD, *lines]) + "\n" + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
