"""What a slate is asked to be, and what is taken of the process that encodes it."""

import sys
from dataclasses import dataclass
from textwrap import dedent

import pytest

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.messages import SourceReady
from edge_streamer.protocol.source.request import (
    CameraOptions,
    FileOptions,
    FileOutput,
    Output,
    PatternOptions,
    SlateOptions,
    V4l2Options,
)
from edge_streamer.services.supervision.encoder import OutputEncoder
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.process import KILL_AFTER_S
from edge_streamer.services.supervision.slate import MAX_SLATE_BYTES, SLATE_LIMIT_S, SlateProcess, slate_spec
from edge_streamer.services.supervision.spec import SourceSpec
from tests.support.frames import PPS, SPS, annex_b, key_frame
from tests.support.loop import pass_time, turn_until
from tests.support.processes import is_running
from tests.support.supervised import PRELUDE, message

BOARD = EncoderLimits(
    kind="v4l2_m2m", max_width=1920, max_height=1080, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
)


def asked(output, options, *, ready=None, sets=None, reason="gone") -> tuple[Output, SlateOptions]:
    stream = Stream("main")
    if sets is not None:
        stream.publish(EncodedFrame(annex_b(*sets), False, 0), 1.0)
    encoder = OutputEncoder(stream, output)
    encoder.ready = ready or SourceReady()
    spec = slate_spec(stream, encoder, options, reason, 5.0)
    assert isinstance(spec.options, SlateOptions)
    return spec.outputs[0], spec.options


# --- what is asked for


def test_before_the_first_picture_a_slate_has_the_configured_size_and_the_likely_profile():
    output, options = asked(Output("main", 640, 360, 30.0, 1_000_000), PatternOptions())
    assert (output.name, output.width, output.height, output.fps, output.bitrate_bps) == (
        "main",
        640,
        360,
        1.0,
        1_000_000,
    )
    assert options == SlateOptions("gone", 5.0, "baseline")


def test_what_the_source_says_of_its_size_goes_before_the_configuration():
    output, _options = asked(Output(), V4l2Options("/dev/video0"), ready=SourceReady(width=800, height=600))
    assert (output.width, output.height) == (800, 600)


def test_a_slate_has_the_size_and_profile_of_the_last_pictures():
    output, options = asked(Output(), CameraOptions(), sets=(SPS, PPS))
    assert (output.width, output.height, options.profile) == (320, 192, "baseline")


@pytest.mark.parametrize(
    ("encoder", "options", "ready", "profile"),
    [
        ("auto", CameraOptions(), "", "baseline"),
        ("auto", CameraOptions(encoder_limits=BOARD), "", "main"),
        ("hardware", CameraOptions(), "", "main"),
        ("software", CameraOptions(encoder_limits=BOARD), "", "baseline"),
        ("auto", CameraOptions(encoder_limits=BOARD), "libx264", "baseline"),
        ("auto", V4l2Options("/dev/video0"), "", "baseline"),
        ("auto", V4l2Options("/dev/video0", encoder_limits=BOARD), "", "high"),
        ("hardware", V4l2Options("/dev/video0"), "", "high"),
    ],
)
def test_the_profile_is_what_the_encoder_is_likely_to_make(encoder, options, ready, profile):
    _output, slate = asked(Output(encoder=encoder), options, ready=SourceReady(encoder=ready))
    assert slate.profile == profile


@pytest.mark.parametrize(
    ("profile_idc", "profile"), [(66, "baseline"), (77, "main"), (88, None)], ids=["baseline", "main", "extended"]
)
def test_only_profiles_that_can_be_encoded_have_a_slate(profile_idc, profile):
    sets = (SPS[:1] + bytes([profile_idc]) + SPS[2:], PPS)
    if profile is None:
        with pytest.raises(ValueError, match=r"no slate can be encoded in the stream's profile \(88\)"):
            asked(Output(), PatternOptions(), sets=sets)
    else:
        assert asked(Output(), PatternOptions(), sets=sets)[1].profile == profile


@pytest.mark.parametrize(
    ("output", "ready"), [(FileOutput("main"), SourceReady()), (Output(), SourceReady(width=641, height=480))]
)
def test_a_size_that_cannot_be_is_told(output, ready):
    with pytest.raises(ValueError, match=r"no slate can have (0x0|641x480) pixels"):
        asked(output, FileOptions("x"), ready=ready)


