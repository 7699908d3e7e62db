"""The answer of the inventory program about cameras and encoders: one JSON object (`InventoryAnswer`).

`sources.inventory` writes it, in a process that may hang as a driver does; `device.inventory` reads it, and
`edge-streamer probe` shows its values.
"""

from typing import Literal, TypeAlias

import msgspec

Part: TypeAlias = Literal["picamera2", "v4l2", "encoders"]
"""The parts of an inventory: libcamera's cameras, the kernel's cameras, the kernel's H.264 encoders."""


class CameraMode(msgspec.Struct, frozen=True):
    """A size that a camera delivers, in pixels, its format, and its rates in pictures a second, highest first."""

    width: int
    height: int
    format: str = ""
    fps: tuple[float, ...] = ()


class Camera(msgspec.Struct, frozen=True):
    """A camera as its driver describes it: libcamera's by `number`, a V4L2 device by `device`.

    A libcamera camera that is in use has no modes here.
    """

    kind: Literal["picamera2", "v4l2"]
    name: str
    number: int | None = None
    device: str = ""
    modes: tuple[CameraMode, ...] = ()


class HardwareEncoder(msgspec.Struct, frozen=True):
    """An H.264 encoder with the smallest and the largest picture that it takes, in pixels; 0 where it does not say."""

    device: str
    name: str = ""
    driver: str = ""
    min_width: int = 0
    min_height: int = 0
    max_width: int = 0
    max_height: int = 0


class InventoryAnswer(msgspec.Struct, frozen=True):
    """The cameras and encoders found; `errors` has a line for each part that could not be asked."""

    cameras: tuple[Camera, ...] = ()
    encoders: tuple[HardwareEncoder, ...] = ()
    errors: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the answer as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, printed: bytes) -> "InventoryAnswer":
        """Return the answer in the JSON text; ValueError when it is not an answer."""
        try:
            return msgspec.json.decode(printed, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(str(error)) from None
