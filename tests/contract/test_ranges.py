"""One range for one thing: what the file takes, the API, a command and the child's command line take, and no more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.toml import ConfigError
from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import parse_request
from edge_streamer.services.supervision.questions import StreamChange

COMMANDS = {"fps": "set_fps", "bitrate_bps": "set_bitrate"}
EDGES = [
    ("fps", 0, False), ("fps", 1, True), ("fps", 120, True), ("fps", 121, False),
    ("bitrate_bps", 24_999, False), ("bitrate_bps", 25_000, True),
    ("bitrate_bps", 50_000_000, True), ("bitrate_bps", 50_000_001, False),
]  # fmt: skip
ENCODED_ONCE = [
    ("width", 62, False), ("width", 64, True), ("width", 65, False), ("width", 4096, True), ("width", 4098, False),
    ("height", 62, False), ("height", 64, True), ("height", 4096, True), ("height", 4098, False),
    ("gop_s", 0.4, False), ("gop_s", 0.5, True), ("gop_s", 60, True), ("gop_s", 60.5, False),
    ("overlay", "x" * 128, True), ("overlay", "x" * 129, False),
]  # fmt: skip
OF_A_CAMERA = [
    ("buffer_count", 1, False), ("buffer_count", 2, True), ("buffer_count", 12, True), ("buffer_count", 13, False),
    ("rotation", 90, False), ("rotation", 180, True),
    ("sensor_mode", [0, 1], False), ("sensor_mode", [1, 16_384], True), ("sensor_mode", [1, 16_385], False),
    ("controls", {f"c{n}": 1 for n in range(64)}, True), ("controls", {f"c{n}": 1 for n in range(65)}, False),
    ("controls", {"Gain": [1] * 64}, True), ("controls", {"Gain": [1] * 65}, False),
]  # fmt: skip


def takes(read: Callable[[], object]) -> bool:
    try:
        read()
    except (ConfigError, ValueError):
        return False
    return True


def file_takes(tables: dict[str, Any]) -> bool:
    return takes(lambda: build_config(tables, profile=None, overrides=Overrides(), folder=Path("/")))


def child_takes(output: dict[str, Any], kind: str = "testpattern", options: dict[str, Any] | None = None) -> bool:
    words = [msgspec.json.encode(words).decode() for words in (output, options or {})]
    return takes(lambda: parse_request(kind, words[:1], words[1], None))


@pytest.mark.parametrize(("key", "value", "is_allowed"), EDGES)
def test_file_api_command_and_child_take_the_same(key: str, value: int, is_allowed: bool) -> None:
    assert file_takes({"streams": {"main": {"source": "testpattern", key: value}}}) == is_allowed
    assert takes(lambda: msgspec.convert({key: value}, StreamChange)) == is_allowed
    command = SourceCommand(COMMANDS[key], **{key: value}).encode()
    assert takes(lambda: SourceCommand.decode(command)) == is_allowed
    assert child_takes({key: value}) == is_allowed


@pytest.mark.parametrize(("key", "value", "is_allowed"), ENCODED_ONCE)
def test_file_and_child_take_the_same_of_a_stream(key: str, value: object, is_allowed: bool) -> None:
    assert file_takes({"streams": {"main": {"source": "testpattern", key: value}}}) == is_allowed
    assert child_takes({key: value}) == is_allowed


@pytest.mark.parametrize(("name", "is_allowed"), [("a" * 32, True), ("a" * 33, False), ("", False), ("a b", False)])
def test_file_and_child_take_the_same_names(name: str, is_allowed: bool) -> None:
    assert file_takes({"streams": {name: {"source": "testpattern"}}}) == is_allowed
    assert child_takes({"name": name}) == is_allowed


@pytest.mark.parametrize(("number", "is_allowed"), [(-1, False), (0, True), (63, True), (64, False)])
def test_file_and_child_take_the_same_cameras(number: int, is_allowed: bool) -> None:
    assert file_takes({"streams": {"main": {"source": "picamera2", "camera": number}}}) == is_allowed
    assert child_takes({}, "picamera2", {"camera": number}) == is_allowed


@pytest.mark.parametrize(("key", "value", "is_allowed"), OF_A_CAMERA)
def test_file_and_child_take_the_same_of_a_camera(key: str, value: object, is_allowed: bool) -> None:
    tables = {"streams": {"main": {"source": "picamera2"}}, "cameras": {"0": {key: value}}}
    assert file_takes(tables) == is_allowed
    assert child_takes({}, "picamera2", {key: value}) == is_allowed
