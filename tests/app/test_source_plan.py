"""What `auto` becomes, which process feeds which streams by what command line, what a camera cannot give at once."""

import json
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from edge_streamer.app.source_plan import PlannedSource, decide_source, plan_sources
from edge_streamer.config.cameras import CameraConfig
from edge_streamer.config.streams import AutoStream, CameraStream, DeviceStream, FileStream, PatternStream, StreamConfig
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.cameras import FoundCamera
from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.request import (
    CameraOptions,
    Output,
    PatternOptions,
    Request,
    V4l2Options,
    parse_request,
)
from edge_streamer.services.supervision.spec import SourceSpec

WEBCAM = "/dev/v4l/by-id/usb-cam"
CSI = FoundCamera("picamera2", 0, "", "imx708")
CSI_1 = FoundCamera("picamera2", 1, "", "imx219")
USB = FoundCamera("v4l2", 2, WEBCAM, "Webcam")
USB_4 = FoundCamera("v4l2", 4, "/dev/video4", "Webcam")
SMALL: dict[str, Any] = {"width": 640, "height": 360, "fps": 15, "bitrate_bps": 400_000}


def plan(
    streams: Mapping[str, StreamConfig],
    *found: FoundCamera,
    cameras: Mapping[int, CameraConfig] | None = None,
) -> tuple[PlannedSource, ...]:
    return plan_sources(streams, cameras or {}, found)


def names(sources: tuple[PlannedSource, ...]) -> list[tuple[str, list[str]]]:
    return [(source.spec.kind, list(source.streams)) for source in sources]


def mistake(streams: Mapping[str, StreamConfig], *found: FoundCamera) -> str:
    with pytest.raises(ConfigError) as error:
        plan(streams, *found)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def as_the_child_reads_it(spec: SourceSpec) -> Request:
    """The command line through the source program's own parser."""
    words = spec.arguments()[3:]
    outputs = [words[place + 1] for place, word in enumerate(words) if word == "--output"]
    options = words[words.index("--options") + 1] if "--options" in words else "{}"
    return parse_request(words[0], outputs, options, None)


@pytest.mark.parametrize(
    ("camera", "found", "kind"),
    [
        (0, (), "testpattern"),
        (0, (CSI, CSI_1, USB), "picamera2"),
        (1, (CSI, CSI_1, USB), "picamera2"),
        (1, (CSI,), "testpattern"),
        (1, (CSI, USB), "v4l2"),
        (2, (USB,), "v4l2"),
        (0, (USB, USB_4), "v4l2"),
    ],
)
def test_auto_is_its_camera_or_a_usb_camera_or_the_test_pattern(
    camera: int, found: tuple[FoundCamera, ...], kind: str
) -> None:
    assert decide_source(AutoStream(camera=camera), found).source == kind


@pytest.mark.parametrize(
    "stream",
    [PatternStream(), CameraStream(), DeviceStream(device="/dev/video9"), FileStream(path="/a.mp4")],
)
def test_a_written_source_stays_whatever_is_found(stream: StreamConfig) -> None:
    for found in ((), (CSI, USB)):
        assert decide_source(stream, found) is stream


def test_auto_takes_along_what_was_written() -> None:
    written = {
        "width": 1920, "height": 1080, "fps": 25, "bitrate_bps": 4_000_000, "gop_s": 1.0, "overlay": "{name}",
        "link_bitrate_bps": 8_000_000, "slow_readers": "skip", "on_demand": True, "linger_s": 2.0,
        "give_up_after_s": 30.0, "bound_reordering": False, "timestamps": "sei",
    }  # fmt: skip
    stream = AutoStream(**written, camera=1, encoder="software")
    assert decide_source(stream, (CSI_1,)) == CameraStream(**written, camera=1, encoder="software")
    assert decide_source(stream, (USB,)) == DeviceStream(**written, device=USB.device, encoder="software")
    assert decide_source(stream, ()) == PatternStream(**written)


