"""The blocks of `docs/install.md` that show what a device says of itself. Run as a module, it rewrites them.

The text is the appliance's own, for a device as in the example of step 3.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge_streamer.appliance.status_text import status_text
from edge_streamer.device.appliance_status import ApplianceStatus, AppliedSetting, IgnoredSetting
from edge_streamer.device.status_led import BLINKS, LedState

PAGE: Final = Path(__file__).parents[2] / "docs" / "install.md"
PASSWORD: Final = "k7mx-9qtr-w4hd"
"""Of the form that a device makes; no device has this one."""
_NEW: Final = ApplianceStatus(
    host_name="edge-4c1a07",
    serial="100000006b4c1a07",
    slot="a",
    data_state="ok",
    streams=("main",),
    has_initial_password=True,
    configuration="default",
)
_WITH_A_MISTAKE: Final = ApplianceStatus(
    host_name="gate",
    serial="100000006b4c1a07",
    slot="a",
    data_state="ok",
    streams=("main",),
    applied=(AppliedSetting(file="edge-streamer.toml", key="device.name", text="the device is gate.local"),),
    ignored=(IgnoredSetting(file="user-data", key="packages", reason="nothing is installed on this device"),),
    mistakes=("edge-streamer.toml, line 31, streams.main.fps: 400 is not between 1 and 240",),
    has_initial_password=False,
    configuration="last_good",
)
_MEANINGS: Final[Mapping[LedState, str]] = {
    LedState.STARTING: "starting: the board starts, or a stream has no picture yet",
    LedState.STREAMING: "streaming: every stream that is wanted has pictures",
    LedState.FAULT: "a fault: a stream is down, or the settings have a mistake; step 5 tells where it is said",
}


def _led_table() -> str:
    """Return a row for each pattern; what is not in it, the LED does not show."""
    rows = (
        f"| {BLINKS[state].on_ms} ms on, {BLINKS[state].off_ms} ms off | {meaning} |"
        for state, meaning in _MEANINGS.items()
    )
    return "\n".join(["| the LED | means |", "|---|---|", *rows])


def _fenced(text: str) -> str:
    return f"```\n{text}```"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "blink patterns": _led_table,
    "first status": lambda: _fenced(status_text(_NEW, ["192.168.1.23"], PASSWORD)),
    "status with a mistake": lambda: _fenced(status_text(_WITH_A_MISTAKE, ["192.168.1.23"], None)),
}
"""A block's name -> what should stand between its markers."""


def written_block(name: str) -> str:
    """Return what stands between the block's markers now; ValueError when they are missing."""
    return _parts(name)[1].strip("\n")


def _parts(name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- begin {name} (generated, do not edit) -->\n", f"<!-- end {name} -->"
    before, begin_found, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    block, end_found, after = rest.partition(end)
    if not (begin_found and end_found):
        raise ValueError(f"{PAGE.name} lacks the markers of {name}")
    return before + begin, block, end + after


def main() -> None:
    """Write the blocks."""
    for name, make in BLOCKS.items():
        before, _block, after = _parts(name)
        PAGE.write_text(f"{before}{make()}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
