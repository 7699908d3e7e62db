"""What becomes of a stream whose source stays away, and what is known of a source meanwhile."""

import pytest

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import encode_note
from edge_streamer.protocol.source.request import FileOutput
from edge_streamer.services.metrics import table as metrics_table
from edge_streamer.services.status import Histogram, RestartReason
from edge_streamer.services.supervision.restarts import FIRST_BACKOFF_S
from edge_streamer.services.supervision.spec import StreamPolicy
from edge_streamer.services.supervision.survey import SURVEY_INTERVAL_S
from edge_streamer.services.supervision.watchdog import START_LIMIT_S
from tests.support.frames import annex_b, key_frame
from tests.support.loop import pass_time, turn_until
from tests.support.supervised import Viewer, message

PATIENT = StreamPolicy(give_up_after_s=20.0)
DYING = "send(READY, KEY); wait(); os._exit(1)"


# --- giving up


def wait_until_given_up(source, clock, seconds: float) -> None:
    """Let the source stay away for `seconds` in steps, each long enough for its children to fail."""
    for _ in range(round(seconds / SURVEY_INTERVAL_S)):
        clock.advance(SURVEY_INTERVAL_S)
        source.loop.turn(0.005)


def has_picture(stream: Stream) -> bool:
    """Whether a viewer can start with what is cached."""
    viewer = Viewer()
    try:
        return stream.start_from_cache(viewer)
    finally:
        stream.leave(viewer)


def test_a_stream_without_a_frame_for_too_long_is_given_up_once(supervise, clock, caplog):
    source = supervise("send(READY, KEY); os._exit(1)", "os._exit(1)", policies=(PATIENT,))
    source.wait_for_end()
    wait_until_given_up(source, clock, PATIENT.give_up_after_s - SURVEY_INTERVAL_S)
    assert source.ended == []
    assert source.stream.parameter_sets is not None
    assert has_picture(source.stream)
    wait_until_given_up(source, clock, 2 * SURVEY_INTERVAL_S)
    assert source.ended == ["main"]
    assert source.stream.parameter_sets is None
    assert not has_picture(source.stream)
    wait_until_given_up(source, clock, 2 * PATIENT.give_up_after_s)
    assert source.ended == ["main"]
    assert caplog.text.count('stream given up stream=main no_frame_s=20.0 reason="ended with exit code 1"') == 1


def test_whoever_comes_to_a_stream_that_was_given_up_waits_no_longer(supervise, clock):
    source = supervise("os._exit(1)", policies=(PATIENT,))
    source.wait_for_end()
    wait_until_given_up(source, clock, PATIENT.give_up_after_s)
    source.stream.join(Viewer(), clock.now)
    wait_until_given_up(source, clock, PATIENT.give_up_after_s + 1.0)
    assert source.ended == ["main", "main"]


def test_a_stream_that_was_given_up_comes_back_whole(supervise, clock):
    source = supervise(
        "send(KEY); wait()", "wait()", "send(KEY); wait()", policies=(StreamPolicy(give_up_after_s=5.0),)
    )
    source.wait_for_frames(1)
    clock.advance(5.0)  # a loop that was held up judges nobody
    source.loop.turn()
    assert source.ended == []
    for _ in range(200):
        clock.advance(0.25)
        source.loop.turn(0.005)
        if source.stream.counters.frames == 2:
            break
    assert source.ended == ["main"]
    assert source.stream.parameter_sets is not None
    assert has_picture(source.stream)
    assert (source.status.is_up, source.status.reason) == (True, "")


def test_each_stream_has_its_own_patience(supervise, clock):
    source = supervise(
        "os._exit(1)",
        outputs=(FileOutput("main"), FileOutput("sub")),
        policies=(StreamPolicy(give_up_after_s=30.0), StreamPolicy(give_up_after_s=10.0)),
    )
    wait_until_given_up(source, clock, 12.0)
    assert source.ended == ["sub"]
    wait_until_given_up(source, clock, 20.0)
    assert source.ended == ["sub", "main"]


def test_a_source_that_waits_is_not_given_up(supervise, clock):
    source = supervise(
        """
        send(KEY)
        while server.recv(1):
            note(event="waiting")
        """,
        policies=(StreamPolicy(give_up_after_s=5.0),),
    )
    source.wait_for_frames(1)
    for _ in range(20):
        clock.advance(0.5)
        heard_at = source.output.liveness.heard_at
        source.say()
        turn_until(source.loop, lambda heard_at=heard_at: source.output.liveness.heard_at > heard_at)
    assert source.ended == []


