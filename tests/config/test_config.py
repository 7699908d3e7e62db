"""A `Config` and its TOML: what `check` prints loads again to the same."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_streamer.config.config import Config
from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.profiles import Profile
from edge_streamer.config.streams import AutoStream, CameraStream
from edge_streamer.config.toml import read_text

FOLDER = Path("/etc/edge_streamer")


def build(
    tables: dict[str, Any] | str = "", *, profile: Profile | None = None, overrides: Overrides | None = None
) -> Config:
    parsed = read_text(tables.encode(), "file") if isinstance(tables, str) else tables
    return build_config(parsed, profile=profile, overrides=overrides or Overrides(), folder=FOLDER)


ADDRESSES = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map("[{}]".format)
EVEN_PIXELS = st.integers(32, 2048).map(lambda half: 2 * half)
WATCHED = {
    "slow_readers": st.sampled_from(["end", "skip"]),
    "on_demand": st.booleans(),
    "linger_s": st.floats(1, 3600),
    "give_up_after_s": st.integers(5, 86_400),
}
PICTURE = WATCHED | {
    "width": EVEN_PIXELS,
    "height": EVEN_PIXELS,
    "fps": st.integers(1, 120),
    "bitrate_bps": st.integers(25_000, 50_000_000),
    "gop_s": st.integers(1, 60) | st.floats(0.5, 60),
    "link_bitrate_bps": st.integers(50_000_000, 100_000_000),
    "bound_reordering": st.booleans(),
    "timestamps": st.sampled_from(["none", "sei"]),
}
OVERLAY = {"overlay": st.sampled_from(["", "%H:%M {name}", '"\\', "100 %% {{}}", "é"])}
ENCODER = {"encoder": st.sampled_from(["auto", "hardware", "software"])}
CAMERA = {"camera": st.integers(0, 63)}


def stream_tables(optional: dict[str, st.SearchStrategy[Any]], **written: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({key: st.just(value) for key, value in written.items()}, optional=optional)


STREAM = (
    stream_tables(PICTURE | OVERLAY | ENCODER | CAMERA)
    | stream_tables(PICTURE | OVERLAY, source="testpattern")
    | stream_tables(PICTURE | OVERLAY | ENCODER | CAMERA, source="picamera2")
    | stream_tables(PICTURE, source="v4l2", device="/dev/video0", format="h264")
    | stream_tables(PICTURE | OVERLAY | ENCODER, source="v4l2", device='/dev/v4l/by-id/usb "x"')
    | st.fixed_dictionaries(
        {"source": st.just("file"), "path": st.text(min_size=1).filter(lambda text: "\0" not in text)},
        optional=WATCHED | {"loop": st.booleans(), "link_bitrate_bps": st.integers(25_000, 100_000_000)},
    )
)
NUMBER = st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15)
CAMERA_TABLE = st.fixed_dictionaries(
    {},
    optional={
        "hflip": st.booleans(),
        "vflip": st.booleans(),
        "rotation": st.sampled_from([0, 180]),
        "sensor_mode": st.lists(st.integers(1, 16_384), min_size=2, max_size=2),
        "buffer_count": st.integers(2, 12),
        "controls": st.dictionaries(
            st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,9}", fullmatch=True),
            st.booleans() | NUMBER | st.text(max_size=9) | st.lists(NUMBER, min_size=1, max_size=4),
            max_size=3,
        ),
    },
)
TABLES = st.fixed_dictionaries(
    {"auth": st.just({"anonymous": True})},
    optional={
        "rtsp": st.fixed_dictionaries(
            {},
            optional={
                "listen": st.lists(ADDRESSES.map("{}:0".format), min_size=1, max_size=3),
                "transports": st.lists(st.sampled_from(["tcp", "udp"]), min_size=1),
                "udp_ports": st.tuples(st.integers(512, 2000), st.integers(2001, 32_767)).map(
                    lambda halves: [2 * halves[0], 2 * halves[1] + 1]
                ),
            },
        ),
        "link": st.fixed_dictionaries({"dead_after_s": st.floats(2, 60)}),
        "streams": st.dictionaries(
            st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True), STREAM, min_size=1, max_size=4
        ),
    },
)


@settings(deadline=None)
@given(TABLES, st.lists(CAMERA_TABLE, max_size=2))
def test_what_check_prints_loads_again_to_the_same(tables: dict[str, Any], cameras: list[dict[str, Any]]) -> None:
    used = used_cameras(build(tables))
    config = build({**tables, "cameras": {str(number): table for number, table in zip(used, cameras, strict=False)}})
    assert build(config.to_toml()) == config


def used_cameras(config: Config) -> list[int]:
    streams = config.streams.values()
    return sorted({stream.camera for stream in streams if isinstance(stream, AutoStream | CameraStream)})
