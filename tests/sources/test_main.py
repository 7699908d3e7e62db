"""The command line: by hand into a pipe, and what is said when it is wrong."""

import os
import pty
import signal
import subprocess
import sys

import av
import pytest

COMMAND = [sys.executable, "-m", "edge_streamer.sources"]
PATIENCE_S = 20


@pytest.fixture
def by_hand():
    process = subprocess.Popen([*COMMAND, "testpattern"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


def test_by_hand_it_writes_annex_b_until_the_pipe_closes(by_hand):
    data = by_hand.stdout.read(150_000)
    by_hand.stdout.close()
    assert by_hand.wait(PATIENCE_S) == 0
    assert by_hand.stderr.read() == b""
    decoder = av.CodecContext.create("h264", "r")
    pictures = [picture for packet in decoder.parse(data) for picture in decoder.decode(packet)]
    assert (pictures[0].width, pictures[0].height) == (1280, 720)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_by_hand_a_signal_ends_it_without_a_word(by_hand, number):
    by_hand.stdout.read(1000)
    by_hand.send_signal(number)
    assert by_hand.wait(PATIENCE_S) == -number
    assert by_hand.stderr.read() == b""


def test_a_terminal_gets_a_hint_and_no_video():
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run([*COMMAND, "testpattern"], stdout=theirs, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"ffplay" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "KIND"),
        (["camera"], "unknown source kind 'camera' (known: testpattern, file, picamera2, v4l2, slate)"),
        (["testpattern", "--output", '{"width": 0}'], "`$.width`"),
        (["file", "--options", '{"path": "x", "pth": 1}'], "unknown field `pth`"),
        (["testpattern", "--fd", "x"], "--fd"),
        (["testpattern", "--speed", "2"], "--speed"),
        (["testpattern", "--fd", "999"], "descriptor 999"),
        (["testpattern", "--fd", "0"], "descriptor 0"),
    ],
)
def test_a_wrong_command_line_is_status_2_and_one_line(arguments, said):
    done = subprocess.run(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_by_hand_a_failure_is_said_on_standard_error(tmp_path):
    options = f'{{"path": "{tmp_path / "none.mp4"}"}}'
    done = subprocess.run([*COMMAND, "file", "--options", options], capture_output=True, timeout=PATIENCE_S, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "none.mp4 does not exist" in done.stderr


def run_with_a_source(start_source, tmp_path, monkeypatch, module, text, kind="testpattern"):
    """Start a source for which `module` is what `text` says."""
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return start_source(kind)


def test_without_pyav_the_server_is_told_what_to_install(start_source, tmp_path, monkeypatch):
    source = run_with_a_source(start_source, tmp_path, monkeypatch, "av", "raise ImportError('none here')")
    assert source.read_to_end() == 1
    assert "python3-av" in source.notes[0].values["reason"]


def test_without_picamera2_the_server_is_told_what_to_install(start_source, tmp_path, monkeypatch):
    text = "raise ImportError('none here')"
    source = run_with_a_source(start_source, tmp_path, monkeypatch, "picamera2", text, kind="picamera2")
    assert source.read_to_end() == 1
    assert "python3-picamera2" in source.notes[0].values["reason"]


def test_a_fault_is_told_and_its_traceback_printed(start_source, tmp_path, monkeypatch):
    source = run_with_a_source(start_source, tmp_path, monkeypatch, "av", "raise KeyError('broken')")
    assert source.read_to_end() == 1
    assert source.notes[0].values == {"event": "failed", "reason": "the source has a fault: KeyError('broken')"}
    assert b"Traceback" in source.process.stderr.read()
