"""What a V4L2 stand-in films, and a link that keeps what the source sends: for tests of `sources.v4l2`."""

import select
import time
from fractions import Fraction
from functools import cache

import av
import pytest

from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output, V4l2Options
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.testpattern.card import PatternCard
from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.source import run_v4l2
from tests.support.v4l2.stand_in import Offer, Shot, StandInCamera

PATIENCE_S = 20.0
SIZES = {(320, 240): (30, 15), (640, 480): (15,)}
FILM_FRAMES = 24
MAIN = Output(width=320, height=240, fps=30, bitrate_bps=800_000, gop_s=0.5)


class RecordingLink:
    """Stops the source when `is_enough(link)`; commands are given by `commands[number of frames of output 0]`."""

    def __init__(self, is_enough, commands=None):
        self._is_enough = is_enough
        self._commands = dict(commands or {})
        self._deadline = time.monotonic() + PATIENCE_S
        self.frames = {0: [], 1: []}
        self.notes = []
        self.snapshots = []
        self.lost_outputs = set()

    def wait(self, until_ns, wake_fd=None):
        if self._is_enough(self):
            raise SourceStopped("enough")
        assert time.monotonic() < self._deadline, f"nothing came of it: {self.notes}"
        due = self._commands.pop(len(self.frames[0]), None)
        if due is not None:
            return [due] if isinstance(due, SourceCommand) else list(due)
        select.select([wake_fd], [], [], max(0, until_ns - time.monotonic_ns()) / 1e9)
        return []

    def send_frame(self, output, frame):
        self.frames[output].append(frame)

    def send_note(self, output, **values):
        self.notes.append((output, values))

    def send_snapshot(self, output, jpeg):
        self.snapshots.append((output, jpeg))

    def wants_key_frame(self, output):
        return output in self.lost_outputs and not self.lost_outputs.discard(output)

    def finish(self, within_s):
        raise AssertionError("a kind does not finish its link")

    def notes_of(self, event):
        return [values for _, values in self.notes if values["event"] == event]


def run(kernel, camera, *outputs, enough=FILM_FRAMES, commands=None, pixel_format="auto", lost=(), limits=None):
    """Plug the camera in, run the source on it until `enough` frames of output 0 came, and return what it sent."""
    device = kernel.plug(0, camera, by_id="usb-Stand-in")
    link = RecordingLink(lambda link: len(link.frames[0]) >= enough, commands)
    link.lost_outputs.update(lost)
    with pytest.raises(SourceStopped):
        run_v4l2(link, outputs or (MAIN,), V4l2Options(device, pixel_format, encoder_limits=limits), kernel)
    assert not kernel.contexts, "a device was left open"
    return link


def failure(kernel, device, *outputs, pixel_format="auto", link=None):
    """Run the source on a device until it fails, and return why."""
    link = link or RecordingLink(lambda link: False)
    with pytest.raises(SourceError) as failed:
        run_v4l2(link, outputs or (MAIN,), V4l2Options(device, pixel_format), kernel)
    assert not kernel.contexts, "a device was left open"
    return str(failed.value)


def film(pixel_format, count=FILM_FRAMES, padding=0):
    """Return the shots of a camera that films the numbered card at 320x240."""
    return [Shot(data) for data in _filmed(pixel_format, count, padding)]


def camera_of(pixel_format, shots=None, **keys):
    """Return a camera of one format that plays `shots`, or a film."""
    shots = film(pixel_format, padding=keys.get("stride_padding", 0)) if shots is None else shots
    return StandInCamera([Offer(pixel_format, SIZES)], shots, **keys)


@cache
def _filmed(pixel_format, count, padding):
    pictures = numbered_pictures(count)
    match pixel_format:
        case PixelFormat.YUYV:
            return [as_yuyv(picture, padding) for picture in pictures]
        case PixelFormat.NV12:
            return [as_nv12(picture, padding) for picture in pictures]
        case PixelFormat.MJPEG:
            return list(as_jpegs(pictures))
        case PixelFormat.H264:
            return list(as_h264(pictures))


def numbered_pictures(count, width=320, height=240):
    """Yield pictures of the test card that say their number."""
    card = PatternCard(Output(width=width, height=height))
    for number in range(count):
        yield card.draw(number, 0, 0)


def as_yuyv(picture, padding=0):
    return _packed(picture.reformat(format="yuyv422"), [picture.width * 2], padding)


def as_nv12(picture, padding=0):
    return _packed(picture.reformat(format="nv12"), [picture.width] * 2, padding)


def as_jpegs(pictures):
    """Yield each picture as the JPEG that a webcam would give: 4:2:2, full range."""
    context = None
    for number, picture in enumerate(pictures):
        if context is None:
            context = av.CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuvj422p"
            context.time_base, context.thread_count = Fraction(1, 30), 1
            context.options = {"qmin": "2", "qmax": "2"}
        frame = picture.reformat(format="yuvj422p")
        frame.pts, frame.time_base = number, Fraction(1, 30)
        [packet] = context.encode(frame)
        yield bytes(packet)


def as_h264(pictures, gop=10):
    """Yield each picture as an access unit of libx264."""
    context = None
    for number, picture in enumerate(pictures):
        if context is None:
            context = av.CodecContext.create("libx264", "w")
            context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuv420p"
            context.time_base, context.thread_count = Fraction(1, 30), 1
            context.gop_size, context.max_b_frames = gop, 0
            context.options = {"preset": "ultrafast", "tune": "zerolatency", "sc_threshold": "0"}
        picture.pts, picture.time_base = number, Fraction(1, 30)
        [packet] = context.encode(picture)
        yield bytes(packet)


def _packed(frame, widths, padding):
    lines = []
    for plane, width in zip(frame.planes, widths, strict=True):
        view = memoryview(plane)
        for line in range(plane.height):
            start = line * plane.line_size
            lines.append(bytes(view[start : start + width]) + b"\xee" * padding)
    return b"".join(lines)
