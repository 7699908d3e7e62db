"""Which encoder each output gets, and why: the Raspberry Pi's hardware encoder within its limits, or software.

Arithmetic and words only. picamera2's `H264Encoder` is the hardware encoder on a Raspberry Pi up to 4, and silently a
software encoder on a 5; here the choice is explicit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.hardware_fit import hardware_misfit, macroblocks_per_s
from edge_streamer.sources.ending import SourceError

HARDWARE_ENCODER: Final = "bcm2835-codec"
SOFTWARE_ENCODER: Final = "libx264"


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """The encoder of an output, and the `reason`, in words for status and log. `limits` are the hardware's, where
    known."""

    is_hardware: bool
    reason: str
    limits: EncoderLimits | None = None

    @property
    def name(self) -> str:
        """The encoder's name in status and metrics."""
        return HARDWARE_ENCODER if self.is_hardware else SOFTWARE_ENCODER


def choose_encoders(outputs: Sequence[Output], absence: str, limits: EncoderLimits | None) -> tuple[EncoderChoice, ...]:
    """Return a choice for each output; `absence` is why there is no hardware encoder, empty where there is one.

    `limits` are those of the hardware (None: not known, so the hardware is tried). Outputs that require hardware choose
    first, then the larger ones. SourceError when an output that requires hardware cannot have it.
    """
    choices: dict[int, EncoderChoice] = {}
    used = 0
    for number in sorted(range(len(outputs)), key=lambda index: _urgency(outputs[index])):
        output = outputs[number]
        choice = choices[number] = _choose(output, absence, used, limits)
        used += macroblocks_per_s(output) if choice.is_hardware else 0
    return tuple(choices[number] for number in range(len(outputs)))


def _urgency(output: Output) -> tuple[bool, int]:
    return output.encoder != "hardware", -macroblocks_per_s(output)


def _choose(output: Output, absence: str, used: int, limits: EncoderLimits | None) -> EncoderChoice:
    if output.encoder == "software":
        return EncoderChoice(is_hardware=False, reason="as configured")
    misfit = "" if absence else hardware_misfit(output, used, limits)
    if output.encoder == "hardware":
        if absence:
            raise SourceError(
                f'{output.name} wants a hardware encoder, but {absence}; write encoder = "auto" or "software"'
            )
        if misfit:
            raise SourceError(f"{output.name} does not fit the hardware encoder: {misfit}")
        return EncoderChoice(is_hardware=True, reason="as configured", limits=limits)
    if absence or misfit:
        return EncoderChoice(
            is_hardware=False, reason=f"auto: {absence or 'the hardware encoder does not fit: ' + misfit}"
        )
    return EncoderChoice(is_hardware=True, reason="auto: this board has a hardware encoder", limits=limits)
