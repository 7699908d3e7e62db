"""A V4L2 camera as a source: one that gives H.264 itself, or pictures that are encoded here.

Called by `__main__`. One thread: the camera's descriptor and the encoders' are one epoll descriptor, which is itself
readable and wakes `Link.wait`. `camera` delivers buffers, `native` or `raw` makes frames of them. A lost or torn buffer
is counted and survived; an unplugged or silent camera ends this process with a reason, and the server starts it again.
"""

import select
import time
from contextlib import ExitStack, closing
from typing import Final, Protocol

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output, V4l2Options
from edge_streamer.sources.link import Link
from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.camera import Camera, Capture, warn_of_index
from edge_streamer.sources.v4l2.health import FrameWatch, MissedPictures
from edge_streamer.sources.v4l2.kernel import Kernel, LinuxKernel
from edge_streamer.sources.v4l2.native import NativePipeline
from edge_streamer.sources.v4l2.raw import RawPipeline

MISSED: Final = (
    "{path} has pictures that nobody took: encoding is too slow, or the USB bus loses them; choose a lower rate or size"
)


class Pipeline(Protocol):
    """What makes frames of a camera's buffers."""

    @property
    def wake_fds(self) -> "list[int] | tuple[int, ...]":
        """Descriptors that are readable when `collect` has something to do."""

    def announce(self) -> None:
        """Say what will come: the camera streams."""

    def take(self, capture: Capture) -> bool:
        """Process a buffer; False when it held no picture."""

    def collect(self) -> None:
        """Send what came out since."""

    def obey(self, command: SourceCommand) -> None:
        """Do what the server asks, or say why not."""

    def close(self) -> None:
        """Give everything back."""


def run_v4l2(link: Link, outputs: tuple[Output, ...], options: V4l2Options, kernel: Kernel | None = None) -> None:
    """Feed the outputs until SourceStopped; SourceError when the camera cannot be had, goes away or falls silent."""
    kernel = kernel or LinuxKernel()
    if warning := warn_of_index(options.device):
        link.send_note(0, event="warning", text=warning)
    with ExitStack() as opened:
        camera = opened.enter_context(closing(Camera(kernel, outputs, options)))
        pipeline = opened.enter_context(closing(_open_pipeline(link, kernel, camera, outputs, options.encoder_limits)))
        wake = opened.enter_context(closing(select.epoll()))
        for fd in (camera.fd, *pipeline.wake_fds):
            wake.register(fd, select.EPOLLIN)
        camera.start()  # not before: the encoders took longer to open than the camera has buffers for
        pipeline.announce()
        _feed(link, camera, pipeline, wake.fileno())


def _open_pipeline(
    link: Link, kernel: Kernel, camera: Camera, outputs: tuple[Output, ...], limits: EncoderLimits | None
) -> Pipeline:
    if camera.picture.pixel_format == PixelFormat.H264:
        return NativePipeline(link, kernel, camera, outputs[0])
    return RawPipeline(link, kernel, camera, outputs, limits)


def _feed(link: Link, camera: Camera, pipeline: Pipeline, wake_fd: int) -> None:
    watch = FrameWatch(camera.path, camera.rate_hz, time.monotonic_ns())
    missed = MissedPictures()
    has_warned = False
    while True:
        for command in link.wait(watch.deadline_ns, wake_fd):
            pipeline.obey(command)
        if _take_one(camera, pipeline):
            watch.saw_frame(time.monotonic_ns())
        pipeline.collect()
        now_ns = time.monotonic_ns()
        camera.discards.tell(link, now_ns)
        if missed.are_a_habit(camera.missed, now_ns) and not has_warned:
            has_warned = True
            link.send_note(0, event="warning", text=MISSED.format(path=camera.path))
        watch.check(now_ns, camera.discards)


def _take_one(camera: Camera, pipeline: Pipeline) -> bool:
    capture = camera.take()
    if capture is None:
        return False
    try:
        return pipeline.take(capture)
    finally:
        camera.give_back(capture)
