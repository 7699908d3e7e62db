from edge_streamer.protocol.rtsp.headers.public import encode_methods
from edge_streamer.protocol.rtsp.server.methods import METHODS
from edge_streamer.protocol.rtsp.server.states import TRANSITIONS, SessionState, allowed_methods, mermaid
from tests.tools.generated_docs import rendered_block, written_block


def test_the_page_shows_the_table() -> None:
    page = "docs/rtsp-states.md"
    assert mermaid() in rendered_block(page)
    assert written_block(page) == rendered_block(page), "run python -m tests.tools.generated_docs"


def test_every_transition_is_in_the_picture_once() -> None:
    lines = mermaid().splitlines()
    for (state, method), after in TRANSITIONS.items():
        assert lines.count(f"    {state.name} --> {after.name}: {method}") == 1
    assert len(lines) == 2 + len(TRANSITIONS)


def test_every_method_of_the_table_is_served() -> None:
    assert {method for _state, method in TRANSITIONS} <= set(METHODS)


def test_allowed_methods() -> None:
    assert encode_methods(allowed_methods(SessionState.INIT)) == "SETUP, TEARDOWN"
    assert encode_methods(allowed_methods(SessionState.READY)) == "SETUP, PLAY, PAUSE, TEARDOWN"
    assert encode_methods(allowed_methods(SessionState.PLAYING)) == "PLAY, PAUSE, TEARDOWN"
