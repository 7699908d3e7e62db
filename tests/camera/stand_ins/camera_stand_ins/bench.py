"""The folder by which a test reaches this process while it runs: a fault is a file, and so is what was captured.

Its path is in EDGE_STREAMER_CAMERA_BENCH. The names are those of `tests.camera.bench`, which writes and reads them.
"""

import os
import time

_FOLDER = os.environ["EDGE_STREAMER_CAMERA_BENCH"]
_captured = None
_READ_NS = 50_000


def has(fault):
    """Whether the test wants this fault now."""
    return os.path.exists(os.path.join(_FOLDER, fault))


def detail(fault):
    """Return what the fault's file says, empty when the fault is not wanted."""
    try:
        with open(os.path.join(_FOLDER, fault)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def note_capture(sensor_ns):
    """Write down when a frame was captured: by the sensor's clock and by the system's."""
    global _captured
    if _captured is None:
        _captured = os.open(os.path.join(_FOLDER, "captured"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(_captured, b"%d %d\n" % (sensor_ns, sensor_ns + _wall_since_monotonic_ns()))


def _wall_since_monotonic_ns():
    """Return by how much UTC is ahead of CLOCK_MONOTONIC, read again whenever this thread was held up between them."""
    while True:
        before_ns, wall_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after_ns - before_ns < _READ_NS:
            return wall_ns - before_ns
