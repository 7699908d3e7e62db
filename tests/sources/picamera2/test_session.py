import time

import msgspec
import pytest

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.messages import SourceCommand, SourceReady
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.health import START_S
from edge_streamer.sources.picamera2.mailbox import MAX_WAITING_FRAMES, Mailbox, ThreadDied
from edge_streamer.sources.picamera2.session import CameraSession
from edge_streamer.sources.timing.schedule import media_time_of
from tests.support.camera_doubles import FakeCamera, FakeLink

PI = EncoderLimits(
    kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
)
HARDWARE = EncoderChoice(is_hardware=True, reason="auto: it is there", limits=PI)
SOFTWARE = EncoderChoice(is_hardware=False, reason="as configured")
MAIN = Output("main", 1280, 720, 30.0)
SUB = Output("sub", 640, 360, 15.0, 400_000)
FRAME_NS = 33_333_333


class Lab:
    """A session of two outputs with a clock that the test turns."""

    def __init__(self, monkeypatch, choice, outputs=(MAIN, SUB), **camera):
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.link, self.mailbox = FakeLink(), Mailbox()
        self.camera = FakeCamera(outputs, **camera)
        self.session = CameraSession(self.link, self.camera, self.mailbox, outputs, (choice,) * len(outputs))
        self.link.ready, self.link.notes = self.link.notes, []
        self.captured_ns = 10**12

    def turn(self, *commands, after_s=0.0):
        self.now += after_s
        self.link.commands = [SourceCommand(**command) for command in commands]
        self.session.turn(0)
        notes, self.link.notes = self.link.notes, []
        return notes

    def frame(self, output=0, **kind):
        self.captured_ns += FRAME_NS
        self.camera.encoders[output].encode(self.captured_ns, **kind)
        return self.captured_ns


@pytest.fixture(params=[HARDWARE, SOFTWARE], ids=["hardware", "software"])
def choice(request):
    return request.param


@pytest.fixture
def start(monkeypatch):
    labs = []

    def started(choice=HARDWARE, **options):
        labs.append(Lab(monkeypatch, choice, **options))
        return labs[-1]

    yield started
    for lab in labs:
        lab.mailbox.close()


@pytest.fixture
def lab(start, choice):
    return start(choice)


def unsupported(output, command, reason):
    return [(output, {"event": "unsupported", "command": command, "reason": reason})]


def test_ready_says_what_will_come(lab, choice):
    assert lab.camera.is_started
    assert [note["event"] for _, note in lab.link.ready] == ["ready", "ready"]
    values = {key: value for key, value in lab.link.ready[1][1].items() if key != "event"}
    ready = msgspec.convert(values, SourceReady)
    assert (ready.encoder, ready.encoder_reason, ready.camera) == (choice.name, choice.reason, "imx708")
    assert (ready.width, ready.height, ready.fps) == (640, 360, 15.0)
    assert ready.can_force_key_frame
    assert ready.can_set_bitrate
    assert ready.can_set_fps
    assert ready.never_reorders


def test_frames_reach_the_link_with_the_instant_of_their_exposure(lab):
    captured_ns = lab.frame(1, data=b"unit")
    assert lab.turn() == []
    [(output, frame)] = lab.link.frames
    assert (output, frame.data, frame.is_key_frame, frame.reordered) == (1, b"unit", True, False)
    assert (frame.captured_ns, frame.wall_ns) == (captured_ns, captured_ns + 7)
    assert frame.media_time == media_time_of(captured_ns)
    assert frame.sent_ns > 0


def test_media_time_advances_even_if_the_sensors_clock_does_not(lab):
    lab.captured_ns = 10**12
    lab.frame()
    lab.camera.encoders[0].lane.deliver(b"late", is_key_frame=False, sensor_us=1)
    lab.frame()
    lab.turn()
    times = [frame.media_time for _, frame in lab.link.frames]
    assert times == sorted(set(times))


def test_a_key_frame_is_asked_for_once_until_it_comes(lab):
    encoder = lab.camera.encoders[0]
    lab.turn({"command": "force_key_frame"}, {"command": "force_key_frame"})
    assert encoder.forced == 1
    lab.frame()
    lab.turn()
    lab.turn({"command": "force_key_frame"})
    assert encoder.forced == 2
    assert lab.camera.encoders[1].forced == 0


