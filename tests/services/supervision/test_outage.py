"""An outage: when viewers get a slate, what they get, and what else notices it. Real processes, a hand-turned clock."""

import os
import signal
import time
from textwrap import dedent

import pytest

from edge_streamer.protocol.source.request import FileOutput, Output
from edge_streamer.services.supervision.liveness import FIRST_PICTURE_S, SETTLE_S, UNSERVABLE_LIMIT_S
from edge_streamer.services.supervision.outage import (
    RETRY_S,
    START_INTERVAL_S,
    TRANSITIONS,
    OutageEvent,
    OutageState,
)
from edge_streamer.services.supervision.questions import SourceFailure
from edge_streamer.services.supervision.restarts import FIRST_BACKOFF_S
from edge_streamer.services.supervision.slate import SourceSpec
from edge_streamer.services.supervision.spec import StreamPolicy
from edge_streamer.services.supervision.survey import SURVEY_INTERVAL_S
from tests.support.frames import key_frame
from tests.support.loop import pass_time, turn_until
from tests.support.supervised import HEARD, PRELUDE, Supervised, Viewer, message
from tests.tools.generated_docs import rendered_block, written_block

SLATE = (StreamPolicy(give_up_after_s=20.0, shows_slate=True),)
ON_DEMAND = (StreamPolicy(on_demand=True, linger_s=4.0, give_up_after_s=20.0, shows_slate=True),)
SILENCE_S = 3 / 30 + 1.0
MAKES_ONE = "send(KEY, KEY)"
NEW_KEY = message(key_frame(77, 321))


@pytest.fixture
def slates(monkeypatch) -> list[SourceSpec]:
    """What was asked for. Programs of the tests stand for the encoder: `slates.text` is what the next one does."""

    class Asked(list):
        text = MAKES_ONE

    asked = Asked()

    def arguments(spec: SourceSpec) -> list[str]:
        asked.append(spec)
        return [os.sys.executable, "-I", "-S", "-c", PRELUDE + dedent(asked.text)]

    monkeypatch.setattr(SourceSpec, "arguments", arguments)
    return asked


@pytest.fixture
def supervise_small(supervise):
    """Supervise a source whose pictures have the size of the tests' hand-made ones."""

    def start(*texts: str, policies=SLATE, **arguments) -> Supervised:
        outputs = arguments.pop("outputs", (Output("main", 320, 192, 30.0),))
        return supervise(*texts, policies=policies, outputs=outputs, **arguments)

    return start


def pass_until(source: Supervised, clock, condition, *, most_s: float = 60.0) -> float:
    """Let time pass by steps of the survey until `condition` holds; return the seconds."""
    began = clock.now
    while not condition():
        assert clock.now - began < most_s, "it did not come so"
        clock.advance(SURVEY_INTERVAL_S)
        for _ in range(4):
            source.loop.turn(0.005)
        turn_until(source.loop, lambda: source.output.outage.state is not OutageState.PREPARING, turns=200)
    return clock.now - began


def shown(source: Supervised) -> bool:
    return source.output.outage.is_shown


# --- the table


def test_the_page_shows_the_table():
    assert written_block("outage") == rendered_block("outage"), "run python -m tests.tools.generated_docs"


def test_every_state_is_reached_every_event_changes_something_and_no_row_changes_nothing():
    assert {OutageState.CLEAR, *TRANSITIONS.values()} == set(OutageState)
    assert {event for _state, event in TRANSITIONS} == set(OutageEvent)
    assert [row for row, after in TRANSITIONS.items() if row[0] is after] == []


@pytest.mark.parametrize("state", [state for state in OutageState if state is not OutageState.OVER])
def test_every_outage_can_be_stopped(state):
    assert TRANSITIONS[state, OutageEvent.STOP] is OutageState.OVER


@pytest.mark.parametrize("state", [OutageState.PREPARING, OutageState.SHOWN, OutageState.SILENT])
@pytest.mark.parametrize("event", [OutageEvent.RETURNED, OutageEvent.OFF])
def test_every_outage_ends_with_the_picture_or_the_demand(state, event):
    assert TRANSITIONS[state, event] is OutageState.CLEAR


# --- what viewers get


