"""What `edge-streamer probe` reports: the board, its devices, the streams that would run here and why, and what to do
about missing parts.

It reads files of the kernel, and asks drivers through a child process that may hang (`device.inventory`); it opens no
device and imports no video library. Called by `cli.main`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from edge_streamer.app.source_plan import decide_source
from edge_streamer.config.load import Overrides, load_config
from edge_streamer.config.profiles import Facts, Profile, load_sensors, select_profile
from edge_streamer.config.streams import CameraStream, DecidedStream, DeviceStream, FileStream, StreamConfig
from edge_streamer.device.board import BoardIdentity, read_board
from edge_streamer.device.cameras import FoundCamera, FoundSensor, find_cameras, find_sensors
from edge_streamer.device.inventory import Inventory, ask_inventory
from edge_streamer.device.serial_ports import SerialPort, list_serial_ports
from edge_streamer.device.video import list_video_devices
from edge_streamer.protocol.source.inventory import Camera, CameraMode, HardwareEncoder, Part

MODES_SHOWN: Final = 6
"""Sizes of a format that the table shows; the JSON has all."""
_CHECK_USB: Final = "none seen; plug a USB camera in"
_CHECK_CSI: Final = (
    "none seen; switch off, check the cable, in config.txt camera_auto_detect or dtoverlay, and start again"
)
_NO_PICAMERA2: Final = "picamera2 is not installed: install python3-picamera2"


@dataclass(frozen=True, slots=True)
class ProbedSensor:
    """A CSI sensor that answered at boot, and the content of its file in `hw_profiles/sensors`, if there is one."""

    name: str
    address: str
    known: Facts | None


@dataclass(frozen=True, slots=True)
class ProbedLed:
    """The profile's status LED, and whether the kernel shows it."""

    path: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class ProbedStream:
    """A stream that `serve` without a configuration would run: its source, a line for people, and the reason for the
    choice."""

    name: str
    source: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Everything found. `hardware` is the whole profile; `pyav_version` is None where PyAV is not installed.

    `problems` are sentences about drivers that could not be asked or did not answer.
    """

    board: BoardIdentity
    profile: str
    hardware: Profile
    cameras: tuple[Camera, ...]
    sensors: tuple[ProbedSensor, ...]
    encoders: tuple[HardwareEncoder, ...]
    serial_ports: tuple[SerialPort, ...]
    led: ProbedLed | None
    pyav_version: str | None
    has_picamera2: bool
    streams: tuple[ProbedStream, ...]
    problems: tuple[str, ...]

    def to_json(self) -> str:
        """Return the report as indented JSON; the keys are the names of the fields."""
        return msgspec.json.format(msgspec.json.encode(self)).decode()

    def to_text(self) -> str:
        """Return the report as a table of two columns; the row of a missing part says what to do."""
        rows = tuple(_rows(self))
        width = max(len(label) for label, _ in rows) + 2
        return "\n".join(f"{label:<{width}}{value}" for label, value in rows)


def probe(
    root: Path = Path("/"),
    serial_ports: Callable[[], tuple[SerialPort, ...]] = list_serial_ports,
    find_package: Callable[[str], object | None] = find_spec,
    ask: Callable[[Sequence[Part]], Inventory] = ask_inventory,
) -> ProbeReport:
    """Return the report; `root` is the folder that `proc`, `sys` and `dev` are in. ConfigError without profiles."""
    board = read_board(root)
    profile = select_profile(None, board)
    has_picamera2 = find_package("picamera2") is not None
    inventory = ask(("picamera2", "v4l2", "encoders") if has_picamera2 else ("v4l2", "encoders"))
    found, sensors = find_cameras(root, find_package), find_sensors(root)
    encoders = _encoders(root, inventory)
    streams = load_config(None, profile=profile, overrides=Overrides()).streams
    reasons = _Reasons(found, sensors, encoders, profile)
    return ProbeReport(
        board=board,
        profile=profile.name,
        hardware=profile,
        cameras=_cameras(found, inventory),
        sensors=_known(sensors),
        encoders=encoders,
        serial_ports=serial_ports(),
        led=_led(root, profile),
        pyav_version=_installed_version("av"),
        has_picamera2=has_picamera2,
        streams=tuple(_probed_stream(name, decide_source(stream, found), reasons) for name, stream in streams.items()),
        problems=(*inventory.problems, *_unknown_to_libcamera(sensors, inventory)),
    )


def describe_stream(stream: StreamConfig) -> str:
    """Return a line that describes a stream, for people."""
    if isinstance(stream, FileStream):
        return stream.path
    return f"{stream.width}x{stream.height}, {stream.fps} fps, {stream.bitrate_bps / 1e6:g} Mbit/s"


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Why a stream has the source and the encoder that it would have, in words."""

    found: tuple[FoundCamera, ...]
    sensors: tuple[FoundSensor, ...]
    encoders: tuple[HardwareEncoder, ...]
    profile: Profile

    def of(self, stream: DecidedStream) -> str:
        names = {camera.device or camera.number: camera.name for camera in self.found}
        match stream:
            case CameraStream(camera=number):
                return f"camera {number} ({names.get(number, 'not seen')}), {self._encoder()}"
            case DeviceStream(device=device):
                return f"{device} ({names.get(device, 'not seen')}), {self._encoder()}"
            case FileStream():
                return "the profile says so"
            case _:
                return self._no_camera()

    def _encoder(self) -> str:
        if self.encoders:
            return f"encoded by {self.encoders[0].device}"
        if self.profile.encoder is not None:
            return f"encoded in software: {self.profile.title} has an encoder, but its driver is not there"
        return "encoded in software, unless the camera does it"

    def _no_camera(self) -> str:
        if self.sensors and not self.found:
            return f"{self.sensors[0].name} is there, but {_NO_PICAMERA2}"
        return "no camera is seen"