def test_a_reason_is_one_line_of_limited_length():
    _output, slate = asked(Output(), PatternOptions(), reason="a\nb" + "c" * 600)
    assert slate.reason.isprintable()
    assert len(slate.reason) == 512


# --- its process


HUGE = message(key_frame(0, MAX_SLATE_BYTES))
ASKED = SlateOptions("gone", 5.0)


@dataclass(frozen=True)
class Program:
    """What is run instead of the encoder."""

    text: str
    outputs: tuple[Output, ...] = (Output("main", 320, 192, 1.0),)
    options: SlateOptions = ASKED

    def arguments(self) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", PRELUDE + dedent(self.text)]


class Run:
    def __init__(self, loop, spec) -> None:
        self.made: list[tuple[EncodedFrame, ...]] = []
        self.failed: list[str] = []
        self.process = SlateProcess(loop, spec, SourceLog("slate", ["main"]), self.made.append, self.failed.append)


@pytest.fixture
def run(no_descriptor_left, loop):
    """Return a function that runs a program to its end."""

    def start(spec, *, is_finished=True) -> Run:
        run = Run(loop, Program(spec) if isinstance(spec, str) else spec)
        if is_finished:
            turn_until(loop, lambda: run.made or run.failed)
        return run

    return start


def test_the_real_process_makes_both_access_units(run):
    options = SlateOptions("gone", 5.0, "main")
    made = run(SourceSpec((Output("main", 160, 120, 1.0, 400_000),), options)).made
    assert [len(pictures) for pictures in made] == [2]
    assert all(picture.is_key_frame for picture in made[0])


def test_one_that_fails_says_why(run):
    assert run("note(event='failed', reason='a source needs PyAV'); sys.exit(1)").failed == ["a source needs PyAV"]
    assert run("sys.exit(3)").failed == ["its process ended with exit code 3"]
    assert run("send(KEY)").failed == ["its process ended with exit code 0"], "one picture is not enough"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "send(b'this is no message of a source, is it, or is it?'); wait()",
            "it violated the source protocol: source byte 0",
        ),
        ("send(KEY, KEY, KEY); wait()", "it is no slate: "),
        ("send(FRAME); wait()", "it is no slate: "),
        ("picture(b'jpeg'); wait()", "it is no part of a slate"),
        ("note(event='ready'); wait()", "it is no part of a slate"),
        (f"send({message(EncodedFrame(annex_b(SPS[:5], PPS, b'e1'), True, 0))!r}); wait()", "it is no slate: "),
        (f"send({HUGE[:100]!r}, bytes({len(HUGE) - 100})); wait()", f"{len(HUGE) - 44} bytes"),
    ],
)
def test_what_is_no_slate_is_not_taken(run, text, said):
    (failure,) = run(text).failed
    assert said in failure


@pytest.mark.parametrize(
    ("output", "profile"),
    [
        (Output("main", 320, 192), "high"),
        (Output("main", 320, 194), "baseline"),
        (Output("main", 322, 192), "baseline"),
    ],
)
def test_a_slate_of_another_size_or_profile_is_not_taken(run, output, profile):
    program = Program("send(KEY, KEY); wait()", (output,), SlateOptions("gone", 5.0, profile))
    (failure,) = run(program).failed
    assert "it is a slate of another format: (320, 192, 66)" in failure


def test_one_that_takes_too_long_is_ended(run, loop, clock):
    ran = run("ignore_sigterm(); time.sleep(60)", is_finished=False)
    pass_time(loop, clock, SLATE_LIMIT_S)
    pass_time(loop, clock, KILL_AFTER_S)
    turn_until(loop, lambda: ran.failed)
    assert ran.failed == ["it was not encoded within 10 s"]


def test_one_that_is_cancelled_ends_and_says_nothing(run, loop):
    ran = run("time.sleep(60)", is_finished=False)
    pid = ran.process._process.pid
    ran.process.cancel()
    turn_until(loop, lambda: not is_running(pid))
    loop.turn()
    assert (ran.made, ran.failed) == ([], [])
