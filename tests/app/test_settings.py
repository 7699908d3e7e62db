"""From the configuration to a stream: what is changed in its access units, and what never is."""

import pytest

from edge_streamer.app.settings import new_stream
from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.config.streams import DeviceStream, FileStream, PatternStream, StreamConfig
from tests.support.frames import PPS, annex_b
from tests.support.h264_syntax import Sps

UNBOUNDED = Sps().encoded()
KEY_FRAME = EncodedFrame(annex_b(UNBOUNDED, PPS, b"\x65\x88"), is_key_frame=True, media_time=0, wall_ns=1)
DEVICE = "/dev/video0"


@pytest.mark.parametrize(
    ("settings", "is_bounded"),
    [
        (PatternStream(), True),
        (PatternStream(bound_reordering=False), False),
        (DeviceStream(device=DEVICE), True),
        (FileStream(path="/a.mp4"), False),
    ],
)
def test_what_is_changed_in_access_units(settings: StreamConfig, is_bounded: bool) -> None:
    stream = new_stream("main", settings, dead_after_s=8.0)
    stream.track.never_reorders = True
    packetized = stream.publish(KEY_FRAME, now=1.0)
    assert packetized is not None
    assert (packetized.nal_units[0] != UNBOUNDED) == is_bounded
