"""What `edge-streamer probe` says: the board, its devices, what would run here, and what to do about what is missing.

It reads files of the kernel and lists; it opens no device and imports no PyAV. Called by `cli` alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from edge_streamer.config import EncodedStream, FileStream, Overrides, StreamConfig, load_config, resolve_source
from edge_streamer.device.board import BoardIdentity, read_board
from edge_streamer.device.serial_ports import SerialPort, list_serial_ports
from edge_streamer.device.video import MediaDevice, VideoDevice, VideoRole, list_media_devices, list_video_devices
from edge_streamer.profiles import select_profile


@dataclass(frozen=True, slots=True)
class ProbedStream:
    """A stream that `serve` without a configuration would run: its source process and a line for people."""

    name: str
    source: str
    description: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Everything found. `pyav_version` is None where PyAV is not installed."""

    board: BoardIdentity
    profile: str
    cameras: tuple[VideoDevice, ...]
    encoders: tuple[VideoDevice, ...]
    converters: tuple[VideoDevice, ...]
    media_devices: tuple[MediaDevice, ...]
    serial_ports: tuple[SerialPort, ...]
    pyav_version: str | None
    streams: tuple[ProbedStream, ...]

    def to_json(self) -> str:
        """Return the report as indented JSON, its keys as the fields are called."""
        return msgspec.json.format(msgspec.json.encode(self)).decode()

    def to_text(self) -> str:
        """Return the report as a table of two columns; what is missing says what to do."""
        width = max(len(label) for label, _ in _rows(self)) + 2
        return "\n".join(f"{label:<{width}}{value}" for label, value in _rows(self))


def probe(
    root: Path = Path("/"), serial_ports: Callable[[], tuple[SerialPort, ...]] = list_serial_ports
) -> ProbeReport:
    """Return what is here; `root` is the folder that `proc` and `sys` are in. ConfigError when no profile is found."""
    board = read_board(root)
    profile = select_profile(None, board)
    config = load_config(None, profile=profile, overrides=Overrides())
    video_devices = list_video_devices(root)
    return ProbeReport(
        board=board,
        profile=profile.name,
        cameras=_with_role(video_devices, VideoRole.CAMERA),
        encoders=_with_role(video_devices, VideoRole.ENCODER),
        converters=_with_role(video_devices, VideoRole.CONVERTER),
        media_devices=list_media_devices(root),
        serial_ports=serial_ports(),
        pyav_version=_installed_version("av"),
        streams=tuple(_probed_stream(name, stream) for name, stream in config.streams.items()),
    )


def describe_stream(stream: StreamConfig) -> str:
    """Return what a stream is, for people."""
    match stream:
        case EncodedStream():
            size = f"{stream.width}x{stream.height}"
            return f"{size}, {stream.fps} fps, {stream.bitrate_bps / 1e6:g} Mbit/s"
        case FileStream():
            return stream.path


def _probed_stream(name: str, stream: StreamConfig) -> ProbedStream:
    return ProbedStream(name, resolve_source(stream), describe_stream(stream))


def _with_role(devices: Sequence[VideoDevice], role: VideoRole) -> tuple[VideoDevice, ...]:
    return tuple(device for device in devices if device.role is role)


def _installed_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    yield "board", report.board.model or "not told by a device tree (a PC?)"
    yield "profile", report.profile
    yield from _listed("camera", report.cameras, "none seen; check its cable, until then the test pattern is served")
    yield from _listed("encoder", report.encoders, "none seen; H.264 is made in software")
    yield from _listed("converter", report.converters, "none seen")
    yield from _listed("media", report.media_devices, "none seen")
    yield from _listed("serial", report.serial_ports, "none seen")
    yield "PyAV", report.pyav_version or "not installed; the test pattern and files need it: install python3-av"
    for stream in report.streams:
        yield "stream", f"{stream.name}: {stream.description}, source {stream.source}"


def _listed(
    label: str, devices: Sequence[VideoDevice | MediaDevice | SerialPort], none: str
) -> Iterator[tuple[str, str]]:
    if not devices:
        yield label, none
    for device in devices:
        name = device.description if isinstance(device, SerialPort) else device.name
        yield label, f"{device.path}  {name}".rstrip()
