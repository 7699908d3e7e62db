"""Whether an output fits the limits of the board's H.264 encoder, with reasons that say what would fit.

Arithmetic and words only. The limits come from the hardware profile, in the source's request; a source without them
asks the device, and where the device does not report them either (None), an attempt decides. Used by `picamera2` and
`v4l2`.
"""

from edge_streamer.protocol.source.encoder_limits import EncoderLimits, macroblocks
from edge_streamer.protocol.source.request import Output


def macroblocks_per_s(output: Output) -> int:
    """Return the load of an output on an encoder, in macroblocks a second as H.264's levels count it."""
    return round(macroblocks(output.width, output.height) * output.fps)


def hardware_misfit(output: Output, used: int, limits: EncoderLimits | None) -> str:
    """Return why the encoder cannot make `output` beside `used` macroblocks a second, and what would fit; "" if it
    can."""
    if limits is None:
        return ""
    size = f"{output.width}x{output.height}"
    if output.width > limits.max_width or output.height > limits.max_height:
        return f"{size} is more than its {limits.max_width}x{limits.max_height}"
    if reason := bitrate_misfit(output.bitrate_bps, limits):
        return reason
    need, left = macroblocks_per_s(output), limits.max_macroblocks_per_s - used
    if need <= left:
        return ""
    fitting_fps = int(left / (need / output.fps))
    what_fits = f"{size} at {fitting_fps} fps would fit" if fitting_fps else "nothing more would fit"
    shared = f" beside {used} of the other stream" if used else ""
    return (
        f"{size} at {output.fps:g} fps is {need} macroblocks a second{shared}, and it does "
        f"{limits.max_macroblocks_per_s} for all: {what_fits}"
    )


def bitrate_misfit(bitrate_bps: int, limits: EncoderLimits | None) -> str:
    """Return why the encoder cannot make a bit rate; "" if it can."""
    if limits is None or bitrate_bps <= limits.max_bitrate_bps:
        return ""
    return f"{bitrate_bps} bit/s is more than its {limits.max_bitrate_bps} bit/s"