def test_a_source_that_waits_for_its_first_frame_is_given_up_all_the_same(supervise, clock):
    source = supervise(
        """
        while server.recv(1):
            note(event="waiting")
        """,
        policies=(StreamPolicy(give_up_after_s=5.0),),
    )
    output = source.output
    for _ in range(20):
        clock.advance(0.5)
        source.say()
        turn_until(source.loop, lambda: output.liveness.prepared_at == clock.now)
    assert source.ended == ["main"]
    assert source.restarts == {}


# --- who asks for a description


def test_who_waits_for_a_description_is_told_when_the_source_fails(supervise, clock):
    source = supervise("server.recv(1); os._exit(1)")
    told = []
    source.stream.when_described(lambda: told.append("now"))
    turn_until(source.loop, lambda: source.is_running)
    assert not source.stream.is_down
    source.say()
    source.wait_for_end()
    assert told == ["now"]
    assert source.stream.is_down
    clock.advance(FIRST_BACKOFF_S)
    turn_until(source.loop, lambda: source.is_running)
    assert not source.stream.is_down, "it is being tried"


def test_the_end_of_a_file_describes_nothing_any_more(supervise):
    source = supervise("send(KEY); note(event='ended')")
    source.wait_for_end()
    assert source.stream.counters.frames == 1
    assert (source.stream.is_down, source.stream.parameter_sets) == (True, None)
    assert not has_picture(source.stream)


# --- what is known


def test_each_reason_has_its_counter_before_it_happens(supervise):
    source = supervise("note(event='discarded', reason='torn', buffers=3); send(KEY); sys.exit(1)")
    source.wait_for_end()
    table = {family.name: family for family in metrics_table.STATUS_FAMILIES}
    status = type("Status", (), {"streams": (source.status,)})
    restarts = dict(table["source_restarts_total"].read(status))
    assert restarts == {("main", reason): int(reason == "exited") for reason in RestartReason}
    discarded = dict(table["source_discarded_buffers_total"].read(status))
    assert discarded == {
        ("main", "empty"): 0,
        ("main", "torn"): 3,
        ("main", "oversized"): 0,
        ("main", "error"): 0,
    }


@pytest.mark.parametrize("values", ["reason='odd'", "reason='torn', buffers=-1", "buffers=1"])
def test_a_discarded_buffer_that_cannot_be_is_garbage(supervise, values):
    source = supervise(f"note(event='discarded', {values}); wait()")
    source.wait_for_end()
    assert source.restarts == {"garbage": 1}


@pytest.mark.parametrize("fps", [0, -1, 5e-324, 1001])
def test_a_rate_that_cannot_be_is_garbage_and_no_deadline_that_never_comes(supervise, fps):
    source = supervise(f"note(event='ready', fps={fps!r}); send(KEY); wait()")
    source.wait_for_end()
    assert source.restarts == {"garbage": 1}


def test_what_the_source_says_of_itself_is_shown(supervise, caplog):
    caplog.set_level("INFO")
    source = supervise("""
        note(event='ready', encoder='v4l2', encoder_reason='the board has one', camera='imx708', fps=25,
             can_set_bitrate=True)
        note(event='warning', text='device by number')
        send(KEY)
        wait()
        """)
    source.wait_for_frames(1)
    status = source.status
    assert (status.encoder, status.encoder_reason, status.camera) == ("v4l2", "the board has one", "imx708")
    assert (status.can_set_bitrate, status.can_set_fps, status.nominal_fps) == (True, False, 25)
    assert 'encoder_reason="the board has one" camera=imx708' in caplog.text
    (warning,) = [each for each in caplog.records if "device by number" in each.message]
    assert warning.levelname == "WARNING"


def test_the_age_of_the_last_frame(supervise, clock):
    source = supervise("server.recv(1); send(KEY); wait()")
    turn_until(source.loop, lambda: source.is_running)
    assert source.status.last_frame_age_s is None
    source.say()
    source.wait_for_frames(1)
    clock.advance(0.5)
    assert source.status.last_frame_age_s == 0.5


