"""Small hand-made H.264 access units as a source hands them over: Annex B, with pictures that no decoder would take."""

from typing import Final

from edge_streamer.codec.frame import EncodedFrame

SPS: Final = bytes.fromhex("6742c00dda05066840000003004000000f23c50aa8")
PPS: Final = bytes.fromhex("68ce3880")
WALL_NS: Final = 1_700_000_000_000_000_000
TICKS_A_FRAME: Final = 3000
START_CODE: Final = b"\0\0\0\1"


def annex_b(*nal_units: bytes) -> bytes:
    """Return one access unit."""
    return b"".join(START_CODE + nal for nal in nal_units)


def key_frame(
    media_time: int = 0, size_bytes: int = 500, *, wall_ns: int = WALL_NS, parameter_sets: bool = True
) -> EncodedFrame:
    """Return a key frame whose IDR slice has `size_bytes`."""
    slices = (b"\x65" + _filling(media_time, size_bytes - 1),)
    units = (SPS, PPS, *slices) if parameter_sets else slices
    return EncodedFrame(annex_b(*units), is_key_frame=True, media_time=media_time, wall_ns=wall_ns)


def frame(
    media_time: int = 0, size_bytes: int = 200, *, wall_ns: int = WALL_NS, reordered: bool = False
) -> EncodedFrame:
    """Return a frame that depends on those before it."""
    data = annex_b(b"\x41" + _filling(media_time, size_bytes - 1))
    return EncodedFrame(data, is_key_frame=False, media_time=media_time, wall_ns=wall_ns, reordered=reordered)


def camera(count: int, *, key_bytes: int = 500, bytes_each: int = 200, first: int = 0) -> list[EncodedFrame]:
    """Return frames at 30 a second, a key frame first."""
    times = range(first + TICKS_A_FRAME, first + count * TICKS_A_FRAME, TICKS_A_FRAME)
    return [key_frame(first, key_bytes), *(frame(media_time, bytes_each) for media_time in times)]


def _filling(media_time: int, size_bytes: int) -> bytes:
    """Return bytes that tell one frame from another and never look like a start code."""
    number = b"%010d." % (media_time % 10_000_000_000)
    return (number * (size_bytes // len(number) + 1))[:size_bytes]
