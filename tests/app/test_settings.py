"""From the configuration to a stream: what is changed in its access units, and what never is."""

import pytest

from edge_streamer.app.settings import new_stream
from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.codec.h264.nal import NalType, nal_type
from edge_streamer.config.streams import DeviceStream, FileStream, PatternStream, StreamConfig
from tests.support.frames import PPS, annex_b
from tests.support.h264_syntax import Sps

UNBOUNDED = Sps().encoded()
KEY_FRAME = EncodedFrame(annex_b(UNBOUNDED, PPS, b"\x65\x88"), is_key_frame=True, media_time=0, wall_ns=1)
DEVICE = "/dev/video0"


@pytest.mark.parametrize(
    ("settings", "is_bounded", "is_stamped"),
    [
        (PatternStream(), True, False),
        (PatternStream(bound_reordering=False, timestamps="sei"), False, True),
        (DeviceStream(device=DEVICE, timestamps="sei"), True, True),
        (FileStream(path="/a.mp4"), False, False),
    ],
)
def test_what_is_changed_in_access_units(settings: StreamConfig, is_bounded: bool, is_stamped: bool) -> None:
    stream = new_stream("main", settings, dead_after_s=8.0)
    stream.track.never_reorders = True
    packetized = stream.publish(KEY_FRAME, now=1.0)
    assert packetized is not None
    assert (packetized.nal_units[0] != UNBOUNDED) == is_bounded
    assert (NalType.SEI in map(nal_type, packetized.nal_units)) == is_stamped
