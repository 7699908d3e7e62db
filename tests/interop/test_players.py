"""The judgement of players itself: it does not depend on what ran on the machine before."""

from tests.support import players
from tests.support.players import GSTREAMER, Playing

PICTURES = 30


def test_the_first_start_of_gstreamer_on_a_machine_is_no_complaint(service, tmp_path, monkeypatch):
    """It loads every plugin then, and some say what hardware they miss."""
    registry = tmp_path / "registry.bin"
    registry.touch()
    monkeypatch.setenv("GST_REGISTRY", str(registry))
    monkeypatch.setattr(players, "scan_plugins", lambda: None)
    with Playing(GSTREAMER, service.rtsp_url("main"), "tcp", PICTURES) as playing:
        shown = playing.finish()
    assert registry.stat().st_size > 0, "no plugin was looked for"
    assert shown.faults == ()
    assert len(shown.times_s) == PICTURES


def test_a_stream_that_is_not_there_is_a_complaint(service):
    with Playing(GSTREAMER, service.rtsp_url("nothing"), "tcp", PICTURES) as playing:
        faults = playing.finish().faults
    assert any(fault.startswith("ERROR: from element") for fault in faults), faults
    assert any(fault.startswith("gstreamer ended with exit code") for fault in faults), faults
