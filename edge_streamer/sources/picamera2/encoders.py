"""Which encoder each output gets, and why: the Raspberry Pi's own one, or software; its limits, checked before.

Arithmetic and words only. picamera2's `H264Encoder` is the hardware on a Raspberry Pi up to 4 and silently software
on a 5; here the choice is made in the open. Limits: bcm2835-codec in the Raspberry Pi kernel (32 to 1920 pixels a side
in steps of 2, 25 kbit/s to 25 Mbit/s, level 4.0 "levels above may not be able to keep up with real-time").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError

HARDWARE_ENCODER: Final = "bcm2835-codec"
SOFTWARE_ENCODER: Final = "libx264"
HARDWARE_BOARDS: Final = "Raspberry Pi Zero 2 W, 3A+, 3B, 3B+, 4B, 400 and CM4 (a 5 and a CM5 have none)"
MIN_SIDE: Final = 32
MAX_SIDE: Final = 1920
MIN_BITRATE_BPS: Final = 25_000
MAX_BITRATE_BPS: Final = 25_000_000
MAX_MACROBLOCKS_A_SECOND: Final = 245_760  # level 4.0 (H.264 table A-1): 1080p30, for all outputs together


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """Which encoder an output gets; `reason` is told to whoever asks why."""

    is_hardware: bool
    reason: str

    @property
    def name(self) -> str:
        """The encoder's name in status and metrics."""
        return HARDWARE_ENCODER if self.is_hardware else SOFTWARE_ENCODER


def choose_encoders(outputs: Sequence[Output], absence: str) -> tuple[EncoderChoice, ...]:
    """Return a choice for each output; `absence` is why there is no hardware encoder, empty where there is one.

    Outputs that insist on hardware are served first, then the larger ones. SourceError when one cannot be.
    """
    choices: dict[int, EncoderChoice] = {}
    used = 0
    for number in sorted(range(len(outputs)), key=lambda index: _urgency(outputs[index])):
        output = outputs[number]
        choice = choices[number] = _choose(output, absence, used)
        used += macroblocks_a_second(output) if choice.is_hardware else 0
    return tuple(choices[number] for number in range(len(outputs)))


def macroblocks_a_second(output: Output) -> int:
    """Return what a stream asks of an encoder, in the unit of H.264's levels."""
    return round(-(-output.width // 16) * -(-output.height // 16) * output.fps)


def hardware_misfit(output: Output, used: int) -> str:
    """Return why the hardware encoder cannot do `output` beside `used` macroblocks a second, and what would fit."""
    size = f"{output.width}x{output.height}"
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (output.width, output.height)):
        return f"{size} is not within its {MIN_SIDE}x{MIN_SIDE} to {MAX_SIDE}x{MAX_SIDE}"
    if reason := bitrate_misfit(output.bitrate_bps):
        return reason
    need, left = macroblocks_a_second(output), MAX_MACROBLOCKS_A_SECOND - used
    if need <= left:
        return ""
    fitting_fps = int(left / (need / output.fps))
    what_fits = f"{size} at {fitting_fps} fps would fit" if fitting_fps else "nothing more would fit"
    shared = f" beside {used} of the other stream" if used else ""
    return (
        f"{size} at {output.fps:g} fps is {need} macroblocks a second{shared}, and it does "
        f"{MAX_MACROBLOCKS_A_SECOND} for all: {what_fits}"
    )


def bitrate_misfit(bitrate_bps: int) -> str:
    """Return why the hardware encoder cannot do a bit rate."""
    if MIN_BITRATE_BPS <= bitrate_bps <= MAX_BITRATE_BPS:
        return ""
    return f"{bitrate_bps} bit/s is not within its {MIN_BITRATE_BPS} to {MAX_BITRATE_BPS} bit/s"


def _urgency(output: Output) -> tuple[bool, int]:
    return output.encoder != "hardware", -macroblocks_a_second(output)


def _choose(output: Output, absence: str, used: int) -> EncoderChoice:
    if output.encoder == "software":
        return EncoderChoice(is_hardware=False, reason="as configured")
    misfit = "" if absence else hardware_misfit(output, used)
    if output.encoder == "hardware":
        if absence:
            raise SourceError(
                f"{output.name} wants a hardware encoder, but {absence}; boards that have one: {HARDWARE_BOARDS}"
            )
        if misfit:
            raise SourceError(f"{output.name} does not fit the hardware encoder: {misfit}")
        return EncoderChoice(is_hardware=True, reason="as configured")
    if absence or misfit:
        return EncoderChoice(
            is_hardware=False, reason=f"auto: {absence or 'the hardware encoder does not fit: ' + misfit}"
        )
    return EncoderChoice(is_hardware=True, reason="auto: this board has a hardware encoder")
