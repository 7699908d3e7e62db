"""Blocks in docs/ that are made from the code, each between two marker comments.

A test compares a block with what is rendered now; `python -m tests.tools.generated_docs` rewrites them all.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final

from edge_streamer.app import changeover
from edge_streamer.protocol.rtsp.server import states as rtsp_states
from edge_streamer.runtime.tcp import end as tcp_end
from edge_streamer.services.supervision import life, outage

ROOT: Final = Path(__file__).parents[2]


def state_diagram(transitions: Mapping[tuple[Enum, str], Enum], *, first: Enum, last: Iterable[Enum] = ()) -> str:
    """Return a table of (state, event) -> state as a mermaid diagram; `last` are the states that nothing leaves."""
    arrows = (f"    {state.name} --> {after.name}: {event}" for (state, event), after in transitions.items())
    ends = (f"    {state.name} --> [*]" for state in last)
    return "\n".join(["stateDiagram-v2", f"    [*] --> {first.name}", *arrows, *ends])


def _fenced(diagram: Callable[[], str]) -> str:
    return f"```mermaid\n{diagram()}\n```"


GENERATED: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "rtsp-states": (
        "docs/rtsp-states.md",
        partial(state_diagram, rtsp_states.TRANSITIONS, first=rtsp_states.SessionState.INIT),
    ),
    "source-life": (
        "docs/states.md",
        partial(state_diagram, life.TRANSITIONS, first=life.LifeState.NEW, last=(life.LifeState.OVER,)),
    ),
    "outage": (
        "docs/states.md",
        partial(state_diagram, outage.TRANSITIONS, first=outage.OutageState.CLEAR, last=(outage.OutageState.OVER,)),
    ),
    "connection-end": (
        "docs/states.md",
        partial(state_diagram, tcp_end.TRANSITIONS, first=tcp_end.EndState.OPEN, last=(tcp_end.EndState.CLOSED,)),
    ),
    "changeover": (
        "docs/states.md",
        partial(
            state_diagram,
            changeover.TRANSITIONS,
            first=changeover.ChangeoverState.KEEPING,
            last=(changeover.ChangeoverState.DONE,),
        ),
    ),
}
"""A block's marker -> its page (from the repository's root), and what draws its diagram."""


def written_block(marker: str) -> str:
    """Return what stands between the block's markers now."""
    _before, block, _after = split(GENERATED[marker][0], marker)
    return block.strip("\n")


def rendered_block(marker: str) -> str:
    """Return what should stand there."""
    return _fenced(GENERATED[marker][1])


def split(page: str, marker: str) -> tuple[str, str, str]:
    """Return what stands before the block of that marker, with the comment that begins it, the block, and the rest;
    ValueError when `page` lacks the marker."""
    begin, end = f"<!-- begin {marker} (generated, do not edit) -->\n", f"<!-- end {marker} -->"
    before, begin_found, rest = (ROOT / page).read_text().partition(begin)
    block, end_found, after = rest.partition(end)
    if not (begin_found and end_found):
        raise ValueError(f"{page} lacks the markers of {marker}")
    return before + begin, block, end + after


def main() -> None:
    """Rewrite every block."""
    for marker, (page, _diagram) in GENERATED.items():
        before, _block, after = split(page, marker)
        (ROOT / page).write_text(f"{before}{rendered_block(marker)}\n{after}")


if __name__ == "__main__":
    main()
