"""Hardware profiles: what a board and its camera can do. `hw_profiles/` has a TOML file for each board,
`hw_profiles/sensors/` for each sensor.

The device tree (`device.board`) tells which board this is. A profile holds facts about hardware and the streams that
suit it; it knows nothing of the service. `docs/boards.md` says how to write one. Called by `config.load`,
`config.encoder_limits`, `cli.main` and `cli.probe`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from edge_streamer.config.toml import ConfigError, check_keys, did_you_mean, expect_table, read_file, read_struct, shown
from edge_streamer.device.board import BoardIdentity
from edge_streamer.protocol.source.encoder_limits import EncoderLimits

GENERIC: Final = "generic"
"""Name of the profile for a board that no other profile names."""

Facts: TypeAlias = Mapping[str, Any]
"""Tables as written: `probe --json` shows them, and no code depends on them."""


class Board(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[board]`: the profile's name, which is its file's, the board's usual name, and how it is recognised.

    `compatible` are names of the device tree. `models` are prefixes of its model, for a board that shares its
    `compatible` with another board.
    """

    name: str
    title: str = ""
    compatible: Annotated[tuple[str, ...], Meta(extra={"allowed": "a list of device-tree names in quotes"})] = ()
    models: Annotated[tuple[str, ...], Meta(extra={"allowed": "a list of device-tree models in quotes"})] = ()


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[network]`: the nominal rate of the board's fastest interface in bit/s."""

    link_bps: Annotated[int, Meta(ge=1, le=100_000_000_000)]


class Serial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[serial]`: the device file of the UART on the board's pin header."""

    port: str


class Led(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[led]`: the LED that shows the board's state, its folder under /sys/class/leds."""

    path: Annotated[
        str, Meta(pattern=r"\A/sys/class/leds/[^/]+\Z", extra={"allowed": '"/sys/class/leds/NAME", a folder of sysfs'})
    ]


class Profile(Struct, frozen=True, kw_only=True):
    """One board. A field is None where the board has no such part or the profile does not say; a board without an
    `encoder` makes H.264 in software.

    `streams` are its default `[streams.<name>]` tables as written; `config` checks them with everything else.
    `camera_connector` (CSI ports, lanes, pins) and `sensors` (those that the board's kernel knows) are for people.
    """

    board: Board
    encoder: EncoderLimits | None = None
    network: Network | None = None
    serial: Serial | None = None
    led: Led | None = None
    camera_connector: Facts | None = None
    sensors: Facts | None = None
    streams: Mapping[str, Mapping[str, object]] = {}

    @property
    def name(self) -> str:
        """The name that `--profile` takes."""
        return self.board.name

    @property
    def title(self) -> str:
        """The board's usual name, for people."""
        return self.board.title or self.board.name


class _Chip(Struct, frozen=True):
    autofocus: bool


class _Module(Struct, frozen=True):
    name: str


class _Sensor(Struct, frozen=True):
    """The facts that `probe` puts into words; it shows the rest of the sensor's file as written."""

    sensor: _Chip
    modules: Annotated[tuple[_Module, ...], Meta(min_length=1)]


_SECTIONS: Final = tuple(Profile.__struct_fields__)
Section = TypeVar("Section", bound=Struct)


def profile_folders() -> tuple[Path, ...]:
    """Return the possible places of `hw_profiles/`: beside the package in a checkout, `share` of a wheel or package."""
    checkout = Path(__file__).resolve().parents[2] / "hw_profiles"
    shares = (Path(sys.prefix) / "share", Path("/usr/share"))
    return (checkout, *(share / "edge_streamer" / "hw_profiles" for share in shares))


def find_profiles(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Return `{name: file}` of the first of `folders` that has the generic profile; ConfigError when none has."""
    return _toml_files(_profile_folder(folders))


def load_profile(file: Path) -> Profile:
    """Return the profile in `file`; ConfigError, beginning with the file's name, when it is invalid."""
    try:
        return _build_profile(read_file(file))
    except ConfigError as error:
        raise ConfigError(f"{file.name}: {error}") from None


def select_profile(name: str | None, board: BoardIdentity, folders: tuple[Path, ...] | None = None) -> Profile:
    """Return the profile called `name`, or without a name the one for `board`; `folders` default to the installed.

    ConfigError for a name that no profile has.
    """
    files = find_profiles(folders or profile_folders())
    if name is not None:
        return load_profile(_file_of(name, files))
    profiles = tuple(load_profile(file) for file in files.values())
    return _profile_for(board, profiles) or load_profile(files[GENERIC])


def boards_with_encoder(folders: tuple[Path, ...] | None = None) -> list[str]:
    """Return the usual names of the boards with a hardware encoder, sorted; an error message lists them."""
    files = find_profiles(folders or profile_folders())
    profiles = (load_profile(file) for file in files.values())
    return sorted(profile.title for profile in profiles if profile.encoder is not None)


def load_sensors(folders: tuple[Path, ...] | None = None) -> dict[str, Facts]:
    """Return `{name: facts}` of the files in `sensors/` of the profiles' folder; ConfigError for the first mistake.

    A file has the name that the chip's driver gives to the chip; a driver may append the module (`imx708_wide`).
    """
    files = _toml_files(_profile_folder(folders or profile_folders()) / "sensors")
    return {name: load_sensor(file) for name, file in files.items()}


def load_sensor(file: Path) -> Facts:
    """Return the tables in `file` as written; ConfigError, beginning with the file's name, when it lacks the facts that
    `probe` puts into words."""
    facts = read_file(file)
    try:
        msgspec.convert(facts, _Sensor)
    except msgspec.ValidationError as error:
        raise ConfigError(f"sensors/{file.name}: {error}") from None
    return facts


def _profile_folder(folders: tuple[Path, ...]) -> Path:
    for folder in folders:
        if (folder / f"{GENERIC}.toml").is_file():
            return folder
    raise ConfigError(f"hw_profiles: not found in {', '.join(map(str, folders))}; install edge-streamer again")


def _toml_files(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def _file_of(name: str, files: Mapping[str, Path]) -> Path:
    if name not in files:
        raise ConfigError(
            f"--profile: {shown(name)} is no profile;{did_you_mean(name, files)} allowed: {', '.join(files)}"
        )
    return files[name]


def _profile_for(board: BoardIdentity, profiles: tuple[Profile, ...]) -> Profile | None:
    """Return the profile whose `models` match; else the first match of `compatible`, which a device tree lists from the
    exact board to its family."""
    for profile in profiles:
        if board.model.startswith(profile.board.models):
            return profile
    for compatible in board.compatible:
        for profile in profiles:
            if compatible in profile.board.compatible:
                return profile
    return None


def _build_profile(tables: Mapping[str, Any]) -> Profile:
    check_keys(tables, _SECTIONS)
    streams = expect_table(tables.get("streams", {}), "streams")
    return Profile(
        board=read_struct(tables.get("board", {}), Board, "board"),
        encoder=_optional(tables, "encoder", EncoderLimits),
        network=_optional(tables, "network", Network),
        serial=_optional(tables, "serial", Serial),
        led=_optional(tables, "led", Led),
        camera_connector=_facts(tables, "camera_connector"),
        sensors=_facts(tables, "sensors"),
        streams={name: expect_table(stream, f"streams.{name}") for name, stream in streams.items()},
    )


def _optional(tables: Mapping[str, Any], key: str, struct_type: type[Section]) -> Section | None:
    return read_struct(tables[key], struct_type, key) if key in tables else None


def _facts(tables: Mapping[str, Any], key: str) -> Facts | None:
    return expect_table(tables[key], key) if key in tables else None