def test_viewers_of_a_dead_source_get_a_slate_a_second_until_its_key_frame(supervise_small, slates, clock, caplog):
    back = "server.recv(1); send(FRAME, FRAME, KEY, FRAME); wait()"
    source = supervise_small("send(READY, KEY, FRAME); server.recv(1); os._exit(1)", "os._exit(1)", "os._exit(1)", back)
    viewer = Viewer()
    source.stream.join(viewer, clock.now)
    with caplog.at_level("INFO"):
        source.wait_for_frames(2)
        source.say()
        source.wait_for_end()
        waited_s = pass_until(source, clock, lambda: shown(source))
        assert SILENCE_S + SETTLE_S <= waited_s <= SILENCE_S + SETTLE_S + 2 * SURVEY_INTERVAL_S
        assert slates[0].options.reason == "ended with exit code 1"
        pass_time(source.loop, clock, 3.0)
        before = len(viewer.frames)
        pass_time(source.loop, clock, 3.0)
        assert len(viewer.frames) - before == 3, "one a second"
        pass_until(source, clock, lambda: source.programs.starts == 4 and source.is_running)
        source.say()
        source.wait_for_frames(4)
    slate_frames = source.stream.counters.slate_frames
    first, _second, *slate, key, last = viewer.frames
    assert [len(slate), source.status.slate_frames] == [slate_frames, slate_frames]
    assert all(each.is_key_frame for each in (*slate, key))
    assert not last.is_key_frame, "the two frames before the key frame were not sent"
    sequence = first.first_sequence
    for each in viewer.frames:
        assert each.first_sequence == sequence % 65536
        sequence += each.packet_count
    steps = [(each.rtp_timestamp - first.rtp_timestamp) % 2**32 for each in viewer.frames]
    assert steps == sorted(set(steps))
    assert (source.status.is_slate_shown, source.status.is_up) == (False, True)
    assert (
        caplog.text.count("slate shown stream=main")
        == caplog.text.count("slate ended stream=main reason=returned")
        == 1
    )
    assert len(slates) == 1


def test_a_source_that_is_back_at_once_shows_no_slate(supervise_small, slates, clock):
    source = supervise_small("send(READY, KEY); server.recv(1); os._exit(1)", "send(KEY); wait()")
    source.wait_for_frames(1)
    source.say()
    source.wait_for_end()
    pass_time(source.loop, clock, FIRST_BACKOFF_S)
    source.wait_for_frames(2)
    pass_time(source.loop, clock, 1.0)
    assert slates == []


def test_a_source_that_hangs_is_shown_as_one(supervise_small, slates, clock):
    source = supervise_small("send(READY, KEY); wait()", "wait()")
    source.wait_for_frames(1)
    os.kill(source.supervisor.pid, signal.SIGSTOP)
    pass_until(source, clock, lambda: shown(source))
    assert slates[0].options.reason in ("no frame arrives", "no frame for 3 frame intervals and 1 s")


@pytest.mark.parametrize("outage", ["slate", "silent"])
def test_a_camera_that_never_gave_a_picture_is_described_by_its_slate(supervise_small, slates, clock, outage):
    source = supervise_small(
        "note(event='failed', reason='no such camera'); sys.exit(1)",
        policies=SLATE if outage == "slate" else (StreamPolicy(),),
    )
    told = []
    source.stream.when_described(lambda: told.append(source.stream.parameter_sets))
    source.wait_for_end()
    if outage == "silent":
        assert told == [None]
        return
    assert told == []
    assert not source.stream.is_down
    viewer = Viewer()
    source.stream.join(viewer, clock.now)
    assert pass_until(source, clock, lambda: shown(source)) <= 2 * SURVEY_INTERVAL_S
    assert slates[0].options.reason == "no such camera"
    assert told[0] is not None
    assert source.stream.track.parameter_sets is None
    assert len(viewer.frames) == 1


def test_a_camera_that_hangs_at_its_start_has_a_slate_before_describe_gives_up(supervise_small, slates, clock):
    source = supervise_small("wait()")
    pass_time(source.loop, clock, FIRST_PICTURE_S - SURVEY_INTERVAL_S)
    assert slates == []
    assert pass_until(source, clock, lambda: shown(source)) < 5.0 - FIRST_PICTURE_S
    assert slates[0].options.reason == "starting"


def test_who_joins_an_outage_starts_with_the_slate(supervise_small, slates, clock):
    source = supervise_small("send(READY, KEY, FRAME); os._exit(1)", "os._exit(1)")
    source.wait_for_end()
    pass_until(source, clock, lambda: shown(source))
    viewer = Viewer()
    source.stream.join(viewer, clock.now)
    assert [each.is_key_frame for each in viewer.frames] == [True]
    clock.advance(1.0)
    turn_until(source.loop, lambda: len(viewer.frames) == 2)


def test_two_streams_of_one_source_have_a_slate_each(supervise_small, slates, clock):
    outputs = (Output("main", 320, 192, 30.0), Output("sub", 320, 192, 15.0))
    source = supervise_small("os._exit(1)", outputs=outputs, policies=2 * SLATE)
    pass_until(source, clock, lambda: all(status.is_slate_shown for status in source.supervisor.statuses()))
    assert sorted(spec.outputs[0].name for spec in slates) == ["main", "sub"]


