"""The supervisor with real child processes: tiny programs that send bytes made here, on a clock turned by hand."""

import gc
import os
import time
import weakref
from signal import SIGKILL

import pytest

from edge_streamer.app.app import LEAVE_WITHIN_S
from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.logs.limits import BURST_LINES
from edge_streamer.protocol.source.request import FileOutput, Output
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.supervision.life import LifeState
from edge_streamer.services.supervision.process import KILL_AFTER_S, STOP_WITHIN_S
from edge_streamer.services.supervision.restarts import FIRST_BACKOFF_S, LONGEST_BACKOFF_S
from edge_streamer.services.supervision.watchdog import SECOND_LOOK_S, START_LIMIT_S
from tests.support.frames import key_frame
from tests.support.loop import pass_time, take_faults, turn_until
from tests.support.processes import is_running
from tests.support.supervised import Supervised, Viewer, message

SILENCE_S = 3 / 30 + 1.0


# --- a healthy source


def test_frames_reach_their_stream_and_notes_the_status(supervise):
    source = supervise("send(READY, KEY, FRAME, FRAME); note(event='dropped', frames=7); wait()")
    assert not source.status.is_up
    assert source.status.reason == "starting"
    turn_until(source.loop, lambda: source.status.dropped_frames)
    status = source.status
    assert (status.frames, status.key_frames, status.dropped_frames) == (3, 1, 7)
    assert (status.is_up, status.reason) == (True, "")
    assert (status.encoder, status.width, status.height, status.nominal_fps) == ("x264", 640, 360, 30)
    assert source.stream.parameter_sets is not None
    assert source.restarts == {}


def test_a_frame_goes_to_the_stream_of_its_output(supervise):
    second = message(key_frame(0), output=1)
    source = supervise(f"send(KEY, {second!r}, {second!r}); wait()", outputs=(FileOutput("main"), FileOutput("sub")))
    turn_until(source.loop, lambda: source.streams[1].counters.frames)
    assert [stream.counters.frames for stream in source.streams] == [1, 2]


def test_how_long_frames_take_from_the_encoder_is_measured(supervise, clock):
    late = key_frame(0)
    stamped = EncodedFrame(late.data, True, 0, late.wall_ns, sent_ns=round((clock.now - 0.03) * 1e9))
    source = supervise(f"send(KEY, {message(stamped)!r}); wait()")
    source.wait_for_frames(2)
    assert source.status.frame_handoff.counts[-1] == 1
    assert source.status.frame_handoff.sum_s == pytest.approx(0.03)


def test_the_hand_over_is_measured_for_each_stream(supervise, clock):
    late = key_frame(0)
    stamped = EncodedFrame(late.data, True, 0, late.wall_ns, sent_ns=round((clock.now - 0.03) * 1e9))
    sent = message(stamped, output=1)
    source = supervise(f"send(KEY, {sent!r}); wait()", outputs=(FileOutput("main"), FileOutput("sub")))
    turn_until(source.loop, lambda: source.streams[1].counters.frames)
    assert [status.frame_handoff.counts[-1] for status in source.supervisor.statuses()] == [0, 1]


def test_the_interval_between_key_frames_is_measured(supervise, clock):
    source = supervise("send(KEY); server.recv(1); send(FRAME); server.recv(1); send(KEY); wait()")
    source.wait_for_frames(1)
    for frames in (2, 3):
        assert source.status.key_frame_interval_s is None
        clock.advance(0.5)
        source.say()
        source.wait_for_frames(frames)
    assert source.status.key_frame_interval_s == 1.0


def test_the_interval_between_key_frames_spans_no_restart(supervise, clock):
    source = supervise("send(KEY); server.recv(1); send(KEY); server.recv(1)", "send(KEY); wait()")
    source.wait_for_frames(1)
    clock.advance(0.5)
    source.say()
    source.wait_for_frames(2)
    assert source.status.key_frame_interval_s == 0.5
    source.say()
    source.wait_for_end()
    pass_time(source.loop, clock, FIRST_BACKOFF_S)
    source.wait_for_frames(3)
    assert source.status.key_frame_interval_s is None


