"""What is run: a command line that the source program reads back."""

import sys

import pytest

from edge_streamer.protocol.source.request import (
    CameraOptions,
    FileOptions,
    FileOutput,
    Output,
    PatternOptions,
    Request,
    V4l2Options,
    parse_request,
)
from edge_streamer.services.supervision.spec import SourceSpec

MAIN = Output("main", 1280, 720, 30, 2_000_000, 2.0)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (SourceSpec((MAIN,), PatternOptions()), "testpattern"),
        (SourceSpec((FileOutput("clip"),), FileOptions("a.mp4", loop=False)), "file"),
        (SourceSpec((MAIN, Output("sub", 640, 360)), CameraOptions(camera=1)), "picamera2"),
        (SourceSpec((MAIN,), V4l2Options("/dev/video0", fps=30)), "v4l2"),
    ],
)
def test_the_command_line_is_read_back_as_what_was_meant(spec: SourceSpec, kind: str) -> None:
    assert spec.kind == kind
    python, module_option, module, *words = spec.arguments()
    assert (python, module_option, module) == (sys.executable, "-m", "edge_streamer.sources")
    outputs = [word for option, word in zip(words[1::2], words[2::2], strict=True) if option == "--output"]
    assert words[:2] == [kind, "--options"]
    assert parse_request(kind, outputs, words[2], None) == Request(spec.outputs, spec.options)
