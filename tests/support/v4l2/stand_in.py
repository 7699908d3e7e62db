"""A machine whose V4L2 cameras and encoder are written in Python, behind the seam `v4l2.kernel.Kernel`.

Requests arrive as the kernel's structures and are answered as its drivers do (videobuf2's rules: what is refused with
EINVAL and EBUSY there is refused here); descriptors are eventfds, so they really poll; buffers are shared memory. Every
request is recorded with the bytes of its structure. A camera plays a list of `Shot`s as fast as buffers are given back;
the encoder is in `v4l2_stand_in_codec`.
"""

import ctypes
import errno
import mmap
import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import monotonic_ns

from edge_streamer.sources.v4l2 import abi
from edge_streamer.sources.v4l2.abi import BufferFlags, BufferType, Capabilities, Control, Ioctl, PixelFormat

PAGE = mmap.PAGESIZE


@dataclass
class Shot:
    """What a camera does next: a buffer with `data`, or an error in place of it.

    `at_ns` is its own clock's time, `missed` how many pictures before it found no buffer.
    """

    data: bytes = b""
    flags: int = BufferFlags.TIMESTAMP_MONOTONIC
    error: int = 0
    at_ns: int | None = None
    missed: int = 0


@dataclass
class Offer:
    """A format of a camera: discrete sizes, each with its rates; or one range of sizes."""

    pixel_format: PixelFormat
    sizes: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    stepwise: tuple[int, int, int, int, int, int] | None = None


@dataclass
class _Slot:
    offset: int
    length: int
    is_queued: bool = False


class _Queue:
    """videobuf2, as far as it matters."""

    def __init__(self, buffer_type):
        self.type = buffer_type
        self.format = abi.Format(type=buffer_type)
        self.slots = []
        self.queued = deque()
        self.done = deque()  # (index, used bytes, flags, time in us, sequence) or an errno
        self.is_streaming = False

    @property
    def picture(self):
        return self.format.pix_mp if self.type.is_mplane else self.format.pix

    @property
    def is_failed(self):
        return bool(self.done) and isinstance(self.done[-1], int)

    @property
    def layout(self):
        return self.picture.plane_fmt[0] if self.type.is_mplane else self.picture


