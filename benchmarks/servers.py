"""The servers that a run compares, each as a process: started for one measurement, with the clip, on a free port.

Called by `benchmarks.fanout`. A `Server` that this machine cannot run says why in `missing`, and is left out.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.clip import DURATION_S, FPS, Clip, as_byte_stream, repeat
from benchmarks.peers import gstreamer, live555
from benchmarks.readers import JOIN_DEADLINE_S
from tests.support.rtsp.wire import Transport
from tests.support.service import running_service

OURS: Final = "edge_streamer"
FLOOR: Final = "floor"
STREAM: Final = "clip"
PEER_MATERIAL_S: Final = 60
"""A peer plays its file once, from the first reader's PLAY: longer than joining, settling and any steady phase."""
START_DEADLINE_S: Final = 15.0
FLOOR_MARGIN_S: Final = 2 * JOIN_DEADLINE_S
"""A floor sender outlives its readers by this at most, whatever becomes of us."""


@dataclass(frozen=True, slots=True)
class Load:
    """What will be asked of a server."""

    transport: Transport
    readers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Target:
    """A running server; `is_raw` for one that sends bytes without RTSP."""

    pid: int
    url: str
    is_raw: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server. `start` runs it for one measurement."""

    name: str
    version: str
    start: Callable[[Clip, Load], AbstractContextManager[Target]]


def our_servers(version: str) -> list[Server]:
    """Return the service and the floor."""
    return [Server(OURS, version, _our_service), Server(FLOOR, "", _floor)]


def peers(say: Callable[[str], None]) -> list[Server]:
    """Return the peers that this machine can run; `say` is told what is missing for the others."""
    found = []
    if complaint := live555.missing():
        say(complaint)
    else:
        root = live555.prepare()
        found.append(Server("live555", live555.version(root), partial(_live555, root)))
    if complaint := gstreamer.missing():
        say(complaint)
    else:
        found.append(Server("gst-rtsp-server", gstreamer.version(), _gstreamer))
    return found


@contextmanager
def _our_service(clip: Clip, load: Load) -> Iterator[Target]:
    most = load.readers + 8
    config = (
        f"[rtsp]\nmax_sessions = {most}\nmax_sessions_per_address = {most}\n"
        f"max_connections = {most}\nmax_connections_per_address = {most}\n"
        f"[streams.{STREAM}]\nsource = 'file'\npath = {json.dumps(str(clip.path.resolve()))}\n"
    )
    with running_service(config) as service:
        yield Target(service.pid, service.rtsp_url(STREAM))


@contextmanager
def _floor(clip: Clip, load: Load) -> Iterator[Target]:
    arguments = ("--transport", load.transport, "--count", load.readers, "--frame-bytes", clip.mean_frame_bytes)
    lifetime_s = load.seconds + FLOOR_MARGIN_S
    with started("benchmarks.floor", *arguments, "--fps", FPS, "--lifetime-s", lifetime_s) as floor:
        port = next_event(floor, "listening")["port"]
        yield Target(floor.pid, f"{load.transport}://127.0.0.1:{port}", is_raw=True)


@contextmanager
def _live555(root: Path, clip: Clip, _load: Load) -> Iterator[Target]:
    byte_stream = as_byte_stream(repeat(clip, PEER_MATERIAL_S // DURATION_S))
    with _peer(lambda port: live555.command(root, byte_stream, port)) as target:
        yield target


@contextmanager
def _gstreamer(clip: Clip, _load: Load) -> Iterator[Target]:
    long_clip = repeat(clip, PEER_MATERIAL_S // DURATION_S)
    with _peer(lambda port: gstreamer.command(long_clip.path, port)) as target:
        yield target


@contextmanager
def _peer(command: Callable[[int], Sequence[str]]) -> Iterator[Target]:
    """Run a peer on a free port until the block ends."""
    port = _free_port()
    with subprocess.Popen(command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_listening(process, port)
            yield Target(process.pid, f"rtsp://127.0.0.1:{port}/{STREAM}")
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on port {port} after {START_DEADLINE_S} s")


@contextmanager
def started(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a part of the benchmark as a process until the block ends; each part is bounded in time by itself."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def next_event(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Return the values of the line that announces `event`; RuntimeError if the process ended or said otherwise."""
    assert process.stdout is not None
    line = process.stdout.readline()
    values: dict[str, Any] = json.loads(line) if line else {}
    if values.pop("event", None) != event:
        raise RuntimeError(f"{process.args!r} said {line!r} and not {event}")
    return values