def test_silent_streams_and_files_have_none(supervise_small, slates, clock):
    source = supervise_small("os._exit(1)", outputs=(FileOutput("main"),), policies=(StreamPolicy(),))
    pass_time(source.loop, clock, 10.0, step_s=SURVEY_INTERVAL_S)
    assert slates == []
    assert not source.status.is_slate_shown


# --- what else there is


def test_status_counters_and_snapshots_take_no_slate_for_a_picture(supervise_small, slates, clock):
    source = supervise_small("send(READY, KEY, FRAME); os._exit(1)", "os._exit(1)")
    source.wait_for_end()
    budget, peak = source.stream.write_budget, source.stream.link.bitrate_bps
    last = source.stream.last_frame
    pass_until(source, clock, lambda: shown(source))
    pass_time(source.loop, clock, 5.0, step_s=SURVEY_INTERVAL_S)
    status = source.status
    assert status.is_slate_shown
    assert status.slate_frames >= 5
    assert (status.is_up, status.is_failing) == (False, True)
    assert (status.frames, status.key_frames) == (2, 1)
    assert status.last_frame_age_s > 5.0
    assert source.stream.last_frame is last
    assert (source.stream.write_budget, source.stream.link.bitrate_bps) == (budget, peak)
    answers = []
    source.supervisor.snapshot("main", answers.append)
    source.loop.turn()
    assert answers == [SourceFailure("ended with exit code 1")]


def test_no_session_is_ended_while_the_slate_is_shown(supervise_small, slates, clock):
    source = supervise_small("send(READY, KEY); os._exit(1)", "os._exit(1)")
    source.wait_for_end()
    pass_until(source, clock, lambda: shown(source))
    pass_time(source.loop, clock, 3 * SLATE[0].give_up_after_s, step_s=SURVEY_INTERVAL_S)
    assert source.ended == []
    assert source.stream.parameter_sets is not None


# --- the process that encodes


def test_a_slate_that_cannot_be_made_is_silence_with_one_line(supervise_small, slates, clock, caplog):
    slates.text = "note(event='failed', reason='a source needs PyAV'); sys.exit(1)"
    source = supervise_small("sys.exit(4)")
    told = []
    source.stream.when_described(lambda: told.append("in vain"))
    pass_until(source, clock, lambda: source.output.outage.state is OutageState.SILENT)
    turn_until(source.loop, lambda: not source.is_running)
    assert told == ["in vain"]
    pass_until(source, clock, lambda: source.ended == ["main"], most_s=25.0)
    assert len(slates) == 1
    pass_until(source, clock, lambda: len(slates) == 2, most_s=RETRY_S + 1.0)
    pass_until(source, clock, lambda: source.output.outage.state is OutageState.SILENT)
    assert caplog.text.count('slate failed stream=main reason="a source needs PyAV"') == 1
    slates.text = MAKES_ONE
    pass_until(source, clock, lambda: shown(source), most_s=RETRY_S + 1.0)


def test_a_process_that_cannot_be_started_is_silence_too(supervise_small, slates, clock, monkeypatch, caplog):
    monkeypatch.setattr(SourceSpec, "arguments", lambda spec: ["/no/such/program"])
    source = supervise_small("os._exit(1)")
    pass_until(source, clock, lambda: source.output.outage.state is OutageState.SILENT)
    assert "slate failed stream=main" in caplog.text


def test_a_source_that_flaps_has_few_slates_encoded(supervise_small, slates, clock):
    slates.text = "wait()"  # it never gets that far
    source = supervise_small("send(KEY); os._exit(1)")
    began = clock.now
    for _ in range(60):
        clock.advance(SURVEY_INTERVAL_S)
        for _ in range(6):
            source.loop.turn(0.005)
    assert 0 < len(slates) <= (clock.now - began) / START_INTERVAL_S + 1


def test_another_reason_makes_another_slate_and_the_old_one_stays_meanwhile(supervise_small, slates, clock):
    first = "note(event='failed', reason='no such camera'); sys.exit(1)"
    source = supervise_small(first, first, first, "note(event='failed', reason='no power'); sys.exit(1)")
    source.wait_for_end()
    pass_until(source, clock, lambda: shown(source))
    pass_until(source, clock, lambda: len(slates) == 2)
    assert shown(source)
    assert [spec.options.reason for spec in slates] == ["no such camera", "no power"]
    assert slates[1].options.since_wall_s == pytest.approx(slates[0].options.since_wall_s, abs=30.0)
    slates.text = "sys.exit(1)"
    pass_time(source.loop, clock, 2.0)
    assert shown(source)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_makes_another_slate(supervise_small, slates, clock, monkeypatch, step_s):
    """A board without a battery-backed clock starts in the past, and may have no camera either."""
    source = supervise_small("os._exit(1)")
    pass_until(source, clock, lambda: shown(source))
    reason, since = slates[0].options.reason, source.output.demand.awaited_from
    clock.advance(START_INTERVAL_S)
    source.output.outage.miss(reason, since)
    assert len(slates) == 1
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + step_s)
    source.output.outage.miss(reason, since)
    assert len(slates) == 2
    assert shown(source), "the old one meanwhile"
    assert slates[1].options.since_wall_s == pytest.approx(slates[0].options.since_wall_s + step_s, abs=30.0)


