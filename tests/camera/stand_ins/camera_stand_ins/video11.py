"""/dev/video11: what picamera2's V4L2 encoder sees of the Raspberry Pi's bcm2835-codec, encoding with libx264.

Of the driver it has the limits of size and bit rate, the controls that picamera2 sets, 16 buffers each way, time stamps
copied and the key-frame flag. A new bit rate makes a key frame here, which the real codec does not. An open file is
`Video11`; `video11_system_calls` leads system calls to it. Faults: the node is missing, an ioctl fails (`ioctl_fails`
names it), the codec keeps its buffers (`encoder_stalls`).
"""

import errno
import mmap
import os
import queue
import threading
from collections import deque
from fractions import Fraction

import av
import numpy as np
import videodev2 as v

from camera_stand_ins import bench

NODE = "/dev/video11"
MIN_SIDE = 32
MAX_SIDE = 1920
MIN_BITRATE_BPS = 25_000
MAX_BITRATE_BPS = 25_000_000
DEFAULT_BITRATE_BPS = 10_000_000
DEFAULT_KEY_FRAME_INTERVAL = 60
BUFFER_BYTES = 512 << 10
BUFFERS = 16
VBV_S = 0.5
_OUTPUT = v.V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE
_CAPTURE = v.V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
_BITRATE = v.V4L2_CID_MPEG_VIDEO_BITRATE
_PIXEL_FORMATS = {v.V4L2_PIX_FMT_NV12: "nv12", v.V4L2_PIX_FMT_YUV420: "yuv420p"}
_BASELINE = (v.V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE, v.V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE)


