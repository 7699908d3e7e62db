"""Which event is told of a source's life."""

import logging

import pytest

from edge_streamer.logs.events import SourceFailed, SourceRestarted, SourceStalled, SourceStarted
from edge_streamer.services.status import RestartReason
from edge_streamer.services.supervision.log import SourceLog


@pytest.fixture
def source(caplog):
    caplog.set_level(logging.DEBUG)
    return SourceLog("v4l2", ["main", "sub"])


@pytest.mark.parametrize("reason", RestartReason)
def test_a_source_that_is_silent_has_stalled_and_every_other_has_failed(source, caplog, reason):
    source.down(reason, "no picture", 0.5)
    (record,) = caplog.records
    happened = SourceStalled if reason is RestartReason.SILENT else SourceFailed
    assert record.msg == happened(kind="v4l2", streams=("main", "sub"), reason=reason, retry_s=0.5, detail="no picture")
    assert f"reason={reason} retry_s=0.5" in record.getMessage()


@pytest.mark.parametrize(("has_failed", "happened"), [(False, SourceStarted), (True, SourceRestarted)])
def test_a_start_after_a_failure_is_a_restart(source, caplog, has_failed, happened):
    source.started(42, has_failed=has_failed)
    assert caplog.records[0].msg == happened(kind="v4l2", source_pid=42, streams=("main", "sub"))


def test_what_a_process_says_cannot_look_like_an_event(source, caplog):
    source.complained("oops\nsource up kind=v4l2")
    assert caplog.messages == [r'source complains streams=main,sub text="oops\nsource up kind=v4l2"']
