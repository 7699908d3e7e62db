"""A camera, its encoders and a link without picamera2: what `picamera2.session` and its parts are tested against."""

from dataclasses import dataclass, field

from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.picamera2.clock import CaptureInstant


@dataclass
class FakeEncoder:
    lane: object
    output: object
    choice: object
    forced: int = 0
    bitrates: list = field(default_factory=list)
    is_stopped: bool = False
    refusal: OSError | None = None

    def force_key_frame(self):
        self.forced += 1

    def set_bitrate_live(self, bitrate_bps):
        if self.refusal:
            raise self.refusal
        self.bitrates.append(bitrate_bps)
        return self.choice.is_hardware

    def stop(self):
        self.is_stopped = True

    def encode(self, captured_ns, data=b"\0\0\1\x65", *, is_key_frame=True):
        """Take a frame of the camera and hand it over at once, as picamera2's threads would."""
        if self.lane.admit(captured_ns, CaptureInstant(captured_ns, captured_ns + 7)):
            self.lane.deliver(data, is_key_frame=is_key_frame, sensor_us=captured_ns // 1000)


class FakeCamera:
    """Delivers what the test says; `no_start` are the encoders' names that do not start."""

    def __init__(self, outputs, no_start=(), most_fps=60.0):
        self.model = "imx708"
        self.stream_names = ("main", "lores")[: len(outputs)]
        self.encoders = {}
        self.no_start = set(no_start)
        self.most_fps = most_fps
        self.fps = None
        self.is_started = False
        self.captures = []

    def make_encoder(self, number, output, choice, lane):
        return FakeEncoder(lane, output, choice)

    def start_encoder(self, number, encoder):
        if encoder.choice.name in self.no_start:
            raise FileNotFoundError(2, "No such file or directory", "/dev/video11")
        self.encoders[number] = encoder
        encoder.lane.open()

    def replace_encoder(self, number, old, new):
        self.start_encoder(number, new)
        old.lane.retire()

    def start(self):
        self.is_started = True

    def set_fps(self, fps):
        if fps > self.most_fps:
            raise SourceError(f"the camera gives at most {self.most_fps:g} fps")
        self.fps = fps

    def capture(self, done):
        self.captures.append(done)

    def stop(self):
        self.is_started = False


class FakeRequest:
    """A captured frame whose JPEG is `jpeg`, or an exception that saving raises."""

    def __init__(self, jpeg):
        self.jpeg = jpeg
        self.is_released = False

    def get_result(self):
        return self

    def save(self, name, file_output, *, format):  # noqa: A002
        if isinstance(self.jpeg, Exception):
            raise self.jpeg
        file_output.write(name.encode() + self.jpeg)

    def release(self):
        self.is_released = True


class FakeLink:
    """Gives the commands that the test put in, keeps what it is sent."""

    def __init__(self):
        self.commands = []
        self.notes = []
        self.frames = []
        self.snapshots = []
        self.wanted = set()
        self.finished_s = None

    def wait(self, until_ns, wake_fd=None):
        if self.commands == ["stop"]:
            raise SourceStopped("the server said stop")
        commands, self.commands = self.commands, []
        return commands

    def send_frame(self, output, frame):
        self.frames.append((output, frame))

    def send_note(self, output, **values):
        self.notes.append((output, values))

    def send_snapshot(self, output, jpeg):
        self.snapshots.append((output, jpeg))

    def wants_key_frame(self, output):
        return output in self.wanted

    def finish(self, within_s):
        self.finished_s = within_s
