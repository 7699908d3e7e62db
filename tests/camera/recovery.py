"""Watching streams through a failure, and what a viewer must find afterwards. Called by the tests of failures."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Final

import pytest

from tests.camera.camera_service import CameraService
from tests.support.rtsp.h264_depacketizer import access_units
from tests.support.rtsp.joining import NAL_TYPE_IDR, NAL_TYPE_MASK
from tests.support.rtsp.reader import MediaPacket
from tests.support.witness import Seen, Witness

BACK_WITHIN_S: Final = 15.0
QUIET_S: Final = 1.0
"""Frames before the failure and after the recovery that are watched."""


@contextmanager
def seen_through(camera: CameraService, names: Sequence[str]) -> Iterator[dict[str, Seen]]:
    """Watch these streams from before the block until each has frames again after it; filled in at the end."""
    seen: dict[str, Seen] = {}
    with ExitStack() as stack:
        witnesses = {name: stack.enter_context(Witness(camera.url(name), "tcp")) for name in names}
        time.sleep(QUIET_S)
        yield seen
        for name in names:
            camera.wait_for(name, lambda stream: stream["up"], BACK_WITHIN_S)
        time.sleep(QUIET_S)
        seen.update({name: witness.stop() for name, witness in witnesses.items()})


def assert_survived(seen: Seen) -> None:
    """One unbroken RTP stream whose frames paused, came back with a key frame, and whose clock went on meanwhile."""
    assert seen.gaps == ()
    assert len({packet.ssrc for packet in seen.packets if packet.kind == "rtp"}) == 1
    assert min(seen.media_steps_s) > 0
    assert seen.longest_pause_s > QUIET_S
    assert is_key_frame(_first_after_pause(seen))
    elapsed_s = seen.frames[-1].arrived - seen.frames[0].arrived
    assert seen.media_times_s[-1] == pytest.approx(elapsed_s, abs=0.25)


def assert_undisturbed(seen: Seen, longest_pause_s: float) -> None:
    """A stream of another source, which nobody may have noticed."""
    assert seen.gaps == ()
    assert seen.longest_pause_s < longest_pause_s


def is_key_frame(packets: Sequence[MediaPacket]) -> bool:
    """Whether an access unit has an IDR picture (RFC 6184 section 5.2: type 5)."""
    (nal_units,) = access_units(packet.data for packet in packets)
    return any(nal[0] & NAL_TYPE_MASK == NAL_TYPE_IDR for nal in nal_units)


def _first_after_pause(seen: Seen) -> list[MediaPacket]:
    """Return the packets of the access unit that ended the longest silence."""
    packets = [packet for packet in seen.packets if packet.kind == "rtp"]
    _silence_s, last_before = max(
        (later.arrived - earlier.arrived, index) for index, (earlier, later) in _steps(packets)
    )
    following = packets[last_before + 1 :]
    end = next(index for index, packet in enumerate(following) if packet.has_marker)
    return following[: end + 1]


def _steps(packets: Sequence[MediaPacket]) -> Iterator[tuple[int, tuple[MediaPacket, MediaPacket]]]:
    return enumerate(pairwise(packets))
