"""Hardware profiles: what a board's encoder, network and serial port can do, one TOML file a board in `hw_profiles/`.

Which board this is comes from the device tree (`device.board`). A profile holds facts about hardware and the streams
that suit it; it knows nothing of the service. Called by `config`, `cli` and `probe`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from msgspec import Meta, Struct

from edge_streamer.device.board import BoardIdentity
from edge_streamer.toml import ConfigError, check_keys, did_you_mean, expect_table, read_file, read_struct, shown

GENERIC: Final = "generic"
"""The profile of a board that no other profile names."""

Bitrate = Annotated[int, Meta(ge=1, le=100_000_000_000)]
Pixels = Annotated[int, Meta(ge=16, le=16_384)]


class Board(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[board]`: the profile's name, which is its file's, and the device-tree names it is for."""

    name: str
    compatible: Annotated[tuple[str, ...], Meta(extra={"allowed": "a list of device-tree names in quotes"})] = ()


class Encoder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[encoder]`: the limits of the board's H.264 encoder; pixels, 16x16-pixel macroblocks a second, bit/s."""

    kind: Literal["v4l2_m2m"]
    max_width: Pixels
    max_height: Pixels
    max_macroblocks_per_s: Annotated[int, Meta(ge=1485, le=16_711_680)]
    max_bitrate_bps: Bitrate


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[network]`: what the board's best interface carries, nominal, in bit/s."""

    link_bps: Bitrate


class Serial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[serial]`: the device file of the UART on the board's pin header."""

    port: str


class Profile(Struct, frozen=True, kw_only=True):
    """One board. None where the board has no such thing or nothing is known of it.

    `streams` are its default `[streams.<name>]` tables as written; `config` checks them with everything else.
    """

    board: Board
    encoder: Encoder | None = None
    network: Network | None = None
    serial: Serial | None = None
    streams: Mapping[str, Mapping[str, object]] = {}

    @property
    def name(self) -> str:
        """The name that `--profile` takes."""
        return self.board.name


_SECTIONS: Final = ("board", "encoder", "network", "serial", "streams")
Section = TypeVar("Section", bound=Struct)


def profile_folders() -> tuple[Path, ...]:
    """Return where `hw_profiles/` may be: beside the package in a checkout, in `share` of a wheel or a package."""
    checkout = Path(__file__).resolve().parent.parent / "hw_profiles"
    shares = (Path(sys.prefix) / "share", Path("/usr/share"))
    return (checkout, *(share / "edge_streamer" / "hw_profiles" for share in shares))


def find_profiles(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Return `{name: file}` of the first of `folders` that has the generic profile; ConfigError when none has."""
    for folder in folders:
        if (folder / f"{GENERIC}.toml").is_file():
            return {file.stem: file for file in sorted(folder.glob("*.toml"))}
    raise ConfigError(f"hw_profiles: not found in {', '.join(map(str, folders))}; install edge-streamer again")


def load_profile(file: Path) -> Profile:
    """Return the profile in `file`; ConfigError, beginning with the file's name, when it is none."""
    try:
        return _build_profile(read_file(file))
    except ConfigError as error:
        raise ConfigError(f"{file.name}: {error}") from None


def select_profile(name: str | None, board: BoardIdentity, folders: tuple[Path, ...] | None = None) -> Profile:
    """Return the profile called `name`, or without a name the one for `board`; `folders` default to the installed.

    A device tree lists its names from the very board to its family, so the first name that a profile has wins.
    ConfigError for a name that no profile has.
    """
    files = find_profiles(folders or profile_folders())
    if name is not None:
        return load_profile(_file_of(name, files))
    profiles = [load_profile(file) for file in files.values()]
    for compatible in board.compatible:
        for profile in profiles:
            if compatible in profile.board.compatible:
                return profile
    return load_profile(files[GENERIC])


def _file_of(name: str, files: Mapping[str, Path]) -> Path:
    if name not in files:
        raise ConfigError(
            f"--profile: {shown(name)} is no profile;{did_you_mean(name, files)} allowed: {', '.join(files)}"
        )
    return files[name]


def _build_profile(tables: Mapping[str, Any]) -> Profile:
    check_keys(tables, _SECTIONS)
    streams = expect_table(tables.get("streams", {}), "streams")
    return Profile(
        board=read_struct(tables.get("board", {}), Board, "board"),
        encoder=_optional(tables, "encoder", Encoder),
        network=_optional(tables, "network", Network),
        serial=_optional(tables, "serial", Serial),
        streams={name: expect_table(stream, f"streams.{name}") for name, stream in streams.items()},
    )


def _optional(tables: Mapping[str, Any], key: str, struct_type: type[Section]) -> Section | None:
    return read_struct(tables[key], struct_type, key) if key in tables else None
