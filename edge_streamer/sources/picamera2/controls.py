"""A camera's controls as the configuration names them, checked against what this camera reports.

Arithmetic and words only: the caller (`rig`) reads ranges and enumerations from libcamera and gives it the checked
values. libcamera itself clamps or ignores a wrong value silently; here it is an error.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from edge_streamer.protocol.source.ranges import ControlValue
from edge_streamer.sources.ending import SourceError

ControlRange: TypeAlias = tuple[Any, Any, Any]
"""Minimum, maximum and default as picamera2's `controls` has them; None or a tuple (a rectangle) is possible."""

OF_THE_STREAMS: Final = ("FrameDurationLimits", "FrameRate")
"""Controls that follow the streams' `fps` and cannot be set by hand, since both would set the frame rate."""


def checked_controls(
    values: Mapping[str, ControlValue],
    ranges: Mapping[str, ControlRange],
    enumerations: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """Return `values` as libcamera takes them: names of enumerations as numbers, whole numbers as int.

    `ranges` has every control of the camera, `enumerations` the names of those that have names. SourceError names the
    control and what is allowed.
    """
    return {name: _checked(name, value, ranges, enumerations.get(name, {})) for name, value in values.items()}


def _checked(
    name: str, value: ControlValue, ranges: Mapping[str, ControlRange], names: Mapping[str, int]
) -> bool | int | float | tuple[int | float, ...]:
    if name in OF_THE_STREAMS:
        raise SourceError(f"control {name} follows the streams' fps: set those instead")
    if name not in ranges:
        raise SourceError(f"this camera has no control {name}{_hint(name, ranges)}")
    least, most, _default = ranges[name]
    if names:
        return _of_enumeration(
            name, value, {key: number for key, number in names.items() if _is_in(number, least, most)}
        )
    if isinstance(least, tuple):
        return _rectangle(name, value, len(least))
    if isinstance(value, tuple):
        return tuple(_number(name, item, least, most) for item in value)
    return _number(name, value, least, most)


def _hint(wanted: str, known: Mapping[str, Any]) -> str:
    """Return all names, a few dozen at most, and the likely one."""
    folded = {name.lower(): name for name in known}
    close = get_close_matches(wanted.lower(), folded, n=1)
    guess = f"; did you mean {folded[close[0]]}?" if close else ""
    allowed = sorted(set(known) - set(OF_THE_STREAMS))
    return f" (it has: {', '.join(allowed) or 'none'}){guess}"


def _of_enumeration(name: str, value: ControlValue, names: Mapping[str, int]) -> int:
    if isinstance(value, str) and value in names:
        return names[value]
    if isinstance(value, int) and not isinstance(value, bool) and value in names.values():
        return value
    raise SourceError(f"control {name} cannot be {value!r} (allowed: {', '.join(names)})")


def _number(name: str, value: ControlValue, least: Any, most: Any) -> bool | int | float:
    allowed = f"control {name} cannot be {value!r} (allowed: {_range_text(least, most)})"
    if isinstance(value, str | tuple) or isinstance(value, bool) != isinstance(least, bool):
        raise SourceError(allowed)
    if not _is_in(value, least, most) or (isinstance(least, int) and value != int(value)):
        raise SourceError(allowed)
    return value if isinstance(value, bool) else type(least)(value) if least is not None else value


def _is_in(value: float, least: Any, most: Any) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range_text(least: Any, most: Any) -> str:
    return "true, false" if isinstance(least, bool) else f"{least} to {most}"


def _rectangle(name: str, value: ControlValue, sides: int) -> tuple[int, ...]:
    """Return x, y, width and height (or width and height); where they lie in the sensor libcamera itself corrects."""
    if isinstance(value, tuple) and len(value) == sides and all(item >= 0 and item == int(item) for item in value):
        return tuple(int(item) for item in value)
    raise SourceError(f"control {name} cannot be {value!r} (allowed: a list of {sides} whole numbers, none negative)")
