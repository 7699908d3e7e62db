"""The system calls that lead to `Video11`: `open` and `select` in picamera2's encoder, `fcntl.ioctl` everywhere.

Whoever opens the node itself, to ask what it is, gets an answer to VIDIOC_QUERYCAP and ENOTTY for the rest.
"""

import errno
import fcntl
import os
import select

_ioctl = fcntl.ioctl


def install():
    fcntl.ioctl = _ioctl_or_video11


def lead_picamera2_here():
    from picamera2.encoders import v4l2_encoder

    v4l2_encoder.open = _open_or_video11
    v4l2_encoder.select = _Select


def _open_or_video11(path, *arguments, **named):
    from camera_stand_ins.video11 import NODE, Video11

    return Video11() if path == NODE else open(path, *arguments, **named)


def _ioctl_or_video11(file, request, argument=0, mutate_flag=True):
    if hasattr(file, "ioctl"):
        return file.ioctl(request, argument)
    if _is_node(file):
        return _ask_node(request, argument)
    return _ioctl(file, request, argument, mutate_flag)


def _is_node(file):
    descriptor = file if isinstance(file, int) else file.fileno()
    return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")) == "video11"


def _ask_node(request, argument):
    import videodev2

    from camera_stand_ins import video11

    if request != videodev2.VIDIOC_QUERYCAP:
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
    video11.describe(videodev2.v4l2_capability.from_buffer(argument))
    return 0


class _Poll:
    """`select.poll` for one `Video11`; picamera2 registers no other."""

    def register(self, device, events):
        self._device = device

    def poll(self, timeout_ms):
        device = self._device
        with device.changed:
            device.changed.wait_for(lambda: device.coded or device.used, timeout_ms / 1000)
            events = (select.POLLIN if device.coded else 0) | (select.POLLOUT if device.used else 0)
        return [(device.fileno(), events)] if events else []


class _Select:
    """What picamera2's encoder uses of the module."""

    POLLIN = select.POLLIN
    POLLOUT = select.POLLOUT
    poll = _Poll