def _probed_stream(name: str, stream: DecidedStream, reasons: _Reasons) -> ProbedStream:
    return ProbedStream(name, stream.source, describe_stream(stream), reasons.of(stream))


def _cameras(found: Sequence[FoundCamera], inventory: Inventory) -> tuple[Camera, ...]:
    """Return the cameras that the drivers report; of a kind whose drivers did not answer, those that sysfs shows."""
    unasked = (camera for camera in found if camera.kind not in inventory.answered)
    return (*inventory.cameras, *(Camera(each.kind, each.name, each.number, each.device) for each in unasked))


def _unknown_to_libcamera(sensors: Sequence[FoundSensor], inventory: Inventory) -> Iterator[str]:
    lists_none = all(camera.kind != "picamera2" for camera in inventory.cameras)
    if sensors and "picamera2" in inventory.answered and lists_none:
        yield f"picamera2: libcamera lists no camera, though {sensors[0].name} answered: update libcamera"


def _encoders(root: Path, inventory: Inventory) -> tuple[HardwareEncoder, ...]:
    if "encoders" in inventory.answered:
        return inventory.encoders
    return tuple(HardwareEncoder(each.path, each.name) for each in list_video_devices(root) if each.is_encoder)


def _known(sensors: Sequence[FoundSensor]) -> tuple[ProbedSensor, ...]:
    """Join the sensors with their files. A driver may append the module to the chip's name: imx708_wide,
    imx708_noir."""
    files = load_sensors()
    return tuple(ProbedSensor(each.name, each.address, files.get(each.name.partition("_")[0])) for each in sensors)


def _led(root: Path, profile: Profile) -> ProbedLed | None:
    if profile.led is None:
        return None
    return ProbedLed(profile.led.path, (root / profile.led.path.lstrip("/")).is_dir())


def _installed_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    yield "board", report.board.model or "not told by a device tree (a PC?)"
    yield "profile", f"{report.profile} ({report.hardware.title})"
    yield from _camera_rows(report)
    yield from _sensor_rows(report.sensors)
    yield from _encoder_rows(report)
    yield from _board_rows(report)
    yield "picamera2", "installed" if report.has_picamera2 else "not installed; CSI cameras need python3-picamera2"
    yield "PyAV", report.pyav_version or "not installed; software encoding and files need it: install python3-av"
    for stream in report.streams:
        yield "stream", f"{stream.name}: {stream.description}"
        yield "", f"  from {stream.source}: {stream.reason}"
    for problem in report.problems:
        yield "problem", problem


def _camera_rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    if not report.cameras and not report.sensors:
        yield "camera", _CHECK_USB if report.hardware.camera_connector is None else _CHECK_CSI
    for camera in report.cameras:
        yield "camera", f"{camera.device or camera.number}  {camera.name}, source {camera.kind}"
        for pixel_format in dict.fromkeys(mode.format for mode in camera.modes):
            modes = [mode for mode in camera.modes if mode.format == pixel_format]
            yield "", f"  {pixel_format}  {_shown_modes(modes)}"


def _shown_modes(modes: Sequence[CameraMode]) -> str:
    largest_first = sorted(modes, key=lambda mode: mode.width * mode.height, reverse=True)
    shown = [f"{mode.width}x{mode.height}{_shown_rate(mode.fps)}" for mode in largest_first[:MODES_SHOWN]]
    more = len(modes) - len(shown)
    return ", ".join([*shown, *([f"{more} smaller"] if more else [])])


def _shown_rate(fps: Sequence[float]) -> str:
    return f" {fps[0]:g} fps" if fps else ""


def _sensor_rows(sensors: Sequence[ProbedSensor]) -> Iterator[tuple[str, str]]:
    for sensor in sensors:
        yield "sensor", f"{sensor.name} at I2C {sensor.address}: {_shown_facts(sensor.known)}"


def _shown_facts(known: Facts | None) -> str:
    if known is None:
        return "not in hw_profiles"
    modules = " or ".join(module["name"] for module in known["modules"])
    return f"{modules}, autofocus" if known["sensor"]["autofocus"] else modules


def _encoder_rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    if not report.encoders:
        yield "encoder", "none seen; H.264 is made in software"
    for encoder in report.encoders:
        yield "encoder", f"{encoder.device}  {encoder.name}{_shown_sizes(encoder)}"
    limits = report.hardware.encoder
    if limits is not None:
        yield (
            "limits",
            f"{limits.max_width}x{limits.max_height}, {limits.max_macroblocks_per_s} macroblocks/s for all streams, "
            f"{limits.max_bitrate_bps / 1e6:g} Mbit/s each",
        )


def _shown_sizes(encoder: HardwareEncoder) -> str:
    if not encoder.max_width:
        return ""
    return f", {encoder.min_width}x{encoder.min_height} to {encoder.max_width}x{encoder.max_height}"


def _board_rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    yield from _serial_rows(report)
    if report.hardware.network is not None:
        yield "network", f"{report.hardware.network.link_bps / 1e6:g} Mbit/s at most"
    if report.led is not None:
        yield "LED", report.led.path if report.led.is_there else f"{report.led.path}  not there"


def _serial_rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    header = report.hardware.serial
    if header is None and not report.serial_ports:
        yield "serial", "none seen"
    if header is not None:
        yield "serial", f"{header.port}  pin header"
    for port in report.serial_ports:
        yield "serial", f"{port.path}  {port.description}".rstrip()
