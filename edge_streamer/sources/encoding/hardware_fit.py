"""Whether the board's H.264 encoder can make what an output asks for, in words that say what would fit.

Arithmetic and words only. Its limits are the hardware profile's, from the source's request; a source without them asks
the device, and the device alone decides where it does not say either (None). Used by `picamera2` and `v4l2`.
"""

from edge_streamer.protocol.source.encoder_limits import EncoderLimits, macroblocks
from edge_streamer.protocol.source.request import Output


def macroblocks_per_s(output: Output) -> int:
    """Return what a stream asks of an encoder, in the unit of H.264's levels."""
    return round(macroblocks(output.width, output.height) * output.fps)


def hardware_misfit(output: Output, used: int, limits: EncoderLimits | None) -> str:
    """Return why the encoder cannot do `output` beside `used` macroblocks a second, with what would fit; or nothing."""
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
    """Return why the encoder cannot do a bit rate, or nothing."""
    if limits is None or bitrate_bps <= limits.max_bitrate_bps:
        return ""
    return f"{bitrate_bps} bit/s is more than its {limits.max_bitrate_bps} bit/s"
