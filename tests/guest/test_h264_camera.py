"""A camera that gives H.264 itself, as some UVC cameras do: it goes through unchanged, and survives a bad cable."""

from collections.abc import Iterator

import pytest

from tests.guest import loopback
from tests.guest.machine import Guest
from tests.guest.service import GuestService, running_in
from tests.guest.viewer import Viewer, decode

SLICES = (1, 5)  # nal_unit_type, ITU-T H.264 table 7-1

SILENCE = ("the camera stopped delivering", "no frame for 3 frame intervals and 1 s")
"""The source's word and the server's: both watch, equally patient."""


@pytest.fixture(scope="module")
def service(guest: Guest) -> Iterator[GuestService]:
    """`auto` takes the H.264 of a camera that has it; this one is not plugged in yet."""
    with running_in(guest, loopback.config("auto")) as service:
        yield service


def test_it_reaches_the_viewer_unchanged(service: GuestService) -> None:
    with loopback.fed_with(service.guest, "h264"):
        with Viewer(service, "cam") as viewer:
            viewer.see(loopback.CLIP_PICTURES)
        stream = service.stream("cam")
    viewer.check()
    assert len(decode(viewer.h264)) == loopback.CLIP_PICTURES * loopback.PICTURE_BYTES
    slices = [nal for unit in viewer.access_units for nal in unit if nal[0] & 31 in SLICES]
    assert all(nal in loopback.clip("h264") for nal in slices)
    assert (stream["encoder"], stream["camera"]) == ("camera", "encoding-camera")
    assert f"{loopback.DEVICE} may be another camera after a restart" in service.log


def test_it_is_pulled_out_and_plugged_in_again(service: GuestService) -> None:
    """The viewer stays; the camera that comes back has a bad cable, which costs pictures and nothing else."""
    with loopback.fed_with(service.guest, "h264"):
        viewer = Viewer(service, "cam")
        viewer.see(10)
    with viewer:
        service.wait_until_down("cam")
        assert any(reason in service.log for reason in SILENCE)
        discarded = service.stream("cam")["discarded_buffers"]
        with loopback.fed_with(service.guest, "h264", tear=5):
            viewer.see(1)
            restarts = service.stream("cam")["restarts"]
            viewer.see(loopback.CLIP_PICTURES)
            service.wait_until_discarded("cam", discarded + 5)
            assert service.stream("cam")["restarts"] == restarts
    viewer.check()
