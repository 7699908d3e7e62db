"""Fragments of MP4: each holds one access unit.

A fragment states the duration of its frame, before the next frame is known. Players follow the decode time that each
fragment states, which is exact; `MIN_DURATION_S` says what a browser does with the duration.
"""

from collections.abc import Iterable
from struct import Struct, pack
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.codec.h264.nal import PARAMETER_SETS, TYPE_MASK, NalType, NalUnit
from edge_streamer.protocol.mp4.boxes import BOX, TRACK_ID, box, full_box

MIN_DURATION_S: Final = 0.2
"""Shortest stated duration. When the next frame is later than two durations, a browser drops all frames up to a key
frame (Media Source Extensions, "coded frame processing": a gap in decode time is a discontinuity; Chromium does so),
and a camera that exposes longer in the dark makes such gaps. A next frame that is earlier than stated does no harm:
Chromium shows every frame."""
MAX_DURATION_S: Final = 2.0
"""Longest step between frames that counts as a duration: after a longer gap the earlier frames predict better."""
START_TIME: Final = CLOCK_HZ
"""Decode time of the first fragment. With 0, pictures that are shown before the first key frame (only files have them)
would have negative times, and a browser would show nothing."""

_MIN_DURATION: Final = round(MIN_DURATION_S * CLOCK_HZ)
_MAX_DURATION: Final = round(MAX_DURATION_S * CLOCK_HZ)
_GAP_DURATIONS: Final = 2
_OUTSIDE_SAMPLES: Final = PARAMETER_SETS | {NalType.SPS_EXTENSION}
_DEFAULT_BASE_IS_MOOF: Final = 0x020000
_RUN_FIELDS: Final = 0x000F01  # data offset; duration, size, flags and composition offset of each sample
_SYNC_SAMPLE: Final = 0x02000000  # the sample depends on no other sample
_NON_SYNC_SAMPLE: Final = 0x01010000
_RUN: Final = Struct(">IiIIIi")
_LENGTH: Final = Struct(">I")


class FragmentWriter:
    """Writes the fragments of one track, in decoding order. `interval_s` is the expected interval of the first two
    frames, 0 if unknown."""

    def __init__(self, interval_s: float = 0.0) -> None:
        self.decode_time = START_TIME
        """Decode time of the newest fragment, in ticks."""
        self.is_after_gap = False
        """Whether the newest fragment came so late that a browser continues only at a key frame."""
        self._sequence = 0
        self._origin: int | None = None
        self._duration = _MIN_DURATION
        self._take_duration(round(interval_s * CLOCK_HZ))

    def fragment(self, nal_units: Iterable[NalUnit], media_time: int, *, is_key_frame: bool) -> bytes:
        """Return `moof` and `mdat` (sections 8.8.4 and 8.1.1) of an access unit shown at `media_time`, in ticks of any
        origin, unwrapped.

        A frame that is shown before an earlier frame (a B-frame) is decoded a tick after the fragment before it.
        """
        if self._origin is None:
            self._origin = media_time - START_TIME
        shown_at = media_time - self._origin
        decoded_at = self._advance(shown_at)
        self._sequence += 1
        data, size_bytes = _sample(nal_units)
        flags = _SYNC_SAMPLE if is_key_frame else _NON_SYNC_SAMPLE
        movie_fragment = self._movie_fragment(size_bytes, flags, shown_at - decoded_at)
        return b"".join([movie_fragment, BOX.pack(BOX.size + size_bytes, b"mdat"), *data])

    def _advance(self, shown_at: int) -> int:
        if self._sequence:
            before, self.decode_time = self.decode_time, max(shown_at, self.decode_time + 1)
            self.is_after_gap = self.decode_time - before > _GAP_DURATIONS * self._duration
            self._take_duration(self.decode_time - before)
        return self.decode_time

    def _take_duration(self, step: int) -> None:
        if step <= _MAX_DURATION:
            self._duration = max(step, _MIN_DURATION)

    def _movie_fragment(self, size_bytes: int, flags: int, composition_offset: int) -> bytes:
        moof_bytes = 104
        run = _RUN.pack(1, moof_bytes + BOX.size, self._duration, size_bytes, flags, composition_offset)
        moof = box(
            b"moof",
            full_box(b"mfhd", 0, 0, pack(">I", self._sequence)),
            box(
                b"traf",
                full_box(b"tfhd", 0, _DEFAULT_BASE_IS_MOOF, pack(">I", TRACK_ID)),
                full_box(b"tfdt", 1, 0, pack(">Q", self.decode_time)),
                full_box(b"trun", 1, _RUN_FIELDS, run),  # version 1: the composition offset has a sign
            ),
        )
        assert len(moof) == moof_bytes, "the data offset counts from the start of moof"
        return moof


def _sample(nal_units: Iterable[NalUnit]) -> tuple[list[NalUnit], int]:
    """Return the parts of a sample, each NAL unit behind its length (14496-15), and their sum."""
    parts: list[NalUnit] = []
    size_bytes = 0
    for nal in nal_units:
        if nal[0] & TYPE_MASK not in _OUTSIDE_SAMPLES:
            parts += (_LENGTH.pack(len(nal)), nal)
            size_bytes += _LENGTH.size + len(nal)
    return parts, size_bytes
