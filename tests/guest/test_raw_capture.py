"""Raw pictures of a real driver, encoded and served at two sizes: what viewers get is what the camera shows."""

from tests.guest import vivid
from tests.guest.machine import Guest
from tests.guest.service import running_in
from tests.guest.viewer import Viewer, decode

_CAMERA = f'source = "v4l2"\ndevice = "{vivid.DEVICE}"\nformat = "yuyv"\nbitrate_bps = 300_000\n'
CONFIG = (
    f"[streams.main]\n{_CAMERA}width = {vivid.WIDTH}\nheight = {vivid.HEIGHT}\nfps = {vivid.FPS}\n"
    f"[streams.sub]\n{_CAMERA}width = {vivid.WIDTH // 2}\nheight = {vivid.HEIGHT // 2}\nfps = 5\n"
)


def test_main_and_sub_of_one_camera(guest: Guest) -> None:
    with running_in(guest, CONFIG) as service:
        with Viewer(service, "main") as main, Viewer(service, "sub") as sub:
            main.see(45)
            sub.see(15)
        main.check()
        sub.check()
        vivid.check_colour_bars(decode(main.h264), vivid.WIDTH, vivid.HEIGHT)
        vivid.check_colour_bars(decode(sub.h264), vivid.WIDTH // 2, vivid.HEIGHT // 2)
        stream = service.stream("main")
        assert (stream["camera"], stream["encoder"], stream["restarts"]) == ("vivid", "libx264", 0)
        assert "no hardware encoder" in stream["encoder_reason"]
