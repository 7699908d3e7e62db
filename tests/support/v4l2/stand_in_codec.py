"""A stateful H.264 encoder for the machine of `v4l2_stand_in`: the face of bcm2835-codec, libx264 behind it."""

import errno
from fractions import Fraction

import av
from av.video.frame import PictureType

from edge_streamer.sources.v4l2.abi import BufferFlags, BufferType, Capabilities, Control, PixelFormat
from tests.support.v4l2.stand_in import StandInDevice


class StandInCodec(StandInDevice):
    """An encoder with the face of bcm2835-codec (or single-planar, as coda's): one picture in, one access unit out."""

    driver = "bcm2835-codec"

    def __init__(self, *, is_mplane=True, alignment=16, header_alone=False, copies_time=True):
        super().__init__("bcm2835-codec-encode")
        self.capabilities = Capabilities.STREAMING | (Capabilities.M2M_MPLANE if is_mplane else Capabilities.M2M)
        multi = (BufferType.OUTPUT_MPLANE, BufferType.CAPTURE_MPLANE)
        self.queue_types = multi if is_mplane else (BufferType.OUTPUT, BufferType.CAPTURE)
        self.pictures, self.units = self.queue_types
        self.poll_type = self.units
        self.inputs = [PixelFormat.YUV420, PixelFormat.NV12]
        self.alignment, self.header_alone, self.copies_time = alignment, header_alone, copies_time
        self.is_stalled = False
        self.unit_flags = {}  # number of an access unit -> extra flags of its buffer
        self.cropped = {}  # context -> (width, height)
        self._encoders = {}
        self.list_control(Control.BITRATE, 25_000, 25_000_000, 25_000).list_control(Control.REPEAT_SEQ_HEADER, 0, 1)
        self.list_control(Control.H264_I_PERIOD, 0, 0x7FFF_FFFF).list_control(Control.HEADER_MODE, 0, 1)
        self.list_control(Control.H264_LEVEL, 0, 15).list_control(Control.FORCE_KEY_FRAME, 0, 0)
        self.controls[Control.FORCE_KEY_FRAME].maximum = 1

    def do_enum_fmt(self, _context, description):
        formats = [PixelFormat.H264] if description.type == self.units else self.inputs
        if description.index >= len(formats):
            raise OSError(errno.EINVAL, "the end of the list")
        description.pixelformat = formats[description.index]

    def do_enum_framesizes(self, _context, entry):
        if entry.index:
            raise OSError(errno.EINVAL, "the end of the list")
        entry.type = 3
        entry.stepwise.min_width, entry.stepwise.max_width, entry.stepwise.step_width = 32, 1920, 2
        entry.stepwise.min_height, entry.stepwise.max_height, entry.stepwise.step_height = 32, 1920, 2

    def adjust(self, picture, queue):
        layout = picture.plane_fmt[0] if queue.type.is_mplane else picture
        if queue.type == self.units:
            layout.sizeimage, layout.bytesperline = max(layout.sizeimage, 4096), 0
            return
        picture.height = -(-picture.height // self.alignment) * self.alignment
        layout.bytesperline = -(-picture.width // 64) * 64
        layout.sizeimage = layout.bytesperline * picture.height * 3 // 2

    def do_s_selection(self, context, selection):
        self.cropped[context] = (selection.width, selection.height)

    def work(self, context):
        if self.is_stalled:
            return
        pictures, units = context.queues[self.pictures], context.queues[self.units]
        while pictures.is_streaming and units.is_streaming and pictures.queued and len(units.queued) >= 2:
            index, used, time_us = pictures.queued.popleft()
            picture = self._picture(context, context.read(pictures.slots[index], used))
            pictures.done.append((index, used, BufferFlags.TIMESTAMP_COPY, time_us, 0))
            for data, is_key_frame in self._encoded(context, units, picture):
                unit_index, _, _ = units.queued.popleft()
                data = data[: units.slots[unit_index].length]
                context.write(units.slots[unit_index], data)
                flags = BufferFlags.TIMESTAMP_COPY | (BufferFlags.KEYFRAME if is_key_frame else 0)
                flags |= self.unit_flags.pop(self._encoders[context].number, 0)
                units.done.append((unit_index, len(data), flags, time_us if self.copies_time else 0, 0))

    def _encoded(self, context, units, picture):
        if context not in self._encoders:
            size = (units.picture.width, units.picture.height)
            period = self.values.get(Control.H264_I_PERIOD, 60)
            self._encoders[context] = _X264(*size, period, self.values.get(Control.BITRATE, 10_000_000))
        return self._encoders[context].encode(
            picture, is_key_frame=self.values.pop(Control.FORCE_KEY_FRAME, 0), header_alone=self.header_alone
        )

    def _picture(self, context, data):
        """Read the picture as the hardware would: by the stride and the height of the format in force."""
        queue = context.queues[self.pictures]
        stride, height = queue.layout.bytesperline, queue.picture.height
        is_nv12 = queue.picture.pixelformat == PixelFormat.NV12
        width, shown = self.cropped.get(context, (queue.picture.width, queue.picture.height))
        frame = av.VideoFrame(width, shown, "nv12" if is_nv12 else "yuv420p")
        strides = [stride, stride] if is_nv12 else [stride, stride // 2, stride // 2]
        lines = [height] + [height // 2] * (len(strides) - 1)
        assert len(data) == sum(stride * count for stride, count in zip(strides, lines, strict=True))
        start = 0
        for plane, plane_stride, count in zip(frame.planes, strides, lines, strict=True):
            view = memoryview(plane)
            length = min(plane_stride, plane.line_size)
            for line in range(plane.height):
                row = data[start + line * plane_stride :][:length]
                view[line * plane.line_size : line * plane.line_size + length] = row
            start += plane_stride * count
        return frame.reformat(format="yuv420p") if is_nv12 else frame


class _X264:
    def __init__(self, width, height, period, bitrate_bps):
        self._context = av.CodecContext.create("libx264", "w")
        self._context.width, self._context.height, self._context.pix_fmt = width, height, "yuv420p"
        self._context.time_base = Fraction(1, 30)
        self._context.bit_rate, self._context.gop_size = bitrate_bps, period
        self._context.max_b_frames, self._context.thread_count = 0, 1
        self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "sc_threshold": "0"}
        self.number = 0

    def encode(self, picture, *, is_key_frame, header_alone):
        picture.pts, picture.time_base = self.number, Fraction(1, 30)
        picture.pict_type = PictureType.I if is_key_frame else PictureType.NONE
        self.number += 1
        [packet] = self._context.encode(picture)
        data = bytes(packet)
        if packet.is_keyframe and header_alone:
            cut = data.index(b"\0\0\1\x65")
            return [(data[:cut], False), (data[cut:], True)]
        return [(data, packet.is_keyframe)]
