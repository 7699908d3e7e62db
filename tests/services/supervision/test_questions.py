"""What a source is asked and answers later: pictures of now, and changes of its bit rate and frame rate."""

import sys

import pytest

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import encode_note
from edge_streamer.protocol.source.request import FileOutput
from edge_streamer.services.supervision.life import LifeState
from edge_streamer.services.supervision.process import STOP_WITHIN_S
from edge_streamer.services.supervision.questions import (
    CHANGE_LIMIT_S,
    SNAPSHOT_FRESH_S,
    SNAPSHOT_LIMIT_S,
    SourceFailure,
    StreamChange,
)
from edge_streamer.services.supervision.restarts import FIRST_BACKOFF_S
from edge_streamer.services.supervision.spec import StreamPolicy
from tests.support.frames import key_frame
from tests.support.loop import pass_time, turn_until
from tests.support.supervised import MAIN, Supervised, message

PICTURES = """
    number = 0
    send(KEY)
    while command()["command"] == "snapshot":
        number += 1
        picture(b"picture %d" % number)
    """
STEADY = "send(CAN_ALL, KEY); "


def ask(source: Supervised, stream: str = "main") -> list:
    """Return the list to which a snapshot, or why there is none, will be added."""
    answers = []
    source.supervisor.snapshot(stream, answers.append)
    assert answers == [], "in a later turn"
    return answers


def wait_for(source: Supervised, answers: list):
    turn_until(source.loop, lambda: answers)
    (answer,) = answers
    return answer


# --- snapshots


def test_a_picture_of_now(supervise):
    source = supervise(PICTURES)
    source.wait_for_frames(1)
    assert wait_for(source, ask(source)) == b"picture 1"


def test_those_who_ask_at_once_share_one(supervise):
    source = supervise(PICTURES)
    source.wait_for_frames(1)
    asked = [ask(source) for _ in range(5)]
    assert {wait_for(source, answers) for answers in asked} == {b"picture 1"}
    assert wait_for(source, ask(source)) == b"picture 1"


def test_none_is_older_than_a_second(supervise, clock):
    source = supervise(PICTURES)
    source.wait_for_frames(1)
    wait_for(source, ask(source))
    clock.advance(SNAPSHOT_FRESH_S)
    assert wait_for(source, ask(source)) == b"picture 1"
    clock.advance(0.01)
    picture = wait_for(source, ask(source))
    assert picture == b"picture 2"
    held = sys.getrefcount(picture)
    pass_time(source.loop, clock, SNAPSHOT_FRESH_S)
    assert sys.getrefcount(picture) == held - 2, "neither it nor the timer that forgets it"


def test_a_slow_one_is_not_fresh_when_it_comes(supervise, clock):
    source = supervise("send(KEY); command(); server.recv(1); picture(b'slow'); command(); picture(b'next'); wait()")
    source.wait_for_frames(1)
    first = ask(source)
    clock.advance(2.0)
    source.say()
    assert wait_for(source, first) == b"slow"
    assert wait_for(source, ask(source)) == b"next"


def test_a_source_that_sends_none_in_time_has_failed(supervise, clock):
    source = supervise("note(event='waiting'); send(KEY)\nwhile True: command(); note(event='waiting')")
    source.wait_for_frames(1)
    answers = ask(source)
    for _ in range(10):
        clock.advance(SNAPSHOT_LIMIT_S / 10)
        source.output.liveness.waited_at = clock.now
        source.loop.turn()
    assert wait_for(source, answers) == SourceFailure("the source sent no picture within 5 s", is_late=True)


def ask_in_vain(source: Supervised, clock) -> None:
    """Ask for a picture, and see the time for it pass."""
    answers = ask(source)
    source.output.liveness.waited_at = clock.now + SNAPSHOT_LIMIT_S  # it is not found silent
    pass_time(source.loop, clock, SNAPSHOT_LIMIT_S)
    assert wait_for(source, answers).is_late


