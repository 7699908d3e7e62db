"""A source whose frames no viewer can be served with: it is not up, says why, and is started again."""

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.services.supervision.life import LifeState
from edge_streamer.services.supervision.liveness import FIRST_PICTURE_S, UNSERVABLE_LIMIT_S
from edge_streamer.services.supervision.restarts import FIRST_BACKOFF_S, PROVEN_AFTER_S
from edge_streamer.services.supervision.spec import StreamPolicy
from tests.support.frames import PPS, SPS, annex_b, key_frame
from tests.support.loop import pass_time, turn_until
from tests.support.supervised import HEARD, Supervised, message

WITHOUT_SETS = f"IDR = {message(key_frame(0, parameter_sets=False))!r}\n"
RECOVERY_POINT = EncodedFrame(annex_b(SPS, PPS, b"\x06\x06\x01\x84\x80", b"\x41abc"), is_key_frame=False, media_time=0)
SETS = EncodedFrame(annex_b(SPS, PPS, b"\x41abc"), is_key_frame=False, media_time=0)
NO_SETS = "its frames come without SPS and PPS, so that no viewer can be served"
NO_START = "its frames have no IDR picture and no recovery point, so that no viewer can start"
ON_DEMAND = "while server.recv(1): "
STEP_S = 0.5


def let_frames_come(source: Supervised, clock, seconds: float) -> None:
    """Have the child send a frame every half second for so long, or until it is ended."""
    until = clock.now + seconds
    while clock.now < until and source.state in HEARD:
        source.hear_again()
        clock.advance(STEP_S)
        source.loop.turn()


def test_frames_without_parameter_sets_are_not_up(supervise, clock, caplog):
    source = supervise(WITHOUT_SETS + f"send(READY, IDR, FRAME)\n{ON_DEMAND}send(IDR)")
    source.wait_for_frames(2)
    assert source.state is LifeState.STARTING
    status = source.status
    assert (status.is_up, status.is_failing, status.reason) == (False, True, NO_SETS)
    let_frames_come(source, clock, UNSERVABLE_LIMIT_S - STEP_S)
    assert (source.state, source.restarts) == (LifeState.STARTING, {})
    let_frames_come(source, clock, 2 * STEP_S)
    source.wait_for_end()
    assert source.restarts == {"unservable": 1}
    assert (source.status.is_up, source.status.reason) == (False, NO_SETS)
    assert source.stream.is_down
    assert (
        f'source failed kind=testpattern streams=main reason=unservable retry_s=0.5 detail="{NO_SETS}"' in caplog.text
    )
    assert "source up" not in caplog.text


def test_frames_that_never_have_a_start_point_are_not_up(supervise, clock):
    source = supervise(f"SETS = {message(SETS)!r}\nsend(READY, SETS)\n{ON_DEMAND}send(FRAME)")
    source.wait_for_frames(1)
    assert source.stream.parameter_sets is not None
    assert (source.state, source.status.is_up, source.status.reason) == (LifeState.STARTING, False, NO_START)
    let_frames_come(source, clock, UNSERVABLE_LIMIT_S + STEP_S)
    source.wait_for_end()
    assert source.restarts == {"unservable": 1}
    assert source.status.reason == NO_START


def test_the_back_off_grows_however_long_such_frames_came(supervise, clock, caplog):
    assert UNSERVABLE_LIMIT_S > PROVEN_AFTER_S
    source = supervise(WITHOUT_SETS + f"send(READY, IDR)\n{ON_DEMAND}send(IDR)")
    for failures, backoff_s in enumerate((FIRST_BACKOFF_S, 2 * FIRST_BACKOFF_S), 1):
        source.wait_for_frames(source.stream.counters.frames + 1)
        let_frames_come(source, clock, UNSERVABLE_LIMIT_S + STEP_S)
        source.wait_for_end()
        assert source.restarts == {"unservable": failures}
        assert f"reason=unservable retry_s={backoff_s}" in caplog.text
        clock.advance(backoff_s)
        turn_until(source.loop, lambda: source.is_running)


def test_parameter_sets_that_come_every_ten_seconds_are_waited_for(supervise, clock):
    late = "send(READY, IDR)\nfor _ in range(40): server.recv(1); send(IDR)\nsend(KEY)\nwait()"
    source = supervise(WITHOUT_SETS + late)
    source.wait_for_frames(1)
    let_frames_come(source, clock, 20.0)
    source.wait_for_frames(42)
    assert (source.state, source.restarts) == (LifeState.UP, {})
    assert (source.status.is_up, source.status.reason) == (True, "")


def test_a_recovery_point_is_a_start(supervise):
    source = supervise(f"send(READY, {message(RECOVERY_POINT)!r}); wait()")
    source.wait_for_frames(1)
    assert (source.state, source.status.is_up) == (LifeState.UP, True)


def test_one_that_falls_silent_before_it_is_up_is_ended_as_silent(supervise, clock):
    source = supervise(WITHOUT_SETS + "send(READY, IDR); wait()")
    source.wait_for_frames(1)
    pass_time(source.loop, clock, UNSERVABLE_LIMIT_S / 2)
    source.wait_for_end()
    assert source.restarts == {"silent": 1}


def test_its_stream_is_given_up_although_frames_come(supervise, clock):
    source = supervise(
        "send(READY, KEY); server.recv(1)",
        f"send(FRAME)\n{ON_DEMAND}send(FRAME)",
        policies=(StreamPolicy(give_up_after_s=5.0),),
    )
    source.wait_for_frames(1)
    source.say()
    source.wait_for_end()
    clock.advance(FIRST_BACKOFF_S)
    source.wait_for_frames(2)
    let_frames_come(source, clock, 6.0)
    assert source.ended == ["main"]
    assert not source.status.is_up


def test_the_slate_does_not_hide_that_parameter_sets_are_missing(supervise, clock, monkeypatch):
    """A slate has parameter sets of its own."""
    program = WITHOUT_SETS + f"send(READY, IDR)\n{ON_DEMAND}send(IDR)"
    source = supervise(program, policies=(StreamPolicy(shows_slate=True),))
    asked = []
    monkeypatch.setattr(source.output.outage, "miss", lambda reason, since: asked.append(reason))
    source.wait_for_frames(1)
    let_frames_come(source, clock, FIRST_PICTURE_S + STEP_S)
    source.stream.publish(EncodedFrame(key_frame(0).data, True, 0, is_slate=True), clock.now)
    assert source.stream.parameter_sets is not None
    assert asked[0] == NO_SETS
    assert source.status.reason == NO_SETS
