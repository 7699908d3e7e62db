"""The camera itself: picamera2 opened, configured for one or two streams, started, asked and stopped.

Every failure before the first frame is a SourceError with one sentence that says what to do. Imported only in a process
that runs a camera. What to ask for is decided in `modes` and `controls`, what is done with the frames in
`h264` and `lane`.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from libcamera import ColorSpace, Transform, controls
from picamera2 import Picamera2

from edge_streamer.protocol.source.request import CameraOptions, Output
from edge_streamer.sources.drawing.overlay import overlay_of
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.picamera2.controls import checked_controls
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.h264 import Strip, make_encoder
from edge_streamer.sources.picamera2.lane import Lane
from edge_streamer.sources.picamera2.modes import (
    SensorMode,
    choose_sensor_mode,
    flips,
    frame_duration_us,
    sensor_modes,
    stream_names,
)
from edge_streamer.sources.picamera2.roles import CameraEncoder, CaptureJob

WANTED_FORMAT: Final = "YUV420"
"""What both encoders read without a conversion; libcamera gives NV12 where it has no other, which both read as well."""
ENCODABLE_FORMATS: Final = ("YUV420", "NV12")


class CameraRig:
    """One camera, open and configured; its outputs are counted as they were asked for."""

    def __init__(self, outputs: tuple[Output, ...], options: CameraOptions) -> None:
        """Open and configure; SourceError when there is no such camera, it is in use, or it cannot do what is asked."""
        self._number = options.camera
        self._outputs = outputs
        self.stream_names: tuple[str, ...] = stream_names(outputs)
        overlays = [overlay_of(output) for output in outputs]
        self._strips = [None if overlay is None else Strip(overlay) for overlay in overlays]
        self._picam2 = open_camera(options.camera)
        self.model = str(self._picam2.camera_properties.get("Model", f"camera {options.camera}"))
        self._configure(options)
        self._check_streams()
        self.is_flipped_as_asked = self._flips() == flips(options)
        self._set_controls(options)

    def start(self) -> None:
        """Let frames flow; SourceError when the camera refuses."""
        try:
            self._picam2.start()
        except (RuntimeError, OSError) as error:
            raise SourceError(f"camera {self._number} ({self.model}) does not start: {error}") from None

    def set_fps(self, fps: float) -> None:
        """Set the sensor's rate, from one of the next frames on; SourceError when the sensor is not so fast."""
        limits = self._picam2.camera_controls.get("FrameDurationLimits")
        if limits is not None:
            duration_us = frame_duration_us(fps, limits[0], limits[1])
            self._picam2.set_controls({"FrameDurationLimits": (duration_us, duration_us)})

    def make_encoder(self, number: int, output: Output, choice: EncoderChoice, lane: Lane) -> CameraEncoder:
        """Return an encoder for output `number`, not started."""
        return make_encoder(output, choice, lane, self._strips[number])

    def start_encoder(self, number: int, encoder: CameraEncoder) -> None:
        """Let the camera's frames into an encoder; OSError or RuntimeError when it does not start."""
        self._picam2.start_encoder(encoder, name=self.stream_names[number])
        encoder.lane.open()

    def replace_encoder(self, number: int, old: CameraEncoder, new: CameraEncoder) -> None:
        """Put `new` in the place of `old` between two frames; `old` goes on when `new` does not start."""
        self._picam2.start_encoder(new, name=self.stream_names[number])
        with self._picam2.lock:  # picamera2 encodes under it
            self._picam2.encoders.discard(old)
            old.lane.retire()
            new.lane.open()
        threading.Thread(target=old.stop, name="replaced encoder", daemon=True).start()

    def capture(self, done: Callable[[CaptureJob], None]) -> None:
        """Call `done` in picamera2's event loop with the job of the next frame, whose request it must release."""
        self._picam2.capture_request(wait=False, signal_function=done)

    def stop(self) -> None:
        """Stop the camera and its encoders, these side by side: each may wait 0.4 s for its device."""
        encoders = tuple(self._picam2.encoders)
        self._picam2.stop()
        threads = [threading.Thread(target=self._picam2.stop_encoder, args=(encoder,)) for encoder in encoders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._picam2.close()

    def _configure(self, options: CameraOptions) -> None:
        hflip, vflip = flips(options)
        configuration = self._picam2.create_video_configuration(
            **self._streams(),
            raw=None,
            transform=Transform(hflip=hflip, vflip=vflip),
            colour_space=ColorSpace.Rec709(),
            buffer_count=options.buffer_count,
            display=None,
            queue=False,
            sensor=self._sensor(options),
        )
        try:
            self._picam2.configure(configuration)
        except RuntimeError as error:
            raise SourceError(f"camera {self._number} ({self.model}) does not take these streams: {error}") from None

    def _streams(self) -> dict[str, dict[str, Any]]:
        return {
            name: {"size": (output.width, output.height), "format": WANTED_FORMAT}
            for name, output in zip(self.stream_names, self._outputs, strict=True)
        }

    def _sensor(self, options: CameraOptions) -> dict[str, Any]:
        """Return the sensor's mode without asking for its raw pictures, which would cost a buffer each."""
        main = self._outputs[self.stream_names.index("main")]
        mode = choose_sensor_mode(self._modes(), (main.width, main.height), self._highest_fps(), options.sensor_mode)
        return {} if mode is None else {"output_size": (mode.width, mode.height), "bit_depth": mode.bit_depth}

    def _modes(self) -> tuple[SensorMode, ...]:
        return reported_modes(self._picam2)

    def _highest_fps(self) -> float:
        return max(output.fps for output in self._outputs)

    def _check_streams(self) -> None:
        """Raise where libcamera has silently adjusted the configuration."""
        for name, output in zip(self.stream_names, self._outputs, strict=True):
            given = self._picam2.stream_configuration(name)
            if tuple(given["size"]) != (output.width, output.height):
                raise SourceError(
                    f"camera {self._number} ({self.model}) cannot give {output.name} {output.width}x{output.height}; "
                    f"{given['size'][0]}x{given['size'][1]} would fit"
                )
            if given["format"] not in ENCODABLE_FORMATS:
                raise SourceError(
                    f"camera {self._number} ({self.model}) gives {given['format']} pictures, which no encoder here "
                    'reads: use source = "v4l2" for it'
                )

    def _flips(self) -> tuple[bool, bool]:
        transform = self._picam2.camera_configuration()["transform"]
        return bool(transform.hflip), bool(transform.vflip)

    def _set_controls(self, options: CameraOptions) -> None:
        ranges = self._picam2.camera_controls
        self._picam2.set_controls(checked_controls(options.controls, ranges, _enumerations(ranges)))
        self.set_fps(self._highest_fps())


def reported_modes(picam2: Any) -> tuple[SensorMode, ...]:
    """Return the sensor modes of a camera that is open and not started; none for one without a raw sensor.

    picamera2 configures the camera for each mode to learn of it, so this comes before the real configuration.
    """
    try:
        return sensor_modes(picam2.sensor_modes)
    except (AttributeError, KeyError, RuntimeError):  # a USB camera and libcamera's virtual one
        return ()


def open_camera(number: int) -> Any:
    """Return the camera of this number as a Picamera2; SourceError when there is none or it does not open."""
    try:
        return Picamera2(number)
    except (RuntimeError, IndexError) as error:
        raise SourceError(_why_not_open(number, error)) from None


def _why_not_open(number: int, error: Exception) -> str:
    found = [str(info.get("Model", info["Id"])) for info in Picamera2.global_camera_info()]
    if number >= len(found):
        known = ", ".join(f"{index} {model}" for index, model in enumerate(found)) or "none"
        return f"there is no camera {number} (found: {known}): check its cable, then try `edge-streamer probe`"
    cause = error.__cause__ or error
    if "busy" in str(cause).lower():
        return f"camera {number} ({found[number]}) is in use: stop the other program that holds it ({cause})"
    return f"camera {number} ({found[number]}) does not open: {cause}"


def _enumerations(names: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return the names of the values of those controls that have names."""
    types = {name: getattr(controls, f"{name}Enum", getattr(controls.draft, f"{name}Enum", None)) for name in names}
    return {
        name: {key: int(value) for key, value in kind.__members__.items()}
        for name, kind in types.items()
        if kind is not None
    }