LATE = {
    "a picture": "picture(b'of before')",
    "a refusal": "note(event='unsupported', command='snapshot', reason='no frame for it')",
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_an_answer_that_is_late_is_not_the_next_ones(supervise, clock, late):
    source = supervise(f"send(KEY); command(); command(); {late}; command(); picture(b'of now'); wait()")
    source.wait_for_frames(1)
    ask_in_vain(source, clock)
    assert wait_for(source, ask(source)) == b"of now"
    assert wait_for(source, ask(source)) == b"of now", "it is fresh"


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_an_answer_that_comes_while_nobody_waits_is_nobodys(supervise, clock, late):
    source = supervise(f"send(KEY); command(); server.recv(1); {late}; send(KEY); command(); picture(b'new'); wait()")
    source.wait_for_frames(1)
    ask_in_vain(source, clock)
    source.say()
    source.wait_for_frames(2)
    assert wait_for(source, ask(source)) == b"new"


def test_another_child_answers_no_question_of_before(supervise, clock):
    source = supervise("send(KEY); command(); server.recv(1); sys.exit(1)", PICTURES)
    source.wait_for_frames(1)
    ask_in_vain(source, clock)
    source.say()
    source.wait_for_end()
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(2)
    assert wait_for(source, ask(source)) == b"picture 1"


def test_a_picture_that_nobody_asked_for_is_ignored(supervise):
    source = supervise("send(KEY); picture(b'odd'); command(); picture(b'asked for'); wait()")
    source.wait_for_frames(1)
    source.loop.turn(0.01)
    assert wait_for(source, ask(source)) == b"asked for"


def test_a_source_that_cannot_says_why(supervise):
    source = supervise("send(KEY); command(); note(event='unsupported', command='snapshot', reason='no JPEG'); wait()")
    source.wait_for_frames(1)
    assert wait_for(source, ask(source)) == SourceFailure("no JPEG")


def test_each_stream_has_its_own_picture(supervise):
    sub = message(key_frame(0), output=1)
    source = supervise(
        f"send(KEY, {sub!r})\nwhile True:\n    n = command().get('output', 0); picture(b'of %d' % n, n)",
        outputs=(FileOutput("main"), FileOutput("sub")),
    )
    turn_until(source.loop, lambda: source.streams[1].counters.frames)
    asked = ask(source, "sub"), ask(source)
    assert [wait_for(source, answers) for answers in asked] == [b"of 1", b"of 0"]


def test_a_stream_of_another_source(supervise):
    source = supervise(PICTURES)
    with pytest.raises(KeyError):
        source.supervisor.snapshot("elsewhere", print)


def test_a_source_that_has_no_frame_yet_is_asked_with_its_first(supervise):
    source = supervise(
        "server.recv(1); send(KEY); assert command()['command'] == 'snapshot'; picture(b'first'); wait()"
    )
    turn_until(source.loop, lambda: source.is_running)
    answers = ask(source)
    source.say()
    assert wait_for(source, answers) == b"first"


def test_a_source_that_is_down_is_not_waited_for(supervise, clock):
    source = supervise("command(); note(event='failed', reason='unplugged'); sys.exit(1)", PICTURES)
    turn_until(source.loop, lambda: source.is_running)
    answers = ask(source)
    source.say(b"{}\n")
    assert wait_for(source, answers) == SourceFailure("unplugged")
    assert wait_for(source, ask(source)) == SourceFailure("unplugged")
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(1)
    assert wait_for(source, ask(source)) == b"picture 1"


def test_a_source_on_demand_is_started_for_it_and_stops_again(supervise, clock):
    source = supervise(PICTURES, policies=(StreamPolicy(on_demand=True, linger_s=2.0),))
    assert wait_for(source, ask(source)) == b"picture 1"
    pass_time(source.loop, clock, 1.0)
    assert source.is_running
    pass_time(source.loop, clock, 1.5)
    source.wait_for_end()
    assert source.status.reason == "on demand: nobody watches"


def test_a_source_that_is_being_stopped_is_started_for_it(supervise, clock):
    first = "ignore_sigterm(); send(KEY)\nwhile True: signal.pause()"
    source = supervise(first, PICTURES, policies=(StreamPolicy(on_demand=True, linger_s=1.0),))
    source.stream.on_wanted()
    source.wait_for_frames(1)
    while source.state is not LifeState.STOPPING:
        pass_time(source.loop, clock, 0.25)
    answers = ask(source)
    clock.advance(STOP_WITHIN_S)
    assert wait_for(source, answers) == b"picture 1"


def test_nobody_waits_for_a_service_that_leaves(supervise):
    source = supervise("send(KEY); wait()")
    source.wait_for_frames(1)
    answers = ask(source)
    source.supervisor.stop()
    assert wait_for(source, answers) == SourceFailure("the service leaves")


# --- changes


def change(source: Supervised, **values) -> list:
    answers = []
    source.supervisor.change("main", StreamChange(**values), answers.append)
    assert answers == [], "in a later turn"
    return answers


def test_a_change_is_told_and_in_effect_when_the_source_says_so(supervise):
    source = supervise(
        STEADY + "said = command(); note(event='changed', bitrate_bps=said['bitrate_bps'] - 1); wait()", outputs=(MAIN,)
    )
    source.wait_for_frames(1)
    assert source.status.bitrate_bps == 1_000_000
    assert wait_for(source, change(source, bitrate_bps=500_000)) is None
    assert source.status.bitrate_bps == 499_999
    assert source.stream.link_bitrate_bps == 499_999


def test_both_at_once_are_in_effect_when_both_are(supervise):
    source = supervise(
        """
        send(CAN_ALL, KEY)
        asked = [(name, command()[name]) for name in ('bitrate_bps', 'fps')]
        for name, value in asked:
            server.recv(1)
            note(event='changed', **{name: value})
        wait()
        """,
        outputs=(MAIN,),
    )
    source.wait_for_frames(1)
    answers = change(source, bitrate_bps=600_000, fps=10)
    source.say()
    turn_until(source.loop, lambda: source.status.bitrate_bps == 600_000)
    source.loop.turn()
    assert answers == []
    source.say()
    assert wait_for(source, answers) is None
    assert (source.status.nominal_fps, source.stream.nominal_fps) == (10, 10)


def test_what_was_changed_outlasts_the_child(supervise, clock):
    told = STEADY + "note(event='changed', bitrate_bps=command()['bitrate_bps'] + 7); os._exit(1)"
    source = supervise(told, "send(CAN_ALL, KEY); wait()", outputs=(MAIN,))
    source.wait_for_frames(1)
    change(source, bitrate_bps=500_000)
    source.wait_for_end()
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(2)
    first, second = source.programs.started
    assert [each[0].bitrate_bps for each in (first, second)] == [1_000_000, 500_000]
    assert second[0].gop_s == first[0].gop_s
    assert source.status.bitrate_bps == 500_000


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"bitrate_bps": 500_000}, "this source cannot change its bit rate"),
        ({"fps": 5}, "this source cannot change its frame rate"),
        ({"bitrate_bps": 500_000, "fps": 5}, "this source cannot change its bit rate"),
    ],
)
def test_a_source_that_cannot_is_not_asked(supervise, values, reason):
    source = supervise("send(READY, KEY); wait()")
    source.wait_for_frames(1)
    assert wait_for(source, change(source, **values)) == SourceFailure(reason)


