"""The sensor's frame clock in front of libcamera's virtual camera, which fills a buffer the moment it is queued.

A queued request waits here for the clock's next tick; a tick without a request is a frame lost, as in a sensor. So
the virtual camera's own time stamps are a sensor's. The clock obeys FrameDurationLimits, given at the start or with a
request, and stands still while the test wants `frames_stop`: what a loose cable looks like from here.
"""

import threading
import time
from collections import deque

import libcamera

from camera_stand_ins import bench

DEFAULT_FRAME_S = 1 / 30
_LIMITS = libcamera.controls.FrameDurationLimits
_queue_request = libcamera.Camera.queue_request
_start = libcamera.Camera.start
_stop = libcamera.Camera.stop
_acquire = libcamera.Camera.acquire
_set_control = libcamera.Request.set_control
_get_ready_requests = libcamera.CameraManager.get_ready_requests


class FrameClock:
    """One camera's clock; a thread of its own hands the requests on."""

    def __init__(self):
        self.frame_s = DEFAULT_FRAME_S
        self._waiting = deque()
        self._is_stopping = threading.Event()
        self._thread = None

    def start(self, camera):
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(camera,), daemon=True, name="frame-clock")
        self._thread.start()

    def stop(self):
        self._is_stopping.set()
        self._thread.join()
        self._waiting.clear()

    def queue(self, request):
        self._waiting.append(request)

    def obey(self, limits_us):
        """Take the shortest duration that is allowed, which a sensor in daylight does."""
        self.frame_s = limits_us[0] / 1e6

    def _run(self, camera):
        due = time.monotonic()
        while not self._is_stopping.wait(max(0.0, due - time.monotonic())):
            if self._waiting and not bench.has("frames_stop"):
                _queue_request(camera, self._waiting.popleft())
            due = max(due + self.frame_s, time.monotonic() - self.frame_s)


_clock = FrameClock()  # a process opens one camera


def install():
    libcamera.Camera.acquire = _acquire_unless_busy
    libcamera.Camera.start = _start_with_clock
    libcamera.Camera.stop = _stop_with_clock
    libcamera.Camera.queue_request = lambda camera, request: _clock.queue(request)
    libcamera.Request.set_control = _set_control_and_clock
    libcamera.CameraManager.get_ready_requests = _get_ready_requests_and_note


def _acquire_unless_busy(camera):
    """The virtual camera has no media device that a second process could hold; this is what libcamera says then."""
    if bench.has("camera_busy"):
        raise RuntimeError("Failed to acquire camera: Device or resource busy")
    _acquire(camera)


def _start_with_clock(camera, controls=None):
    if controls and _LIMITS in controls:
        _clock.obey(controls[_LIMITS])
    _start(camera, controls or {})
    _clock.start(camera)


def _stop_with_clock(camera):
    _clock.stop()
    _stop(camera)


def _set_control_and_clock(request, control, value):
    if control == _LIMITS:
        _clock.obey(value)
    _set_control(request, control, value)


def _get_ready_requests_and_note(manager):
    requests = _get_ready_requests(manager)
    for request in requests:
        if request.status == libcamera.Request.Status.Complete:
            bench.note_capture(request.metadata[libcamera.controls.SensorTimestamp])
    return requests
