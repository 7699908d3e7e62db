"""What breaks inside picamera2 when the test wants it: the failures that were seen with real cameras.

event_loop_raises   an exception in the event loop: its thread ends, `stop()` would wait for ever
output_raises       an exception in an Output: the codec's thread (V4L2) or the event loop (libav) ends
encoder_stalls      the encoder keeps the frame (libav; `video11` does it for V4L2)
"""

import time

from picamera2 import Picamera2
from picamera2.encoders.encoder import Encoder
from picamera2.encoders.v4l2_encoder import V4L2Encoder

from camera_stand_ins import bench

_POLL_S = 0.05
_process_requests = Picamera2.process_requests
_outputframe = Encoder.outputframe
_encode = Encoder.encode


def install():
    Picamera2.process_requests = _process_requests_or_raise
    Encoder.outputframe = _outputframe_or_raise
    Encoder.encode = _encode_or_stall


def _process_requests_or_raise(camera, display):
    if bench.has("event_loop_raises"):
        raise RuntimeError("injected: the event loop raises")
    _process_requests(camera, display)


def _outputframe_or_raise(encoder, *arguments, **named):
    if bench.has("output_raises"):
        raise RuntimeError("injected: an Output raises")
    _outputframe(encoder, *arguments, **named)


def _encode_or_stall(encoder, stream, request):
    while not isinstance(encoder, V4L2Encoder) and bench.has("encoder_stalls"):
        time.sleep(_POLL_S)
    _encode(encoder, stream, request)