class _Context:
    """An open node."""

    def __init__(self, device, kernel):
        self.device = device
        self.kernel = kernel
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.memory = os.memfd_create("v4l2-buffers", os.MFD_CLOEXEC)
        self.memory_bytes = 0
        self.queues = {buffer_type: _Queue(buffer_type) for buffer_type in device.queue_types}

    def close(self):
        os.close(self.fd)
        os.close(self.memory)

    def queue(self, buffer_type):
        if buffer_type not in self.queues:
            raise OSError(errno.EINVAL, "no such queue")
        return self.queues[buffer_type]

    def write(self, slot, data):
        os.pwrite(self.memory, data, slot.offset)

    def read(self, slot, count):
        return os.pread(self.memory, count, slot.offset)

    def show(self):
        """Make the descriptor readable or not, as `poll` of a driver would say."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            pass
        if self.queues[self.device.poll_type].done:
            os.eventfd_write(self.fd, 1)


class StandInDevice:
    """What cameras and the encoder share; a subclass says what happens to buffers."""

    driver = "stand-in"
    capabilities = Capabilities.STREAMING
    queue_types: tuple[BufferType, ...] = ()
    poll_type = BufferType.CAPTURE
    usb_descriptors = b""

    def __init__(self, name):
        self.name = name
        self.log = []
        self.errors = {}  # Ioctl -> list of errno to fail with, first come
        self.controls = {}  # Control -> abi.ControlQuery
        self.values = {}
        self.settings = []  # (Control, value) in order

    def names(self):
        """The recorded requests, without the enumerations."""
        return [name for name, _ in self.log if not name.startswith(("ENUM", "QUERYC"))]

    def list_control(self, control, minimum, maximum, step=1):
        self.controls[control] = abi.ControlQuery(id=control, minimum=minimum, maximum=maximum, step=step)
        return self

    def ioctl(self, context, request, argument):
        name = Ioctl(request).name
        if isinstance(argument, ctypes.Structure):
            assert ctypes.sizeof(argument) == request >> 16 & 0x3FFF, f"{name} with a structure of another size"
        self.log.append((name, bytes(argument)))
        if self.errors.get(name):
            raise OSError(self.errors[name].pop(0), f"injected at {name}")
        handler = getattr(self, f"do_{name.lower()}", None)
        if handler is None:
            raise OSError(errno.ENOTTY, name)
        handler(context, argument)

    def do_querycap(self, _context, capability):
        capability.driver, capability.card = self.driver.encode(), self.name.encode()
        capability.device_caps = self.capabilities
        capability.capabilities = self.capabilities | Capabilities.DEVICE_CAPS

    def do_s_fmt(self, context, wanted):
        queue = context.queue(wanted.type)
        if queue.slots:
            raise OSError(errno.EBUSY, "buffers are allocated")
        self.adjust(wanted.pix_mp if queue.type.is_mplane else wanted.pix, queue)
        ctypes.pointer(queue.format)[0] = wanted

    def do_s_parm(self, _context, parameters):
        parameters.capability = abi.CAP_TIMEPERFRAME
        interval = parameters.timeperframe
        self.rate_hz = Fraction(interval.denominator, interval.numerator)

    def do_reqbufs(self, context, request):
        queue = context.queue(request.type)
        assert request.memory == abi.MEMORY_MMAP
        if not queue.layout.sizeimage:
            raise OSError(errno.EINVAL, "no format")
        for _ in range(request.count):
            queue.slots.append(_Slot(context.memory_bytes, queue.layout.sizeimage))
            context.memory_bytes += -(-queue.layout.sizeimage // PAGE) * PAGE
        os.ftruncate(context.memory, context.memory_bytes)

    def do_querybuf(self, context, buffer):
        queue, slot = self._slot(context, buffer)
        if queue.type.is_mplane:
            buffer.planes[0].length, buffer.planes[0].mem_offset = slot.length, slot.offset
        else:
            buffer.length, buffer.offset = slot.length, slot.offset

    def do_qbuf(self, context, buffer):
        queue, slot = self._slot(context, buffer)
        if slot.is_queued:
            raise OSError(errno.EINVAL, "already queued")
        slot.is_queued = True
        used = buffer.planes[0].bytesused if queue.type.is_mplane else buffer.bytesused
        assert used <= slot.length
        time_us = buffer.timestamp.seconds * 1_000_000 + buffer.timestamp.microseconds
        queue.queued.append((buffer.index, used, time_us))
        self.work(context)
        context.show()

    def do_dqbuf(self, context, buffer):
        queue = context.queue(buffer.type)
        if not queue.is_streaming:
            raise OSError(errno.EINVAL, "not streaming")
        if not queue.done:
            raise OSError(errno.EAGAIN, "nothing yet")
        if isinstance(queue.done[0], int):
            code = self._next_error(queue)
            self.work(context)
            context.show()
            raise OSError(code, "the shot says so")
        index, used, flags, time_us, buffer.sequence = queue.done.popleft()
        queue.slots[index].is_queued = False
        buffer.index, buffer.flags = index, flags
        buffer.timestamp.seconds, buffer.timestamp.microseconds = divmod(time_us, 1_000_000)
        if queue.type.is_mplane:
            buffer.planes[0].bytesused = used
        else:
            buffer.bytesused = used
        self.work(context)
        context.show()

    def do_streamon(self, context, buffer_type):
        context.queue(buffer_type.value).is_streaming = True
        self.work(context)
        context.show()

    def do_streamoff(self, context, buffer_type):
        context.queue(buffer_type.value).is_streaming = False

    def do_queryctrl(self, _context, query):
        if query.id not in self.controls:
            raise OSError(errno.EINVAL, "no such control")
        ctypes.pointer(query)[0] = self.controls[query.id]

    def do_s_ctrl(self, _context, control):
        known = self.controls.get(control.id)
        if known is None:
            raise OSError(errno.EINVAL, "no such control")
        if not known.minimum <= control.value <= known.maximum:
            raise OSError(errno.ERANGE, "out of range")
        self.values[control.id] = control.value
        self.settings.append((Control(control.id), control.value))

    def _next_error(self, queue):
        """A driver that is gone goes on saying so; anything else is said once."""
        return queue.done[0] if queue.done[0] == errno.ENODEV else queue.done.popleft()

    def _slot(self, context, buffer):
        queue = context.queue(buffer.type)
        assert buffer.memory == abi.MEMORY_MMAP
        if queue.type.is_mplane and (not buffer.planes or buffer.length != 1):
            raise OSError(errno.EINVAL, "one plane")
        if buffer.index >= len(queue.slots):
            raise OSError(errno.EINVAL, "no such buffer")
        return queue, queue.slots[buffer.index]


class StandInCamera(StandInDevice):
    """A camera that plays `shots`; with none left it is silent, unless it plays them again and again."""

    driver = "uvcvideo"
    capabilities = Capabilities.STREAMING | Capabilities.CAPTURE
    queue_types = (BufferType.CAPTURE,)
    rate_hz = Fraction(30)

    def __init__(self, offers: Iterable[Offer], shots: Iterable[Shot] = (), name="Stand-in Webcam", stride_padding=0):
        super().__init__(name)
        self.offers = list(offers)
        self.shots = deque(shots)
        self.is_endless = False
        self.stride_padding = stride_padding
        self.unit_requests = []
        self.unit_control_bytes = 4
        self._clock_ns = monotonic_ns() - 8_000_000_000
        self._sequence = 0

    def do_enum_fmt(self, _context, description):
        description.pixelformat = self._at(self.offers, description.index).pixel_format

    def do_enum_framesizes(self, _context, entry):
        offer = self._offer(entry.pixel_format)
        if offer.stepwise and entry.index == 0:
            entry.type = 3
            names = ("min_width", "max_width", "step_width", "min_height", "max_height", "step_height")
            for name, value in zip(names, offer.stepwise, strict=True):
                setattr(entry.stepwise, name, value)
            return
        entry.type = abi.FRAME_DISCRETE
        entry.discrete.width, entry.discrete.height = self._at(list(offer.sizes), entry.index)

    def do_enum_frameintervals(self, _context, entry):
        rates = self._offer(entry.pixel_format).sizes.get((entry.width, entry.height), ())
        entry.type = abi.FRAME_DISCRETE
        entry.discrete = abi.Fraction(1, self._at(rates, entry.index))

    def adjust(self, picture, queue):
        picture.bytesperline, picture.sizeimage = 0, max(picture.width * picture.height, 64 << 10)
        if picture.pixelformat in (PixelFormat.YUYV, PixelFormat.NV12):
            factor = 2 if picture.pixelformat == PixelFormat.YUYV else 1
            picture.bytesperline = picture.width * factor + self.stride_padding
            lines = picture.height if factor == 2 else picture.height * 3 // 2
            picture.sizeimage = picture.bytesperline * lines

    def do_uvc_ctrl_query(self, _context, query):
        data = (ctypes.c_uint8 * query.size).from_address(query.data)
        if query.query == 0x85:
            data[:] = self.unit_control_bytes.to_bytes(2, "little")
        self.unit_requests.append((query.unit, query.selector, query.query, bytes(data)))

    def work(self, context):
        queue = context.queues[BufferType.CAPTURE]
        while queue.is_streaming and queue.queued and self.shots and not queue.is_failed:
            shot = self.shots.popleft()
            if self.is_endless:
                self.shots.append(shot)
            if shot.error:
                queue.done.append(shot.error)
                continue
            index, _, _ = queue.queued.popleft()
            context.write(queue.slots[index], shot.data)
            self._clock_ns += int(1_000_000_000 / self.rate_hz)
            at_ns = self._clock_ns if shot.at_ns is None else shot.at_ns
            self._sequence += 1 + shot.missed
            queue.done.append((index, len(shot.data), shot.flags, at_ns // 1000, self._sequence))

    def _offer(self, pixel_format):
        for offer in self.offers:
            if offer.pixel_format == pixel_format:
                return offer
        raise OSError(errno.EINVAL, "no such format")

    def _at(self, entries, index):
        if index >= len(entries):
            raise OSError(errno.EINVAL, "the end of the list")
        return entries[index]


class StandInKernel:
    """The machine: put devices in with `plug`, take them out with `unplug`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.devices = {}
        self.contexts = {}
        self.opened = Counter()

    def plug(self, number, device, by_id=""):
        """Make `/dev/videoN`, and its link under by-id; return the path that names the device."""
        node = self.root / "dev" / f"video{number}"
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        self.devices[str(node)] = device
        if device.usb_descriptors:
            self._show_on_usb(node.name, device.usb_descriptors)
        if not by_id:
            return str(node)
        link = self.root / "dev/v4l/by-id" / by_id
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(node)
        return str(link)

    def open(self, path):
        node = str(Path(path).resolve())
        if node not in self.devices:
            raise FileNotFoundError(errno.ENOENT, "No such file", path)
        device = self.devices[node]
        if device.errors.get("OPEN"):
            raise OSError(device.errors["OPEN"].pop(0), "injected")
        context = _Context(device, self)
        self.contexts[context.fd] = context
        self.opened[node] += 1
        return context.fd

    def close(self, fd):
        self.contexts.pop(fd).close()

    def ioctl(self, fd, request, argument):
        context = self.contexts[fd]
        context.device.ioctl(context, request, argument)

    def map(self, fd, length, offset):
        memory = self.contexts[fd].memory
        return mmap.mmap(memory, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def _show_on_usb(self, node, descriptors):
        interface = self.root / "sys/devices/usb1/1-1/1-1:1.0"
        interface.mkdir(parents=True)
        (interface.parent / "descriptors").write_bytes(descriptors)
        entry = self.root / "sys/class/video4linux" / node
        entry.mkdir(parents=True)
        (entry / "device").symlink_to(interface)