def test_a_key_frame_is_asked_for_through_the_child(supervise):
    source = supervise("""
        send(READY, KEY)
        command = json.loads(server.recv(1000))
        if command["command"] == "force_key_frame":
            send(KEY)
        wait()
        """)
    source.wait_for_frames(1)
    assert source.stream.key_frame_requests.ask is not None
    source.stream.key_frame_requests.ask()
    source.wait_for_frames(2)
    assert source.status.key_frames == 2


@pytest.mark.parametrize(("said", "is_known"), [("", False), (", never_reorders=True", True)])
def test_the_stream_learns_whether_the_encoder_reorders(supervise, said, is_known):
    source = supervise(f"note(event='ready', fps=30{said}); send(KEY); wait()")
    source.wait_for_frames(1)
    assert source.stream.track.never_reorders == is_known


def test_who_has_not_said_that_it_can_is_not_asked(supervise):
    source = supervise("send(KEY); wait()")
    source.wait_for_frames(1)
    assert source.stream.key_frame_requests.ask is None


def test_a_source_that_ended_is_not_asked_for_key_frames(supervise):
    source = supervise("send(READY, KEY)")
    source.wait_for_end()
    assert source.stream.key_frame_requests.ask is None


# --- ends that are mended


def test_garbage_ends_the_child_and_a_new_one_goes_on(supervise, clock):
    source = supervise("send(KEY); send(b'this is no message of a source, is it?', KEY); wait()", "send(KEY); wait()")
    source.wait_for_end()
    assert source.restarts == {"garbage": 1}
    assert source.status.reason.startswith("it violated the source protocol: source byte ")
    assert not source.status.is_up
    frames = source.stream.counters.frames
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(frames + 1)
    assert source.status.is_up


def test_a_viewer_stays_over_a_restart_and_sees_one_sequence(supervise, clock):
    source = supervise("send(KEY, FRAME); os._exit(1)", "send(KEY, FRAME); wait()")
    viewer = Viewer()
    source.stream.join(viewer, clock.now)
    source.wait_for_end()
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(4)
    first = viewer.frames[0]
    sequence = first.first_sequence
    for each in viewer.frames:
        assert each.first_sequence == sequence % 65536
        sequence += each.packet_count
    steps = [(each.rtp_timestamp - first.rtp_timestamp) % 2**32 for each in viewer.frames]
    assert steps == [0, 3000, 3000 + 45_000, 3000 + 45_000 + 3000]


def test_garbage_of_a_child_that_ignores_the_request_to_end(supervise, clock):
    source = supervise("ignore_sigterm(); send(KEY, bytes(100)); wait()")
    turn_until(source.loop, lambda: source.state is LifeState.ENDING)
    pass_time(source.loop, clock, KILL_AFTER_S - 0.25)
    assert source.supervisor.pid is not None
    clock.advance(0.25)
    source.wait_for_end()
    assert source.restarts == {"garbage": 1}


@pytest.mark.parametrize(
    "note",
    [
        "note(event='dropped', frames='many')",
        "note(event='dropped', frames=-1)",
        "note(event='dropped', frames=2**31 + 1)",
        "note(event='ready', fps=float('nan'))",
        "note(event='ready', fps=float('inf'))",
        "note(event='ready', fps=0)",
        "note(event='ready', fps=1001)",
        "note(event='ready', width=-2)",
        "note(event='ready', height=1e9)",
        "note(event='ready', height=True)",
        "note(event='ready', encoder='x' * 65)",
    ],
)
def test_a_note_with_a_value_that_no_source_writes_is_garbage(supervise, note):
    source = supervise(f"{note}; wait()")
    source.wait_for_end()
    assert source.restarts == {"garbage": 1}


def test_what_a_note_says_is_shown_as_one_line(supervise, caplog):
    source = supervise("note(event='odd', text='a\\nsource down\\x1b[2J'); note(event='failed', reason='b\\nc')")
    with caplog.at_level("INFO"):
        source.wait_for_end()
    assert r'event=odd text="a\nsource down\x1b[2J"' in caplog.text
    assert source.status.reason == "b\N{REPLACEMENT CHARACTER}c"


def test_a_flood_of_notes_is_no_flood_of_lines(supervise, caplog):
    source = supervise("for n in range(500): note(event='odd')")
    with caplog.at_level("INFO"):
        source.wait_for_end()
    assert caplog.text.count("source note") == BURST_LINES