def test_a_picture_that_comes_while_the_slate_is_encoded_ends_that(supervise_small, slates, clock):
    slates.text = "wait()"
    source = supervise_small("server.recv(1); send(KEY); server.recv(1); send(KEY); wait()")
    turn_until(source.loop, lambda: source.is_running)
    pass_time(source.loop, clock, FIRST_PICTURE_S + SURVEY_INTERVAL_S)
    assert source.output.outage.state is OutageState.PREPARING
    source.say()
    source.wait_for_frames(1)
    assert source.output.outage.state is OutageState.CLEAR
    source.say()
    source.wait_for_frames(2)
    assert source.stream.counters.slate_frames == 0


# --- demand, end and reload


def test_a_source_that_nobody_watches_has_no_slate(supervise_small, slates, clock):
    source = supervise_small("os._exit(1)", policies=ON_DEMAND)
    pass_time(source.loop, clock, 10.0, step_s=SURVEY_INTERVAL_S)
    assert slates == []
    viewer = Viewer()
    source.stream.on_wanted()
    source.stream.join(viewer, clock.now)
    pass_until(source, clock, lambda: shown(source))
    source.stream.leave(viewer)
    pass_until(source, clock, lambda: not source.supervisor.is_wanted)
    assert source.output.outage.state is OutageState.CLEAR
    assert source.stream.parameter_sets is None, "the next viewer waits for the camera"
    frames = source.stream.counters.slate_frames
    pass_time(source.loop, clock, 5.0)
    assert source.stream.counters.slate_frames == frames


@pytest.mark.parametrize("text", [MAKES_ONE, "wait()"], ids=["shown", "encoding"])
def test_the_end_of_the_source_is_the_end_of_its_slate(supervise_small, slates, clock, text):
    slates.text = text
    source = supervise_small("os._exit(1)")
    if text == MAKES_ONE:
        pass_until(source, clock, lambda: shown(source))
    else:
        pass_time(source.loop, clock, FIRST_PICTURE_S)
        turn_until(source.loop, lambda: source.output.outage.state is OutageState.PREPARING)
    source.supervisor.stop()
    turn_until(source.loop, lambda: source.supervisor.is_stopped)
    frames = source.stream.counters.slate_frames
    pass_time(source.loop, clock, 5.0)
    assert source.stream.counters.slate_frames == frames
    assert source.output.outage.state is OutageState.OVER


def test_a_stream_that_another_source_takes_over_goes_on_at_a_key_frame(supervise_small, slates, clock):
    old = supervise_small("send(READY, KEY, FRAME); os._exit(1)", "os._exit(1)")
    viewer = Viewer()
    old.stream.join(viewer, clock.now)
    old.wait_for_end()
    pass_until(old, clock, lambda: shown(old))
    old.supervisor.stop()
    turn_until(old.loop, lambda: old.supervisor.is_stopped)
    count = len(viewer.frames)
    new = supervise_small("send(FRAME, FRAME, KEY); wait()", streams=old.streams)
    turn_until(new.loop, lambda: new.status.is_up)
    assert [each.is_key_frame for each in viewer.frames[count:]] == [True]
    assert not new.stream.track.is_slate_shown


def test_a_source_that_comes_back_without_a_start_point_fails_while_the_slate_is_shown(
    supervise_small, slates, clock, caplog
):
    again = "send(READY)\nwhile server.recv(1): send(FRAME)"
    source = supervise_small("send(READY, KEY); server.recv(1); os._exit(1)", *["os._exit(1)"] * 3, again)
    source.wait_for_frames(1)
    source.say()
    source.wait_for_end()
    pass_until(source, clock, lambda: source.programs.starts == 5 and source.is_running)
    assert shown(source)
    until = clock.now + UNSERVABLE_LIMIT_S + 2.0
    while clock.now < until and source.state in HEARD:
        source.say()
        clock.advance(SURVEY_INTERVAL_S)
        turn_until(source.loop, lambda: source.output.liveness.prepared_at == clock.now or source.state not in HEARD)
    source.wait_for_end()
    assert source.restarts["unservable"] == 1
    assert "silent" not in source.restarts
