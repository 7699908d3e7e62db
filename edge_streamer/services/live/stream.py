"""A stream for browsers: each frame becomes a WebSocket message with one MP4 fragment, once for all browsers.

The bytes are kept as the frame's image (`PacketizedFrame.image`), so that a browser which starts with the cached frames
gets the same fragments as the others. `services.live.routes` keeps a `LiveStream` while a stream has browsers, and
decode times begin with it; it knows no browser and no connection.
"""

import json
from collections.abc import Sequence
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.codec.h264.nal import NalType, NalUnit, nal_type
from edge_streamer.codec.h264.parameter_sets import ParameterSets
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.http.websocket import binary_message, text_message
from edge_streamer.protocol.mp4.fragments import FragmentWriter
from edge_streamer.protocol.mp4.initialization import VideoTrack, initialization_segment
from edge_streamer.protocol.rtp.packets import PacketizedFrame

MAX_REORDERING_S: Final = 10.0
"""A reordered frame steps back by less than this; a timestamp that seems to step back further is far ahead."""
_TIMESTAMP_SPAN: Final = 1 << 32
_MAX_REORDERING: Final = round(MAX_REORDERING_S * CLOCK_HZ)


class LiveStream:
    """Makes the fragments of `stream` and the messages that introduce them."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._writer = FragmentWriter(1 / stream.nominal_fps if stream.nominal_fps else 0.0)
        self._rtp_timestamp: int | None = None
        self._media_time = 0  # of the last frame, unwrapped
        self._after_gaps: set[int] = set()  # first_sequence of such frames, since the newest key frame
        self._introduced: ParameterSets | None = None
        self._introduction: bytes | None = None

    @property
    def live_s(self) -> float:
        """Decode time of the newest fragment, in seconds."""
        return self._writer.decode_time / CLOCK_HZ

    def is_after_gap(self, frame: PacketizedFrame) -> bool:
        """Whether browsers drop the frame's fragment and all that follow, up to the next key frame."""
        return frame.first_sequence in self._after_gaps

    def fragment(self, frame: PacketizedFrame) -> bytes:
        """Return the message with the frame's fragment, the same object for every browser."""
        return frame.image(self._make_fragment)

    def introduction(self, key_frame: PacketizedFrame) -> bytes | None:
        """Return the two messages to send before the fragment of this key frame, the same object for the same parameter
        sets; None when the frame has no parameter sets, or no size can be read from them."""
        parameter_sets = _parameter_sets(key_frame.nal_units)
        if parameter_sets is None or parameter_sets != self._introduced:
            self._introduced = parameter_sets
            self._introduction = _introduction(parameter_sets)
        return self._introduction

    def _make_fragment(self, frame: PacketizedFrame) -> bytes:
        if self._rtp_timestamp is not None:
            self._media_time += _step(frame.rtp_timestamp, self._rtp_timestamp)
        self._rtp_timestamp = frame.rtp_timestamp
        fragment = self._writer.fragment(frame.nal_units, self._media_time, is_key_frame=frame.is_key_frame)
        if frame.is_key_frame:
            self._after_gaps.clear()
        if self._writer.is_after_gap:
            self._after_gaps.add(frame.first_sequence)
        return binary_message(fragment)


def _step(later: int, earlier: int) -> int:
    """Return the difference of two RTP timestamps. They wrap after 13 hours, and a source may be down for a night, so
    every difference counts as forward except for the last `MAX_REORDERING_S` before the wrap."""
    step = (later - earlier) % _TIMESTAMP_SPAN
    return step - _TIMESTAMP_SPAN if step >= _TIMESTAMP_SPAN - _MAX_REORDERING else step


def _parameter_sets(nal_units: Sequence[NalUnit]) -> ParameterSets | None:
    sps = tuple(bytes(nal) for nal in nal_units if nal_type(nal) == NalType.SPS)
    pps = tuple(bytes(nal) for nal in nal_units if nal_type(nal) == NalType.PPS)
    return ParameterSets(sps, pps) if sps and pps else None


def _introduction(parameter_sets: ParameterSets | None) -> bytes | None:
    if parameter_sets is None:
        return None
    try:
        video = parameter_sets.video_format
    except ValueError:
        return None
    track = VideoTrack(parameter_sets.sps, parameter_sets.pps, video.width, video.height, video.samples)
    said = json.dumps({"mime": track.mime, "width": track.width, "height": track.height})
    return text_message(said) + binary_message(initialization_segment(track))