@pytest.mark.parametrize(("found", "kind"), [((CSI,), "picamera2"), ((USB,), "v4l2"), ((CSI, USB), "picamera2")])
def test_the_built_in_streams_share_the_camera_there_is(found: tuple[FoundCamera, ...], kind: str) -> None:
    sources = plan({"main": AutoStream(), "sub": AutoStream(**SMALL)}, *found)
    assert names(sources) == [(kind, ["main", "sub"])]
    assert not any(isinstance(stream, AutoStream) for stream in sources[0].streams.values())


def test_without_a_camera_the_built_in_streams_are_test_patterns() -> None:
    sources = plan({"main": AutoStream(), "sub": AutoStream(**SMALL)})
    assert names(sources) == [("testpattern", ["main"]), ("testpattern", ["sub"])]


def test_each_camera_each_file_and_each_pattern_has_a_process() -> None:
    streams: dict[str, StreamConfig] = {
        "clip": FileStream(path="/a.mp4", loop=False),
        "pattern": PatternStream(),
        "front": CameraStream(),
        "usb": DeviceStream(device=WEBCAM),
        "same-clip": FileStream(path="/a.mp4"),
        "back": CameraStream(camera=1),
        "front-sub": CameraStream(**SMALL),
        "auto": AutoStream(camera=7),
        "other-usb": DeviceStream(device="/dev/video8"),
        "usb-sub": DeviceStream(device=WEBCAM, **SMALL),
    }
    assert names(plan(streams)) == [
        ("picamera2", ["front", "front-sub"]),
        ("picamera2", ["back"]),
        ("v4l2", ["usb", "usb-sub"]),
        ("v4l2", ["other-usb"]),
        ("testpattern", ["pattern"]),
        ("testpattern", ["auto"]),
        ("file", ["clip"]),
        ("file", ["same-clip"]),
    ]


@pytest.mark.parametrize("order", list(permutations(["large", "small"])))
@pytest.mark.parametrize("source", [CameraStream(), DeviceStream(device=WEBCAM)])
def test_the_larger_picture_is_the_first_output(source: CameraStream | DeviceStream, order: tuple[str, ...]) -> None:
    kind = type(source)
    own = {"device": source.device} if isinstance(source, DeviceStream) else {}
    sizes = {"large": kind(**own), "small": kind(**own, **SMALL)}
    (planned,) = plan({name: sizes[name] for name in order})
    assert list(planned.streams) == [output.name for output in planned.spec.outputs] == ["large", "small"]


def test_streams_of_one_size_keep_their_order() -> None:
    assert names(plan({"b": CameraStream(), "a": CameraStream(fps=5)})) == [("picamera2", ["b", "a"])]


def test_a_camera_is_told_everything_that_was_written() -> None:
    camera = CameraConfig(
        hflip=True,
        rotation=180,
        sensor_mode=(2304, 1296),
        buffer_count=4,
        controls={"AfMode": "Auto", "Gain": (1, 2.5)},
    )
    stream = CameraStream(
        width=1920, height=1080, fps=25, bitrate_bps=4_000_000, gop_s=1.5, camera=1, encoder="hardware", overlay="%H:%M"
    )
    (planned,) = plan({"main": stream}, cameras={0: CameraConfig(vflip=True), 1: camera})
    request = as_the_child_reads_it(planned.spec)
    assert request.outputs == (Output("main", 1920, 1080, 25.0, 4_000_000, 1.5, "hardware", "%H:%M"),)
    assert request.options == CameraOptions(
        camera=1,
        hflip=True,
        vflip=False,
        rotation=180,
        sensor_mode=(2304, 1296),
        buffer_count=4,
        controls={"AfMode": "Auto", "Gain": (1.0, 2.5)},
    )


def test_a_camera_without_a_table_is_taken_as_it_is() -> None:
    (planned,) = plan({"main": AutoStream()}, CSI)
    assert as_the_child_reads_it(planned.spec).options == CameraOptions()


def test_a_device_is_told_its_path_and_format() -> None:
    (planned,) = plan({"usb": DeviceStream(device=WEBCAM, format="mjpeg", encoder="software", overlay="{name}")})
    request = as_the_child_reads_it(planned.spec)
    assert request.options == V4l2Options(WEBCAM, "mjpeg", fps=30)
    assert (request.outputs[0].encoder, request.outputs[0].overlay) == ("software", "{name}")
    (found,) = plan({"main": AutoStream()}, USB)
    assert as_the_child_reads_it(found.spec).options == V4l2Options(WEBCAM, fps=30)