def test_a_source_that_will_not_says_why(supervise):
    source = supervise(STEADY + "command(); note(event='unsupported', command='set_fps', reason='too fast'); wait()")
    source.wait_for_frames(1)
    assert wait_for(source, change(source, fps=120)) == SourceFailure("too fast")
    assert source.programs.outputs[0].fps == 30


def test_a_source_that_does_not_answer_in_time(supervise, clock):
    source = supervise(STEADY + "wait()")
    source.wait_for_frames(1)
    answers = change(source, fps=10)
    source.output.liveness.waited_at = clock.now + CHANGE_LIMIT_S  # it is not found silent
    clock.advance(CHANGE_LIMIT_S)
    assert wait_for(source, answers) == SourceFailure("the source did not answer within 3 s", is_late=True)


def test_a_change_that_is_confirmed_late_is_kept_and_no_answer_to_the_next(supervise, clock):
    source = supervise(
        STEADY + "command(); server.recv(1); note(event='changed', fps=10); note(event='changed', fps=command()['fps'])"
        "; wait()",
        outputs=(MAIN,),
    )
    source.wait_for_frames(1)
    answers = change(source, fps=10)
    source.output.liveness.waited_at = clock.now + CHANGE_LIMIT_S  # it is not found silent
    clock.advance(CHANGE_LIMIT_S)
    assert wait_for(source, answers).is_late
    assert wait_for(source, change(source, fps=20)) == SourceFailure("another change is under way")
    source.say()
    turn_until(source.loop, lambda: source.status.nominal_fps == 10)
    assert source.output.encoder.spec.fps == 10, "also for the next child"
    assert wait_for(source, change(source, fps=20)) is None
    assert source.status.nominal_fps == 20


