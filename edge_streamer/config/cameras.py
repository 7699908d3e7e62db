"""The `[cameras.<number>]` tables: how a libcamera camera is mounted, read out and set.

`CameraConfig` is a part of `config.Config`; only `config.load` calls `read_cameras`. Only the camera knows which
controls it has, and their ranges: its source process checks them, and reports a mistake in the stream's reason.
"""

import re
from collections.abc import Container, Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import asdict

from edge_streamer.config.toml import ConfigError, expect_table, read_struct, shown, shown_key
from edge_streamer.protocol.source.ranges import (
    BUFFERS,
    MAX_CAMERA_NUMBER,
    MAX_CONTROL_VALUES,
    MAX_CONTROLS,
    MAX_SENSOR_PIXELS,
    SENSOR_SIDE,
    ControlValue,
    Rotation,
)

MAX_CONTROL_CHARACTERS: Final = 64

_CAMERA_NUMBER: Final = re.compile(r"0|[1-9][0-9]?")
_CONTROL_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_CONTROL_NUMBERS: Final = (-(2**63), 2**63)
"""Half-open range of libcamera's 64-bit controls. It excludes infinities and NaN, too."""

SensorSide: TypeAlias = Annotated[int, SENSOR_SIDE]


class CameraConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[cameras.<number>]`: a libcamera camera, for all streams that it feeds."""

    hflip: Annotated[bool, Meta(description="Mirror the picture left to right.")] = False
    vflip: Annotated[bool, Meta(description="Turn the picture upside down.")] = False
    rotation: Annotated[
        Rotation,
        Meta(description="Degrees by which the picture is turned: 180 for a camera that is mounted upside down."),
    ] = 0
    sensor_mode: (
        Annotated[
            tuple[SensorSide, SensorSide],
            Meta(
                description="Width and height that the sensor is read out with, one of its modes as `edge-streamer "
                "probe` lists them. Left out: chosen by the size and rate of the streams.",
                extra={"allowed": f"[WIDTH, HEIGHT], both 1 to {MAX_SENSOR_PIXELS}"},
            ),
        ]
        | None
    ) = None
    buffer_count: Annotated[
        int,
        BUFFERS,
        Meta(
            description="Pictures that are under way between sensor and encoder. More survive a busy moment, fewer "
            "take less memory.",
        ),
    ] = 6
    controls: Annotated[
        dict[str, ControlValue],
        Meta(
            description='A table of libcamera\'s controls by name, such as `AfMode = "Continuous"` or '
            "`ExposureValue = -0.5`; choices by their names in quotes. The camera checks them.",
            extra={"allowed": f"a table of up to {MAX_CONTROLS} names and values"},
        ),
    ] = {}


def read_cameras(written: object, used: Container[int]) -> dict[int, CameraConfig]:
    """Return the cameras of the `[cameras]` table `written`, by number; `used` are the numbers that streams ask for.

    ConfigError for the first mistake, and for a camera that no stream uses.
    """
    tables = expect_table(written, "cameras")
    cameras = {_read_number(key): _read_camera(table, f"cameras.{shown_key(key)}") for key, table in tables.items()}
    for number in cameras:
        if number not in used:
            raise ConfigError(
                f"cameras.{number}: no stream uses this camera; remove it, or write camera = {number} in a stream "
                'whose source is "picamera2" or "auto"'
            )
    return cameras


def camera_tables(cameras: Mapping[int, CameraConfig]) -> dict[str, dict[str, object]]:
    """Return `{dotted path: {key: value}}` for `config.toml.write_tables`."""
    tables: dict[str, dict[str, object]] = {}
    for number, camera in cameras.items():
        settings = asdict(camera)
        controls = settings.pop("controls")
        tables[f"cameras.{number}"] = settings
        if controls:
            tables[f"cameras.{number}.controls"] = controls
    return tables


def _read_number(key: str) -> int:
    if not _CAMERA_NUMBER.fullmatch(key) or int(key) > MAX_CAMERA_NUMBER:
        raise ConfigError(
            f"cameras.{shown_key(key)}: not a camera's number; allowed: 0 to {MAX_CAMERA_NUMBER}, as edge-streamer "
            "probe lists it"
        )
    return int(key)


def _read_camera(table: object, path: str) -> CameraConfig:
    settings = dict(expect_table(table, path))
    controls = _read_controls(settings.pop("controls", {}), f"{path}.controls")
    return read_struct({**settings, "controls": controls}, CameraConfig, path)


def _read_controls(table: object, path: str) -> dict[str, ControlValue]:
    written = expect_table(table, path)
    if len(written) > MAX_CONTROLS:
        raise ConfigError(f"{path}: {len(written)} controls are not allowed; allowed: up to {MAX_CONTROLS}")
    return {name: _read_control(name, value, path) for name, value in written.items()}


def _read_control(name: str, value: object, path: str) -> ControlValue:
    if not _CONTROL_NAME.fullmatch(name):
        raise ConfigError(f"{path}.{shown_key(name)}: not a control's name; allowed: letters, digits and _, as AfMode")
    match value:
        case bool():
            return value
        case int() | float() if _is_number(value):
            return value
        case str() if len(value) <= MAX_CONTROL_CHARACTERS:
            return value
        case list() if 1 <= len(value) <= MAX_CONTROL_VALUES and all(map(_is_list_number, value)):
            return tuple(map(float, value))
        case _:
            raise ConfigError(
                f"{path}.{name}: {shown(value)} is not allowed; allowed: true or false, a number, a name in quotes of "
                f"up to {MAX_CONTROL_CHARACTERS} characters, or a list of 1 to {MAX_CONTROL_VALUES} numbers"
            )


def _is_number(value: object) -> bool:
    first, end = _CONTROL_NUMBERS
    return isinstance(value, int | float) and not isinstance(value, bool) and first <= value < end


def _is_list_number(value: object) -> bool:
    """A list's numbers become floats: 2**63 - 1 would be rounded up to the first number that is not allowed."""
    return isinstance(value, int | float) and _is_number(value) and _is_number(float(value))