def test_a_device_is_opened_at_the_rate_of_its_fastest_stream() -> None:
    slow, fast = DeviceStream(device=WEBCAM, fps=5), DeviceStream(device=WEBCAM, width=640, height=360, fps=15)
    (planned,) = plan({"slow": slow, "fast": fast})
    assert planned.spec.options == V4l2Options(WEBCAM, fps=15)


def test_a_pattern_and_a_file_are_told_what_they_know() -> None:
    pattern, file = plan({"p": PatternStream(overlay="{name}"), "f": FileStream(path="/a.mp4", loop=False)})
    assert [json.loads(word) for word in pattern.spec.arguments()[5::2]] == [
        {},
        {"name": "p", "width": 1280, "height": 720, "fps": 30, "bitrate_bps": 2_000_000, "gop_s": 2.0,
         "encoder": "auto", "overlay": "{name}"},
    ]  # fmt: skip
    assert file.spec.arguments()[3:] == [
        "file",
        "--options",
        '{"path":"/a.mp4","loop":false,"fps":30.0}',
        "--output",
        '{"name":"f"}',
    ]


@pytest.mark.parametrize("third", [CameraStream(**SMALL), AutoStream(**SMALL)])
def test_a_camera_feeds_two_streams(third: StreamConfig) -> None:
    assert mistake({"main": CameraStream(), "sub": CameraStream(**SMALL), "third": third}, CSI) == (
        "streams.third.source: camera 0 feeds main and sub already; allowed: 2 streams of this camera; take another "
        "camera, or another source"
    )


@pytest.mark.parametrize(("side", "limit"), [("width", 1280), ("height", 720)])
def test_the_smaller_stream_of_a_camera_is_smaller_both_ways(side: str, limit: int) -> None:
    sub = CameraStream(**{"width": 64, "height": 64, side: limit + 2})
    assert mistake({"sub": sub, "main": CameraStream()}) == (
        f"streams.sub.{side}: {limit + 2} is more than streams.main.{side}, and one camera makes the smaller picture "
        f"from the larger; allowed: up to {limit}"
    )
    plan({"sub": CameraStream(**{"width": 64, "height": 64, side: limit}), "main": CameraStream()})


def test_a_device_feeds_two_streams_or_the_one_that_it_encodes() -> None:
    webcam = DeviceStream(device=WEBCAM)
    assert mistake(dict.fromkeys(("a", "b", "c"), webcam)) == (
        f"streams.c.source: {WEBCAM} feeds a and b already; allowed: 2 streams of this camera; take another camera, or "
        "another source"
    )
    encoding = DeviceStream(device=WEBCAM, format="h264")
    assert mistake({"a": encoding, "b": encoding}) == (
        f"streams.b.source: {WEBCAM} feeds a already; allowed: 1 stream of this camera; take another camera, or "
        "another source"
    )


def test_a_device_delivers_one_format() -> None:
    streams = {"a": DeviceStream(device=WEBCAM, format="mjpeg"), "b": DeviceStream(device=WEBCAM, **SMALL)}
    assert mistake(streams) == (
        f'streams.b.format: "auto" is not allowed beside "mjpeg": {WEBCAM} delivers one format for all its streams; '
        "write the same for each"
    )
    plan({**streams, "b": DeviceStream(device="/dev/video8", **SMALL)})


def test_cameras_are_told_the_limits_of_the_boards_encoder() -> None:
    limits = EncoderLimits(
        kind="v4l2_m2m", max_width=1920, max_height=1920, max_macroblocks_per_s=245_760, max_bitrate_bps=25_000_000
    )
    streams = {"csi": CameraStream(), "usb": DeviceStream(device=WEBCAM), "pattern": PatternStream()}
    csi, usb, pattern = (as_the_child_reads_it(each.spec).options for each in plan_sources(streams, {}, (), limits))
    assert csi == CameraOptions(encoder_limits=limits)
    assert usb == V4l2Options(WEBCAM, fps=30, encoder_limits=limits)
    assert pattern == PatternOptions()
