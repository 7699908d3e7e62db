"""Compares the streams with the encoder limits of the board's hardware profile.

Called by `config.load` for the streams whose source the file names, and by `cli.main` once `auto` is decided; the
source process that opens the encoder is given the same limits. It compares numbers and opens no device.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from edge_streamer.config.profiles import GENERIC, Profile, boards_with_encoder
from edge_streamer.config.streams import CameraStream, DeviceStream, EncodedStream, StreamConfig
from edge_streamer.config.toml import ConfigError
from edge_streamer.protocol.source.encoder_limits import EncoderLimits, macroblocks

_OTHERWISE: Final = 'or encoder = "software"'


def check_encoders(streams: Mapping[str, StreamConfig], profile: Profile | None) -> None:
    """Raise ConfigError unless the board of `profile` can encode the camera pictures of all `streams` at once.

    A board without known limits (None, or the generic profile), an `auto` stream that is not decided yet, and a stream
    that never uses the board's encoder all pass.
    """
    encoded = dict(_of_encoder(streams))
    if profile is None or profile.name == GENERIC:
        return
    if profile.encoder is not None:
        check_fits(encoded, profile.encoder)
    else:
        _check_asks_for_none(encoded, profile.title)


def check_fits(streams: Mapping[str, EncodedStream], encoder: EncoderLimits) -> None:
    """Raise ConfigError, saying what would fit, unless the board's `encoder` can make all `streams` at once.

    `streams` are those whose source uses that encoder, which the test pattern does not. Size and bit rate are limits of
    each stream; macroblocks (16x16 pixels) a second are a limit of all together, as they share one encoder block.
    """
    for name, stream in streams.items():
        _check_limit(f"streams.{name}.width", stream.width, encoder.max_width)
        _check_limit(f"streams.{name}.height", stream.height, encoder.max_height)
        _check_limit(f"streams.{name}.bitrate_bps", stream.bitrate_bps, encoder.max_bitrate_bps)
    rates = {name: macroblocks(stream.width, stream.height) * stream.fps for name, stream in streams.items()}
    excess = sum(rates.values()) - encoder.max_macroblocks_per_s
    if excess > 0:
        dearest = max(rates, key=rates.__getitem__)
        raise ConfigError(_too_many_macroblocks(f"streams.{dearest}", streams[dearest], excess, encoder))


def _of_encoder(streams: Mapping[str, StreamConfig]) -> Iterator[tuple[str, CameraStream | DeviceStream]]:
    """Yield the streams that use the board's encoder if it has one: not those that a camera or software encodes."""
    for name, stream in streams.items():
        match stream:
            case DeviceStream(format="h264") | CameraStream(encoder="software") | DeviceStream(encoder="software"):
                continue
            case CameraStream() | DeviceStream():
                yield name, stream


def _check_asks_for_none(streams: Mapping[str, CameraStream | DeviceStream], board: str) -> None:
    for name, stream in streams.items():
        if stream.encoder == "hardware":
            raise ConfigError(
                f'streams.{name}.encoder: "hardware" is not allowed: {board} has no H.264 encoder; write "auto" or '
                f'"software", or take a board that has one: {", ".join(boards_with_encoder())}'
            )


def _check_limit(path: str, value: int, limit: int) -> None:
    if value > limit:
        raise ConfigError(
            f"{path}: {value} is more than this board's encoder takes; what fits: up to {limit}, {_OTHERWISE}"
        )


def _too_many_macroblocks(path: str, stream: EncodedStream, excess: int, encoder: EncoderLimits) -> str:
    found = (
        f"{path}.fps: {stream.fps} at {stream.width}x{stream.height} is too much for this board's encoder: "
        f"{encoder.max_macroblocks_per_s + excess} macroblocks/s for all streams, it makes "
        f"{encoder.max_macroblocks_per_s}"
    )
    excess_fps = -(-excess // macroblocks(stream.width, stream.height))
    fitting_fps = stream.fps - excess_fps
    fits = f"up to {fitting_fps}" if fitting_fps > 0 else "a smaller width and height"
    return f"{found}; what fits: {fits}, {_OTHERWISE}"
