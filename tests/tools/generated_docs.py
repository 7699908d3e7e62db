"""Blocks in docs/ that are made from the code, each between two marker comments.

A test compares a block with what is rendered now; `python -m tests.tools.generated_docs` rewrites them all.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge_streamer.protocol.rtsp.server.states import mermaid

ROOT: Final = Path(__file__).parents[2]


def _rtsp_states() -> str:
    return f"```mermaid\n{mermaid()}\n```"


GENERATED: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "docs/rtsp-states.md": ("rtsp-states", _rtsp_states),
}
"""Page (from the repository's root) -> the marker of its block, and what renders the block."""


def written_block(page: str) -> str:
    """Return what stands between the markers of `page` now."""
    _before, block, _after = _split(page)
    return block.strip("\n")


def rendered_block(page: str) -> str:
    """Return what should stand there."""
    return GENERATED[page][1]()


def _split(page: str) -> tuple[str, str, str]:
    marker = GENERATED[page][0]
    begin, end = f"<!-- begin {marker} (generated, do not edit) -->\n", f"<!-- end {marker} -->"
    before, begin_found, rest = (ROOT / page).read_text().partition(begin)
    block, end_found, after = rest.partition(end)
    if not (begin_found and end_found):
        raise ValueError(f"{page} lacks the markers of {marker}")
    return before + begin, block, end + after


def main() -> None:
    """Rewrite every block."""
    for page in GENERATED:
        before, _block, after = _split(page)
        (ROOT / page).write_text(f"{before}{rendered_block(page)}\n{after}")


if __name__ == "__main__":
    main()