def test_one_change_at_a_time(supervise):
    source = supervise(STEADY + "command(); server.recv(1); note(event='changed', fps=10); wait()")
    source.wait_for_frames(1)
    first, second = change(source, fps=10), change(source, fps=20)
    assert wait_for(source, second) == SourceFailure("another change is under way")
    source.say()
    assert wait_for(source, first) is None


def test_a_source_that_ends_meanwhile(supervise):
    source = supervise(STEADY + "command(); sys.exit(3)")
    source.wait_for_frames(1)
    assert wait_for(source, change(source, fps=10)) == SourceFailure("ended with exit code 3")
    assert wait_for(source, change(source, fps=10)) == SourceFailure("the source is not up: ended with exit code 3")


def test_a_source_that_is_off_is_not_started_for_it(supervise):
    source = supervise("wait()", policies=(StreamPolicy(on_demand=True),))
    assert wait_for(source, change(source, fps=10)) == SourceFailure("the source is not up: on demand: nobody watches")
    assert source.programs.starts == 0


def test_a_change_that_nobody_asked_for_is_shown_and_forgotten_with_its_child(supervise, clock):
    odd = encode_note(0, event="changed", bitrate_bps=123_456)
    source = supervise(f"send(CAN_ALL, KEY, {odd!r}); os._exit(1)", "send(CAN_ALL, KEY); wait()", outputs=(MAIN,))
    source.wait_for_end()
    assert source.status.bitrate_bps == 123_456
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(2)
    assert source.status.bitrate_bps == source.stream.link_bitrate_bps == 1_000_000
    assert source.programs.started[1][0].bitrate_bps == 1_000_000


def test_a_link_rate_of_the_configurations_own_is_never_gone_below(supervise):
    low, high = (encode_note(0, event="changed", bitrate_bps=rate) for rate in (300_000, 5_000_000))
    source = supervise(
        f"server.recv(1); send(KEY, {low!r}, FRAME); server.recv(1); send({high!r}, FRAME); wait()",
        outputs=(MAIN,),
        streams=[Stream("main", link_bitrate_bps=2_000_000)],
    )
    turn_until(source.loop, lambda: source.is_running)
    source.say()
    source.wait_for_frames(2)
    assert source.stream.link_bitrate_bps == 2_000_000
    source.say()
    source.wait_for_frames(3)
    assert source.stream.link_bitrate_bps == 5_000_000


def test_a_source_that_cannot_force_key_frames_after_all_is_not_asked_again(supervise):
    source = supervise("""
        send(READY, KEY)
        command()
        note(event='unsupported', command='force_key_frame', reason='no')
        note(event='dropped', frames=1)
        wait()
        """)
    source.wait_for_frames(1)
    source.stream.key_frame_requests.ask()
    turn_until(source.loop, lambda: source.status.dropped_frames)
    assert source.stream.key_frame_requests.ask is None


@pytest.mark.parametrize("values", [{"bitrate_bps": 500_000}, {"fps": 12.5}, {"bitrate_bps": 25_000, "fps": 1.0}])
def test_the_commands_of_a_change(values):
    commands = StreamChange(**values).commands(1)
    assert {command.output for command in commands} == {1}
    told = {name: value for each in commands for name in ("bitrate_bps", "fps") if (value := getattr(each, name))}
    assert told == values