def test_a_link_that_dropped_frames_gets_a_key_frame(lab):
    lab.link.wanted = {0}
    lab.frame(is_key_frame=False)
    lab.frame(is_key_frame=False)
    lab.turn()
    assert lab.camera.encoders[0].forced == 1


def test_a_bit_rate_is_changed_live_where_the_encoder_can_and_by_another_encoder_where_not(lab, choice):
    before = lab.camera.encoders[0]
    assert lab.turn({"command": "set_bitrate", "bitrate_bps": 900_000}) == [
        (0, {"event": "changed", "bitrate_bps": 900_000})
    ]
    after = lab.camera.encoders[0]
    assert (after is before) == choice.is_hardware
    if not choice.is_hardware:
        assert after.output.bitrate_bps == 900_000
        lab.captured_ns += FRAME_NS
        before.encode(lab.captured_ns)
    lab.frame()
    lab.turn()
    assert len(lab.link.frames) == 1


def test_a_bit_rate_outlives_a_change_of_the_frame_rate(lab):
    lab.turn({"command": "set_bitrate", "bitrate_bps": 900_000})
    lab.turn({"command": "set_fps", "fps": 10.0})
    assert lab.camera.encoders[0].output.bitrate_bps == 900_000
    assert lab.camera.encoders[0].output.gop_frames == 10


def test_bit_rates_that_an_encoder_cannot_do_are_refused(start):
    lab = start(HARDWARE)
    [(output, note)] = lab.turn({"command": "set_bitrate", "output": 1, "bitrate_bps": 26_000_000})
    assert (output, note["command"]) == (1, "set_bitrate")
    assert "more than its 25000000 bit/s" in note["reason"]
    lab.camera.encoders[0].refusal = OSError(34, "Numerical result out of range")
    [(_, note)] = lab.turn({"command": "set_bitrate", "bitrate_bps": 1_000_000})
    assert "refused 1000000 bit/s: [Errno 34]" in note["reason"]


def test_a_rate_of_one_output_leaves_the_other_alone_and_the_sensor_follows_the_faster(lab):
    other = lab.camera.encoders[0]
    assert lab.turn({"command": "set_fps", "output": 1, "fps": 5.0}) == [(1, {"event": "changed", "fps": 5.0})]
    assert lab.camera.fps == 30.0
    assert lab.camera.encoders[0] is other
    lab.turn({"command": "set_fps", "fps": 10.0})
    assert lab.camera.fps == 10.0
    lab.turn({"command": "set_fps", "output": 1, "fps": 60.0})
    assert lab.camera.fps == 60.0


def test_rates_that_cannot_be_are_refused_and_all_goes_on(lab):
    before = dict(lab.camera.encoders)
    assert lab.turn({"command": "set_fps", "fps": 61.0}) == unsupported(0, "set_fps", "the camera gives at most 60 fps")
    [(_, note)] = lab.turn({"command": "set_fps", "fps": 120.0})
    assert note["event"] == "unsupported"
    assert lab.camera.encoders == before


def test_the_hardware_is_not_asked_for_more_than_it_has(start):
    lab = start(HARDWARE, outputs=(Output("main", 1920, 1080, 30.0), Output("sub", 64, 64, 15.0)))
    [(_, note)] = lab.turn({"command": "set_fps", "output": 1, "fps": 62.0})
    assert "macroblocks a second beside 244800" in note["reason"]


def test_a_successor_that_does_not_start_leaves_the_encoder_running(lab, choice):
    before = lab.camera.encoders[0]
    lab.camera.no_start = {choice.name}
    [(_, note)] = lab.turn({"command": "set_fps", "fps": 20.0})
    assert f"a new {choice.name} does not start" in note["reason"]
    lab.frame()
    lab.turn()
    assert len(lab.link.frames) == 1
    assert lab.camera.encoders[0] is before