@pytest.mark.parametrize(
    ("text", "reason", "shown"),
    [
        ("sys.exit(3)", "exited", "ended with exit code 3"),
        ("sys.exit(0)", "exited", "ended with exit code 0"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed", "ended by signal 11"),
        ("note(event='failed', reason='no such camera'); sys.exit(1)", "exited", "no such camera"),
        ("note(event='failed'); sys.exit(1)", "exited", "it did not say why"),
        ("send(KEY); note(event='failed', reason='unplugged'); os.kill(os.getpid(), 9)", "killed", "unplugged"),
    ],
)
def test_an_end_is_counted_and_its_reason_shown(supervise, text, reason, shown):
    source = supervise(text)
    source.wait_for_end()
    assert source.restarts == {reason: 1}
    assert (source.status.is_up, source.status.reason) == (False, shown)


def test_a_reason_is_not_that_of_an_earlier_child(supervise, clock):
    source = supervise("note(event='failed', reason='no such camera'); sys.exit(1)", "sys.exit(4)")
    source.wait_for_end()
    clock.advance(FIRST_BACKOFF_S)
    turn_until(source.loop, lambda: source.programs.starts == 2)
    assert source.status.reason == "no such camera", "until more is known"
    source.wait_for_end()
    assert source.status.reason == "ended with exit code 4"


def test_a_child_killed_from_outside_is_started_again(supervise, clock):
    source = supervise("send(KEY); wait()")
    source.wait_for_frames(1)
    os.kill(source.supervisor.pid, SIGKILL)
    source.wait_for_end()
    assert source.restarts == {"killed": 1}
    assert source.status.reason == "ended by signal 9"
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(2)
    assert source.status.is_up


def test_a_stopped_child_is_found_silent_and_killed(supervise, clock):
    source = supervise("send(READY, KEY); os.kill(os.getpid(), signal.SIGSTOP)", "send(KEY); wait()")
    source.wait_for_frames(1)
    clock.advance(SILENCE_S)
    turn_until(source.loop, lambda: source.state is LifeState.ENDING)
    clock.advance(KILL_AFTER_S)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(2)


def test_silence_is_found_as_soon_as_it_is_one_also_right_after_the_start(supervise, clock):
    source = supervise("send(READY, KEY, FRAME); wait()")
    source.wait_for_frames(2)
    clock.advance(SILENCE_S - 0.01)
    source.loop.turn()
    assert source.status.is_up
    assert source.state is LifeState.UP
    clock.advance(0.02)
    source.loop.turn()
    assert not source.status.is_up
    source.wait_for_end()
    assert source.restarts == {"silent": 1}
    assert source.status.reason == "no frame for 3 frame intervals and 1 s"


def test_frames_put_the_watchdog_off(supervise, clock):
    source = supervise("send(READY, KEY)\nwhile True: time.sleep(0.002); send(FRAME)")
    for _ in range(20):
        clock.advance(0.9)
        source.wait_for_frames(source.stream.counters.frames + 2)
    assert source.restarts == {}


def test_a_source_that_says_that_it_waits_is_not_silent(supervise, clock):
    source = supervise("""
        send(READY, KEY)
        while server.recv(1):
            note(event="waiting")
        """)
    source.wait_for_frames(1)
    for _ in range(8):
        clock.advance(0.5)
        heard_at = source.output.liveness.waited_at
        source.say()
        turn_until(source.loop, lambda heard_at=heard_at: source.output.liveness.waited_at > heard_at)
        assert source.status.is_up
    pass_time(source.loop, clock, 2.0)
    turn_until(source.loop, lambda: source.restarts)
    assert source.restarts == {"silent": 1}


def test_a_loop_that_was_held_up_reads_before_it_judges(supervise, clock):
    source = supervise("send(READY, KEY)\nwhile server.recv(1): send(FRAME)")
    source.wait_for_frames(1)
    clock.advance(8.0)
    source.loop.turn()
    assert source.state is LifeState.UP
    source.say()
    source.wait_for_frames(2)
    clock.advance(SECOND_LOOK_S)
    source.loop.turn()
    assert source.state is LifeState.UP
    clock.advance(SILENCE_S - SECOND_LOOK_S)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


def test_a_source_that_is_silent_at_the_second_look_is_ended_however_late_that_is(supervise, clock):
    source = supervise("send(READY, KEY); wait()")
    source.wait_for_frames(1)
    clock.advance(8.0)
    source.loop.turn()
    assert source.state is LifeState.UP
    clock.advance(8.0)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


def test_one_of_two_outputs_that_falls_silent_is_found(supervise, clock):
    sub = message(key_frame(0), output=1)
    source = supervise(
        f"send(KEY, {sub!r})\nwhile True: time.sleep(0.002); send(FRAME)",
        outputs=(Output("main", fps=30.0), Output("sub", fps=30.0)),
    )
    turn_until(source.loop, lambda: source.streams[1].counters.frames)
    for _ in range(3):
        source.wait_for_frames(source.stream.counters.frames + 2)
        clock.advance(0.4 * SILENCE_S)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


def test_a_child_without_a_first_frame_hangs(supervise, clock):
    source = supervise("wait()")
    pass_time(source.loop, clock, START_LIMIT_S - 0.25)
    assert source.supervisor.pid is not None
    clock.advance(0.25)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


# --- back-off


def back_off_of(source: Supervised, clock) -> float:
    """Return how long it takes until the next start."""
    starts, began = source.programs.starts, clock.now
    while source.programs.starts == starts:
        clock.advance(0.25)
        source.loop.turn()
        assert clock.now - began <= 2 * LONGEST_BACKOFF_S
    return clock.now - began


def test_back_off_doubles_up_to_half_a_minute(supervise, clock):
    source = supervise("sys.exit(1)")
    waits = []
    for _ in range(9):
        source.wait_for_end()
        waits.append(back_off_of(source, clock))
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert source.restarts == {"exited": 9}


def test_a_child_that_hangs_at_each_start_is_no_proven_one(supervise, clock):
    source = supervise("wait()")
    waits = []
    for doubled in (1, 2, 4):
        clock.advance(START_LIMIT_S * doubled)
        source.wait_for_end()
        waits.append(back_off_of(source, clock))
    assert waits == [0.5, 1.0, 2.0]


def test_back_off_begins_anew_after_a_proven_run(supervise, clock):
    failing, working = "sys.exit(1)", "send(KEY)\nwhile True: time.sleep(0.002); send(FRAME)"
    source = supervise(failing, failing, failing, working, failing)
    for _ in range(3):
        source.wait_for_end()
        back_off_of(source, clock)
    for _ in range(12):
        source.wait_for_frames(source.stream.counters.frames + 2)
        clock.advance(0.9)
    source.wait_for_frames(source.stream.counters.frames + 2)
    os.kill(source.supervisor.pid, SIGKILL)
    source.wait_for_end()
    assert back_off_of(source, clock) == 0.5


def test_a_program_that_cannot_be_started_is_tried_again(supervise, clock):
    source = supervise("send(KEY); wait()")
    source.supervisor.kill()
    source.wait_for_end()
    arguments = source.programs.arguments
    source.programs.arguments = lambda: ["/nonexistent/program"]
    clock.advance(FIRST_BACKOFF_S)
    turn_until(source.loop, lambda: source.restarts.get("failed"))
    assert "cannot start the source process" in source.status.reason
    source.programs.arguments = arguments
    assert back_off_of(source, clock) == 1.0
    source.wait_for_frames(1)


# --- stop


def test_stop_asks_first(supervise):
    source = supervise("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        send(KEY)
        sys.exit(0 if json.loads(server.recv(1000))["command"] == "stop" else 1)
        """)
    source.wait_for_frames(1)
    source.supervisor.stop()
    assert source.over == 0
    source.wait_for_end()
    assert source.supervisor.is_stopped
    assert source.over == 1
    assert source.restarts == {}


def test_a_child_that_was_asked_gives_its_camera_back_in_its_own_time(supervise, clock, caplog):
    caplog.set_level("INFO")
    source = supervise("send(KEY); command(); server.recv(1); sys.exit(7)")
    source.wait_for_frames(1)
    source.supervisor.stop()
    pass_time(source.loop, clock, STOP_WITHIN_S - 0.25)
    source.say()
    source.wait_for_end()
    assert "exit_code=7" in caplog.text, "not by a signal"


def test_a_child_that_does_not_even_read_is_not_waited_for(supervise, monkeypatch):
    source = supervise("send(KEY)\nwhile True: signal.pause()")
    source.wait_for_frames(1)
    monkeypatch.setattr(source.child, "send", lambda data: False)
    source.supervisor.stop()
    source.wait_for_end()
    assert source.supervisor.is_stopped


@pytest.mark.parametrize(
    "text",
    [
        "send(KEY); wait()",
        "ignore_sigterm(); send(KEY)\nwhile True: signal.pause()",
        "send(KEY); os.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_stop_ends_any_child_while_the_service_still_waits(text):
    loop = Loop()
    source = Supervised(loop, text)
    source.wait_for_frames(1)
    pid = source.supervisor.pid
    began = time.monotonic()
    source.supervisor.stop()
    turn_until(loop, lambda: source.supervisor.is_stopped)
    loop.close()
    assert time.monotonic() - began < LEAVE_WITHIN_S
    assert not is_running(pid)
    assert loop.faults == 0


def test_stop_while_waiting_to_start_again_starts_nothing(supervise, clock):
    source = supervise("sys.exit(1)")
    source.wait_for_end()
    source.supervisor.stop()
    assert source.supervisor.is_stopped
    pass_time(source.loop, clock, 5.0)
    assert source.programs.starts == 1


def test_stop_while_a_child_is_being_ended_starts_no_other(supervise, clock):
    source = supervise("ignore_sigterm(); send(bytes(100))\nwhile True: signal.pause()")
    turn_until(source.loop, lambda: source.state is LifeState.ENDING)
    source.supervisor.stop()
    clock.advance(KILL_AFTER_S)
    source.wait_for_end()
    pass_time(source.loop, clock, 5.0)
    assert source.programs.starts == 1
    assert source.restarts == {}


# --- a file ends


def test_the_end_of_a_file_ends_its_stream_once_and_for_good(supervise, clock):
    source = supervise("send(KEY, FRAME); note(event='ended'); sys.exit(0)")
    source.wait_for_end()
    pass_time(source.loop, clock, 5.0)
    assert source.ended == ["main"]
    assert source.supervisor.is_stopped
    assert source.over == 1
    assert source.restarts == {}
    assert (source.status.is_up, source.status.reason) == (False, "the file has ended")
    assert source.programs.starts == 1


def test_a_child_that_stays_after_the_end_of_its_file_is_ended(supervise, clock):
    source = supervise("send(KEY); note(event='ended'); ignore_sigterm()\nwhile True: signal.pause()")
    turn_until(source.loop, lambda: source.ended)
    assert source.state is LifeState.FINISHING
    clock.advance(SILENCE_S)
    turn_until(source.loop, lambda: source.state is LifeState.LEAVING)
    clock.advance(KILL_AFTER_S)
    source.wait_for_end()
    assert source.supervisor.is_stopped
    assert source.ended == ["main"]


# --- what a child does ends that child, nothing else


def test_a_fault_in_publishing_restarts_that_child_only(supervise, clock, monkeypatch):
    healthy, faulty = supervise("send(KEY); wait()"), supervise("send(KEY); wait()")
    publish = faulty.stream.publish
    monkeypatch.setattr(faulty.stream, "publish", lambda *arguments: [][0])
    faulty.wait_for_end()
    healthy.wait_for_frames(1)
    assert take_faults(faulty.loop) == 1
    assert faulty.restarts == {"fault": 1}
    assert faulty.status.reason == "the server failed to process its frames"
    assert (healthy.restarts, healthy.status.is_up) == ({}, True)
    monkeypatch.setattr(faulty.stream, "publish", publish)
    clock.advance(FIRST_BACKOFF_S)
    faulty.wait_for_frames(1)


def test_complaints_are_logged_with_the_streams_name(supervise, caplog):
    source = supervise("sys.stderr.write('lens cap is on\\n')")
    source.wait_for_end()
    assert 'source complains streams=main text="lens cap is on"' in caplog.text


# --- memory


def test_a_process_that_has_ended_is_let_go_without_the_collector(supervise):
    source = supervise("send(READY, KEY, FRAME[:100]); wait()")
    source.wait_for_frames(1)
    child = weakref.ref(source.child)
    gc.disable()
    try:
        source.child.kill()
        source.wait_for_end()
        source.children.clear()
        assert child() is None
    finally:
        gc.enable()