def test_a_source_that_was_just_started_again_is_not_up_before_its_first_frame(supervise, clock):
    source = supervise("send(KEY); os._exit(1)", "wait()")
    source.wait_for_end()
    clock.advance(FIRST_BACKOFF_S)
    turn_until(source.loop, lambda: source.is_running)
    assert (source.status.is_up, source.status.is_failing) == (False, True)


def test_what_holds_no_picture_is_no_first_frame(supervise, clock):
    empty = message(EncodedFrame(annex_b(b"\x09\x10"), False, 0))
    source = supervise(f"send({empty!r}); note(event='dropped', frames=1); server.recv(1); send(KEY); wait()")
    turn_until(source.loop, lambda: source.status.dropped_frames)
    assert (source.status.is_up, source.status.reason) == (False, "starting")
    pass_time(source.loop, clock, START_LIMIT_S - 1.0)
    assert source.restarts == {}
    source.say()
    source.wait_for_frames(1)
    assert source.status.is_up


# --- time


def test_the_time_from_capture_until_the_viewers_have_been_served_is_measured(supervise, clock):
    taken = key_frame(0)
    stamped = EncodedFrame(taken.data, True, 0, taken.wall_ns, captured_ns=round((clock.now - 0.08) * 1e9))
    source = supervise(f"send(KEY, {message(stamped)!r}); wait()")

    class Slow(Viewer):
        def deliver(self, packetized) -> None:
            clock.advance(0.01)

    source.stream.join(Slow(), clock.now)
    source.wait_for_frames(2)
    assert sum(source.times.capture_to_send.counts) == 1
    assert source.times.capture_to_send.sum_s == pytest.approx(0.08 + 2 * 0.01)


@pytest.mark.parametrize("instant_ns", [-(2**63), -1, 1, 2**63 - 1])
def test_an_instant_that_cannot_be_is_not_counted(supervise, clock, instant_ns):
    taken = key_frame(0)
    stamped = EncodedFrame(taken.data, True, 0, taken.wall_ns, sent_ns=instant_ns, captured_ns=instant_ns)
    source = supervise(f"send({message(stamped)!r}); wait()")
    source.wait_for_frames(1)
    for times in (source.status.frame_handoff, Histogram.of(source.times.capture_to_send)):
        assert (times.counts[-1], times.sum_s) == (0, 0.0)


def test_a_source_without_a_first_frame_is_said_to_be_one(supervise, clock):
    source = supervise("wait()")
    pass_time(source.loop, clock, START_LIMIT_S)
    source.wait_for_end()
    assert (source.restarts, source.status.reason) == ({"silent": 1}, "no first frame within 10 s")


def test_a_source_that_waits_for_its_first_frame_may_say_so(supervise, clock):
    source = supervise("server.recv(1); note(event='waiting'); note(event='dropped', frames=1); wait()")
    pass_time(source.loop, clock, START_LIMIT_S - 1.0)
    source.say()
    turn_until(source.loop, lambda: source.status.dropped_frames)
    pass_time(source.loop, clock, START_LIMIT_S - 1.0)
    assert source.restarts == {}
    pass_time(source.loop, clock, 1.0)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


def test_a_source_whose_rate_has_changed_is_waited_for_by_its_new_one(supervise, clock):
    slow = encode_note(0, event="changed", fps=1)
    source = supervise(f"send(READY, KEY, {slow!r}); note(event='dropped', frames=1); wait()")
    turn_until(source.loop, lambda: source.status.dropped_frames)
    assert source.status.nominal_fps == source.stream.nominal_fps == 1
    pass_time(source.loop, clock, 3.5)
    assert source.status.is_up
    clock.advance(0.5)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


def test_one_that_waits_for_its_device_is_wanted_and_missed(supervise):
    source = supervise("wait()", is_started=False)  # the process before it, which the driver does not let go, has it
    status = source.status
    assert (status.is_up, status.is_wanted, status.is_failing, status.reason) == (False, True, True, "starting")
    assert not source.supervisor.is_stuck, "another process would not get the device either"


def test_one_on_demand_that_waits_for_its_device_is_not_missed(supervise):
    source = supervise("wait()", is_started=False, policies=(StreamPolicy(on_demand=True),))
    assert (source.status.is_wanted, source.status.is_failing) == (False, False)
