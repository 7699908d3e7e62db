from edge_streamer.protocol.rtsp.headers.public import encode_methods
from edge_streamer.protocol.rtsp.server.methods import METHODS
from edge_streamer.protocol.rtsp.server.states import TRANSITIONS, SessionState, allowed_methods
from tests.tools.generated_docs import rendered_block, written_block


def test_the_page_shows_the_table() -> None:
    assert written_block("rtsp-states") == rendered_block("rtsp-states"), "run python -m tests.tools.generated_docs"


def test_every_transition_is_in_the_picture_once() -> None:
    lines = rendered_block("rtsp-states").splitlines()
    for (state, method), after in TRANSITIONS.items():
        assert lines.count(f"    {state.name} --> {after.name}: {method}") == 1
    assert len(lines) == 4 + len(TRANSITIONS), "the fence, the kind of diagram and the first state besides"


def test_every_method_of_the_table_is_served() -> None:
    assert {method for _state, method in TRANSITIONS} <= set(METHODS)


def test_allowed_methods() -> None:
    assert encode_methods(allowed_methods(SessionState.INIT)) == "SETUP, TEARDOWN"
    assert encode_methods(allowed_methods(SessionState.READY)) == "SETUP, PLAY, PAUSE, TEARDOWN"
    assert encode_methods(allowed_methods(SessionState.PLAYING)) == "PLAY, PAUSE, TEARDOWN"
