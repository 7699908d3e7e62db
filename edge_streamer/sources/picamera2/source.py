"""A camera that libcamera drives, through picamera2: one or two outputs, encoded at the same time.

Called by `__main__`, in a process of its own that ends when the camera fails. The parts:

    session     the main thread: sleeps in `Link.wait`, carries out the server's commands, sends what `mailbox` holds
    feed        one output; snapshot: one JPEG
    lane        a frame's way through an encoder, in picamera2's threads; health: whether camera and encoders work
    rig, h264   the only modules that import picamera2 (and `list`, for `probe`); `roles` is the interface to them
    controls, modes, encoders, clock   what to ask for, and arithmetic; `timing.thinning` leaves frames out
"""

import traceback
from typing import Final

from edge_streamer.protocol.source.request import CameraOptions, Output
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.link import Link
from edge_streamer.sources.picamera2.encoders import choose_encoders
from edge_streamer.sources.picamera2.health import abandon, exit_after, hear_threads_die
from edge_streamer.sources.picamera2.log import quieten
from edge_streamer.sources.picamera2.mailbox import Mailbox
from edge_streamer.sources.picamera2.session import CameraSession

STOP_S: Final = 1.0


def run_picamera2(link: Link, outputs: tuple[Output, ...], options: CameraOptions) -> None:
    """Feed all outputs until SourceStopped. A failure is told by the note `failed` and ends the process at once.

    ImportError without picamera2.
    """
    quieten()
    from edge_streamer.sources.picamera2.h264 import hardware_absence, limits_of_device
    from edge_streamer.sources.picamera2.rig import CameraRig

    mailbox = Mailbox()
    hear_threads_die(mailbox)
    camera: CameraRig | None = None
    try:
        choices = choose_encoders(outputs, hardware_absence(), options.encoder_limits or limits_of_device())
        camera = CameraRig(outputs, options)
        if not camera.is_flipped_as_asked:
            link.send_note(0, event="warning", text=f"the camera {camera.model} cannot flip its picture as configured")
        CameraSession(link, camera, mailbox, outputs, choices).run()
    except SourceStopped:
        exit_after(STOP_S)
        if camera is not None:
            camera.stop()
        raise
    except SourceError as error:
        abandon(link, str(error))
    except Exception as error:  # noqa: BLE001  # the program's boundary: `__main__` would end it by way of picamera2
        traceback.print_exc()
        abandon(link, f"the camera source has a fault: {error!r}")