class Video11:
    """One open file of the device; FileNotFoundError when there is no node.

    Its descriptor is a memory file that holds the coded buffers, so they are mapped for real.
    """

    def __init__(self):
        os.close(os.open(NODE, os.O_RDWR))
        self._descriptor = os.memfd_create("video11", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, BUFFERS * BUFFER_BYTES)
        self._coded = mmap.mmap(self._descriptor, BUFFERS * BUFFER_BYTES)
        self.closed = False
        self.changed = threading.Condition()
        self.used = deque()  # output buffers that the codec is done with
        self.coded = deque()  # (capture buffer, bytes, time stamp, is key frame)
        self._free = deque()
        self._raw = queue.Queue()
        self._controls = {}
        self._encoder = None
        self._wants_key_frame = False
        self._width = self._height = self._stride = self._pixel_format = 0
        threading.Thread(target=self._run, daemon=True, name="video11").start()

    def fileno(self):
        return self._descriptor

    def close(self):
        if self.closed:
            return
        self.closed = True
        self._raw.put(None)
        with self.changed:
            self.changed.notify_all()
        os.close(self._descriptor)

    # --- ioctls

    def ioctl(self, request, argument):
        call = _CALLS.get(request)
        if call is None:
            raise OSError(errno.ENOTTY, f"the stand-in for {NODE} does not know ioctl {request:#x}")
        if bench.detail("ioctl_fails") == f"VIDIOC{call.__name__.upper()}":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        call(self, argument)
        return 0

    def _querycap(self, argument):
        describe(argument)

    def _s_ctrl(self, control):
        self._set(control.id, control.value)

    def _s_ext_ctrls(self, controls):
        for index in range(controls.count):
            self._set(controls.controls[index].id, controls.controls[index].value)

    def _set(self, control, value):
        if control == _BITRATE and not MIN_BITRATE_BPS <= value <= MAX_BITRATE_BPS:
            raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
        if control == v.V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME:
            self._wants_key_frame = True
            return
        self._controls[control] = value
        if control == _BITRATE:
            self._encoder = None

    def _s_fmt(self, wanted):
        picture = wanted.fmt.pix_mp
        picture.width = min(max(picture.width, MIN_SIDE), MAX_SIDE)
        picture.height = min(max(picture.height, MIN_SIDE), MAX_SIDE)
        if wanted.type == _OUTPUT:
            self._width, self._height, self._pixel_format = picture.width, picture.height, picture.pixelformat
            self._stride = picture.plane_fmt[0].bytesperline or picture.width

    def _accept(self, argument):
        """VIDIOC_S_PARM, VIDIOC_REQBUFS, VIDIOC_STREAMON and VIDIOC_STREAMOFF always do."""

    def _querybuf(self, buffer):
        buffer.m.planes[0].length = BUFFER_BYTES
        buffer.m.planes[0].m.mem_offset = buffer.index * BUFFER_BYTES

    def _qbuf(self, buffer):
        if buffer.type == _CAPTURE:
            with self.changed:
                self._free.append(buffer.index)
                self.changed.notify_all()
            return
        plane = buffer.m.planes[0]
        timestamp_us = buffer.timestamp.tv_sec * 1_000_000 + buffer.timestamp.tv_usec
        self._raw.put((buffer.index, os.dup(plane.m.fd), plane.length, timestamp_us))

    def _dqbuf(self, buffer):
        with self.changed:
            done = self.coded if buffer.type == _CAPTURE else self.used
            if not done:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            taken = done.popleft()
        if buffer.type == _OUTPUT:
            buffer.index = taken
            return
        buffer.index, buffer.m.planes[0].bytesused, timestamp_us, is_key_frame = taken
        buffer.m.planes[0].length = BUFFER_BYTES
        buffer.timestamp.tv_sec, buffer.timestamp.tv_usec = divmod(timestamp_us, 1_000_000)
        buffer.flags = v.V4L2_BUF_FLAG_KEYFRAME if is_key_frame else 0

    # --- the codec's thread

    def _run(self):
        while (job := self._raw.get()) is not None:
            index, descriptor, length, timestamp_us = job
            try:
                picture = self._picture(descriptor, length)
            finally:
                os.close(descriptor)
            if not bench.has("encoder_stalls"):
                picture.pts = timestamp_us
                self._encode(picture)
                self._hand_out(self.used, index)

    def _picture(self, descriptor, length):
        rows = self._height * 3 // 2
        with mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ) as frame:
            luma_and_chroma = np.frombuffer(frame, np.uint8, rows * self._stride).reshape(rows, self._stride)
            copy = np.array(luma_and_chroma[:, : self._width])
            del luma_and_chroma
        return av.VideoFrame.from_ndarray(copy, format=_PIXEL_FORMATS[self._pixel_format])

    def _encode(self, picture):
        if self._encoder is None:
            self._encoder = self._opened()
        if self._wants_key_frame:
            self._wants_key_frame = False
            picture.pict_type = av.video.frame.PictureType.I
        for packet in self._encoder.encode(picture):
            self._fill(packet)

    def _fill(self, packet):
        """Copy a coded picture into a free buffer, waiting for one."""
        with self.changed:
            self.changed.wait_for(lambda: self._free or self.closed)
            if self.closed:
                return
            index = self._free.popleft()
        data = bytes(packet)
        start = index * BUFFER_BYTES
        self._coded[start : start + len(data)] = data
        self._hand_out(self.coded, (index, len(data), packet.pts, packet.is_keyframe))

    def _hand_out(self, done, item):
        with self.changed:
            done.append(item)
            self.changed.notify_all()

    def _opened(self):
        rate_bps = self._controls.get(_BITRATE, DEFAULT_BITRATE_BPS)
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = self._width, self._height, "yuv420p"
        encoder.time_base = Fraction(1, 1_000_000)
        encoder.framerate = Fraction(30)
        encoder.bit_rate = rate_bps
        interval = self._controls.get(v.V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, DEFAULT_KEY_FRAME_INTERVAL)
        encoder.gop_size = interval or 1 << 30
        encoder.max_b_frames = 0
        encoder.thread_count = 1
        encoder.options = self._options(rate_bps)
        return encoder

    def _options(self, rate_bps):
        repeats = self._controls.get(v.V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 0)
        profile = self._controls.get(v.V4L2_CID_MPEG_VIDEO_H264_PROFILE)
        return {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline" if profile in _BASELINE else "high",
            "forced-idr": "1",
            "maxrate": str(rate_bps),
            "bufsize": str(int(rate_bps * VBV_S)),
            "x264-params": f"annexb=1:repeat-headers={repeats}:scenecut=0",
        }


_CALLS = {
    v.VIDIOC_QUERYCAP: Video11._querycap,
    v.VIDIOC_S_CTRL: Video11._s_ctrl,
    v.VIDIOC_S_EXT_CTRLS: Video11._s_ext_ctrls,
    v.VIDIOC_S_FMT: Video11._s_fmt,
    v.VIDIOC_S_PARM: Video11._accept,
    v.VIDIOC_REQBUFS: Video11._accept,
    v.VIDIOC_STREAMON: Video11._accept,
    v.VIDIOC_STREAMOFF: Video11._accept,
    v.VIDIOC_QUERYBUF: Video11._querybuf,
    v.VIDIOC_QBUF: Video11._qbuf,
    v.VIDIOC_DQBUF: Video11._dqbuf,
}


def describe(capability):
    """Fill in what the driver says of itself."""
    capability.driver[:] = b"bcm2835-codec".ljust(len(capability.driver), b"\0")
    capability.card[:] = b"bcm2835-codec-encode".ljust(len(capability.card), b"\0")
    capability.device_caps = v.V4L2_CAP_VIDEO_M2M_MPLANE | v.V4L2_CAP_STREAMING
    capability.capabilities = capability.device_caps | v.V4L2_CAP_DEVICE_CAPS
