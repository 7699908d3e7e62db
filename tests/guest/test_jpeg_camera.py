"""A camera that gives Motion JPEG, as most UVC cameras do, over a bad cable: what is whole is encoded anew."""

from tests.guest import loopback
from tests.guest.machine import Guest
from tests.guest.service import running_in
from tests.guest.viewer import Viewer, decode


def test_whole_pictures_are_encoded_and_torn_ones_counted(guest: Guest) -> None:
    with loopback.fed_with(guest, "mjpeg", tear=5), running_in(guest, loopback.config("mjpeg")) as service:
        with Viewer(service, "cam") as viewer:
            viewer.see(loopback.CLIP_PICTURES)
        viewer.check()
        assert len(decode(viewer.h264)) == loopback.CLIP_PICTURES * loopback.PICTURE_BYTES
        service.wait_until_discarded("cam", 5)
        stream = service.stream("cam")
        assert (stream["encoder"], stream["restarts"]) == ("libx264", 0)
