"""The streams' tables: what a source kind may be told."""

import os
import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_streamer.config.streams import (
    DEFAULT_STREAMS,
    AutoStream,
    CameraStream,
    DeviceStream,
    FileStream,
    PatternStream,
    StreamConfig,
    read_streams,
)
from edge_streamer.config.toml import ConfigError

OVERLAY_PARTS = {
    "%Y-%m-%d": "1970-01-01",
    "%H:%M:%S": "00:00:00",
    "%%": "%",
    "{name}": "main",
    "{{": "{",
    "}}": "}",
    "Tür ": "Tür ",
    "a": "a",
}
"""What may stand in an overlay, and what stream `main` shows for it at the beginning of 1970."""


def read(name: str = "main", **table: Any) -> StreamConfig:
    return read_streams({name: table}, DEFAULT_STREAMS, Path("/etc"))[name]


def mistake(**table: Any) -> str:
    with pytest.raises(ConfigError) as error:
        read("main", **table)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.mark.parametrize(
    ("table", "stream"),
    [
        ({"camera": 3}, AutoStream(camera=3)),
        ({"source": "testpattern", "overlay": "%H:%M"}, PatternStream(overlay="%H:%M")),
        ({"source": "picamera2", "camera": 1, "encoder": "hardware"}, CameraStream(camera=1, encoder="hardware")),
        (
            {"source": "v4l2", "device": "/dev/video0", "format": "mjpeg"},
            DeviceStream(device="/dev/video0", format="mjpeg"),
        ),
        (
            {"source": "file", "path": "a.mp4", "on_demand": True, "linger_s": 1, "give_up_after_s": 5},
            FileStream(path="/etc/a.mp4", on_demand=True, linger_s=1, give_up_after_s=5),
        ),
        ({"source": "file", "path": "a.h264", "fps": 12.5}, FileStream(path="/etc/a.h264", fps=12.5)),
    ],
)
def test_each_source_kind_has_its_own_keys(table: dict[str, Any], stream: StreamConfig) -> None:
    assert read(**table) == stream


def test_a_folder_whose_name_is_no_text_takes_absolute_paths_only() -> None:
    folder = Path(os.fsdecode(b"/etc/caf\xe9"))
    with pytest.raises(ConfigError, match=r"^streams\.a\.path: .*caf\\xe9.* is not UTF-8; allowed: "):
        read_streams({"a": {"source": "file", "path": "a.mp4"}}, DEFAULT_STREAMS, folder)
    streams = read_streams({"a": {"source": "file", "path": "/srv/a.mp4"}}, DEFAULT_STREAMS, folder)
    assert streams == {"a": FileStream(path="/srv/a.mp4")}


@pytest.mark.parametrize("source", ["auto", "picamera2", "testpattern"])
def test_a_camera_of_a_known_name_has_the_size_of_that_name(source: str) -> None:
    stream = read("sub", source=source)
    assert not isinstance(stream, FileStream)
    assert (stream.width, stream.height, stream.fps) == (640, 360, 15)


@pytest.mark.parametrize(
    ("table", "answer"),
    [
        (
            {"source": "testpattern", "encoder": "auto"},
            'streams.main.encoder: not a key of source = "testpattern"; remove it, or write source = "auto" or '
            '"picamera2" or "v4l2"',
        ),
        (
            {"source": "v4l2", "device": "/dev/video0", "camera": 0},
            'streams.main.camera: not a key of source = "v4l2"; remove it, or write source = "auto" or "picamera2"',
        ),
        (
            {"source": "file", "path": "a.mp4", "overlay": "x"},
            'streams.main.overlay: not a key of source = "file"; remove it, or write source = "auto" or "testpattern" '
            'or "picamera2" or "v4l2"',
        ),
        ({"camera": 64}, "streams.main.camera: 64 is not allowed; allowed: 0 to 63"),
        ({"encoder": "gpu"}, 'streams.main.encoder: "gpu" is not allowed; allowed: "auto" or "hardware" or "software"'),
        ({"on_demand": 1}, "streams.main.on_demand: 1 is not allowed; allowed: true or false"),
        ({"linger_s": 0.5}, "streams.main.linger_s: 0.5 is not allowed; allowed: 1 to 3600"),
        ({"give_up_after_s": 4}, "streams.main.give_up_after_s: 4 is not allowed; allowed: 5 to 86400"),
        (
            {"source": "v4l2", "device": "/dev/video0", "format": "rgb"},
            'streams.main.format: "rgb" is not allowed; allowed: "auto" or "h264" or "mjpeg" or "nv12" or "yuyv"',
        ),
    ],
)
def test_a_key_of_another_kind_or_a_wrong_value_says_what_is_allowed(table: dict[str, Any], answer: str) -> None:
    assert mistake(**table) == answer


@pytest.mark.parametrize("device", ["video0", "", "/", "/dev/\0", "/" + 256 * "x", 0])
def test_a_device_is_an_absolute_path(device: object) -> None:
    assert mistake(source="v4l2", device=device).startswith("streams.main.device: ")


@pytest.mark.parametrize("own", [{"overlay": "{name}"}, {"encoder": "hardware"}, {"encoder": "software"}])
def test_pictures_that_come_encoded_are_not_drawn_on_nor_encoded_again(own: dict[str, Any]) -> None:
    table = {"source": "v4l2", "device": "/dev/video0", **own}
    (key,) = own
    assert mistake(**table, format="h264").startswith(f'streams.main.{key}: cannot be had with format = "h264", ')
    for encoded_here in ("auto", "mjpeg", "yuyv", "nv12"):
        assert read(**table, format=encoded_here)


@pytest.mark.parametrize(
    "overlay",
    [
        "",
        "%Y-%m-%d %H:%M:%S {name}",
        "100 %%",
        "{{{name}}}",
        "Tür {name}",
        "x" * 128,
        "%A %d. %B %Y %Z",
        "{name}{name}",
    ],
)
def test_an_overlay_is_text_and_time_and_name(overlay: str) -> None:
    stream = read(overlay=overlay)
    assert isinstance(stream, AutoStream)
    assert stream.overlay == overlay


@pytest.mark.parametrize(
    "overlay",
    ["x" * 129, "%", "100 %", "%Q", "%-d", "%{name}", "%n", "{", "}", "{}", "{camera}", "{name!r}", "{name:9}",
     "{name.x}", "{name[0]}", "two\nlines", "\t", "\0", "\ud800", 7, ["%H"]],
)  # fmt: skip
def test_what_cannot_be_written_into_a_picture_is_refused(overlay: object) -> None:
    assert mistake(overlay=overlay).startswith("streams.main.overlay: ")


@settings(deadline=None)
@given(st.text(alphabet=string.printable + "äß{}%", max_size=40) | st.text(alphabet="%{}nameHMS ", max_size=12))
def test_an_accepted_overlay_can_be_formatted(overlay: str) -> None:
    try:
        read(overlay=overlay)
    except ConfigError:
        assert mistake(overlay=overlay).startswith("streams.main.overlay: ")
        return
    assert isinstance(time.strftime(overlay.format(name="main"), time.gmtime(0)), str)


@given(st.lists(st.sampled_from(sorted(OVERLAY_PARTS)), max_size=18))
def test_an_overlay_of_good_parts_is_accepted_and_shows_them(parts: list[str]) -> None:
    stream = read(overlay="".join(parts))
    assert isinstance(stream, AutoStream)
    shown = time.strftime(stream.overlay.format(name="main"), time.gmtime(0))
    assert shown == "".join(OVERLAY_PARTS[part] for part in parts)