def test_auto_falls_back_to_software_when_the_hardware_does_not_start(start):
    lab = start(HARDWARE, no_start={HARDWARE.name})
    assert {note["encoder"] for _, note in lab.link.ready} == {SOFTWARE.name}
    assert "bcm2835-codec does not start: [Errno 2]" in lab.link.ready[0][1]["encoder_reason"]


@pytest.mark.parametrize(("wanted", "choice"), [("hardware", HARDWARE), ("software", SOFTWARE)])
def test_an_encoder_that_was_wanted_and_does_not_start_is_an_error(wanted, choice):
    output = Output("main", encoder=wanted)
    mailbox = Mailbox()
    with pytest.raises(SourceError, match=rf"the encoder {choice.name} of main does not start: \[Errno 2\]"):
        CameraSession(FakeLink(), FakeCamera((output,), no_start={choice.name}), mailbox, (output,), (choice,))
    mailbox.close()


def test_an_unknown_command_is_refused(lab):
    [(output, note)] = lab.turn({"command": "zoom", "output": 1})
    assert (output, note["event"], note["command"]) == (1, "unsupported", "zoom")
    assert lab.turn({"command": "set_bitrate"})[0][1]["event"] == "unsupported"


def live(lab, seconds, *outputs):
    for _ in range(round(seconds / 0.25)):
        for output in outputs:
            lab.captured_ns += 100 * FRAME_NS
            lab.frame(output)
        lab.turn(after_s=0.25)


def test_a_camera_that_stops_delivering_is_found_and_said(lab):
    live(lab, 2, 0, 1)
    with pytest.raises(SourceError, match=r"no frame of main for 0.8 s: the camera imx708 delivers none"):
        live(lab, 2)


def test_one_output_that_stops_is_found_though_the_other_lives(lab):
    live(lab, 2, 0, 1)
    with pytest.raises(SourceError, match=r"no frame of sub for 0.9 s"):
        live(lab, 2, 0)


def test_an_encoder_that_keeps_its_frames_is_named(lab, choice):
    live(lab, 1, 0, 1)
    for index in range(3):
        lab.camera.encoders[1].lane.admit(10**13 + index * 2 * FRAME_NS, None)
    with pytest.raises(SourceError, match=rf"no frame of main.*the encoder {choice.name} of sub keeps 3 frame"):
        live(lab, 2)


def test_the_first_frames_may_take_longer(lab):
    live(lab, START_S + 0.75)
    with pytest.raises(SourceError, match="no frame"):
        live(lab, 1)


def test_a_slower_rate_is_no_stall(lab):
    live(lab, 1, 0, 1)
    lab.turn({"command": "set_fps", "output": 1, "fps": 1.0})
    live(lab, 3.5, 0)
    with pytest.raises(SourceError, match=r"no frame of sub for [34]\.\d s"):
        live(lab, 1, 0)


def test_a_thread_that_died_ends_the_session_with_its_reason(lab):
    lab.mailbox.post(ThreadDied("picamera2 stopped working in thread_func: OSError(5)"))
    with pytest.raises(SourceError, match=r"thread_func: OSError\(5\)"):
        lab.turn()


def test_frames_that_found_no_room_are_told(lab):
    for _ in range(MAX_WAITING_FRAMES + 3):
        lab.frame()
    assert lab.turn() == [(0, {"event": "dropped", "frames": 3})]


def test_frames_that_found_no_room_are_followed_by_a_key_frame_and_not_taken_for_a_stall(lab):
    live(lab, 1, 0, 1)
    lab.turn({"command": "force_key_frame"})
    for _ in range(MAX_WAITING_FRAMES):
        lab.frame()
    lab.frame(is_key_frame=True)  # the one that was asked for, lost
    assert lab.turn() == [(0, {"event": "dropped", "frames": 1})]
    encoder = lab.camera.encoders[0]
    assert encoder.forced == 2
    lab.frame(is_key_frame=False)
    lab.turn()
    assert encoder.forced == 3
    lab.frame()
    lab.turn()
    lab.frame(is_key_frame=False)
    assert lab.turn() == []
    assert [frame.is_key_frame for _, frame in lab.link.frames[-2:]] == [True, False]


def test_stop_reaches_the_caller(lab):
    lab.link.commands = ["stop"]
    with pytest.raises(SourceStopped):
        lab.session.run()
