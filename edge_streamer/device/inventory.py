"""What the drivers of cameras and encoders report. A child process asks each kind of driver, so a driver that hangs
costs only its child.

It starts `edge_streamer.sources.inventory`, reads its JSON, and waits no longer than the caller allows. No device is
opened in this process. Called by `cli.probe`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_streamer.device.video import stable_path
from edge_streamer.protocol.source.inventory import Camera, HardwareEncoder, InventoryAnswer, Part

WITHIN_S: Final = 5.0
"""Without a fault, opening and closing every camera took under a second."""
MAX_ANSWER_BYTES: Final = 1 << 20
"""A camera with a hundred sizes is 10 kB of JSON."""
MAX_REASON_CHARACTERS: Final = 200
_COMMAND: Final = (sys.executable, "-m", "edge_streamer.sources.inventory")
_READ_WITHIN_S: Final = 0.2
"""Time to read the finished output of a child when another child has used up `within_s`."""
_GONE_WITHIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Inventory:
    """The drivers' answers: the lists of the parts in `answered` are complete; `problems` are sentences about the
    other parts."""

    cameras: tuple[Camera, ...] = ()
    encoders: tuple[HardwareEncoder, ...] = ()
    answered: frozenset[Part] = frozenset()
    problems: tuple[str, ...] = ()


def ask_inventory(
    parts: Sequence[Part],
    command: Sequence[str] = _COMMAND,
    within_s: float = WITHIN_S,
    root: Path = Path("/"),
) -> Inventory:
    """Return the drivers' answers about `parts`; a child process for each part asks, all at the same time.

    A child without an answer after `within_s` seconds is ended, and a problem says so; the other answers are complete.
    A camera's device is a path that survives a restart, where udev made one; `root` is the folder that `dev` is in.
    """
    ends_at = time.monotonic() + within_s
    asked = {part: _start(command, part) for part in parts}
    answers = {part: _answer_of(child, part, ends_at, within_s) for part, child in asked.items()}
    return Inventory(
        cameras=tuple(_lasting(camera, root) for answer in answers.values() for camera in answer.cameras),
        encoders=tuple(encoder for answer in answers.values() for encoder in answer.encoders),
        answered=frozenset(part for part, answer in answers.items() if not answer.errors),
        problems=tuple(error for answer in answers.values() for error in answer.errors),
    )


def _lasting(camera: Camera, root: Path) -> Camera:
    return msgspec.structs.replace(camera, device=stable_path(root, camera.device)) if camera.device else camera


def _start(command: Sequence[str], part: Part) -> subprocess.Popen[bytes]:
    # In a new session: libcamera may start helper processes, which are ended with the child.
    return subprocess.Popen(
        [*command, part],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _answer_of(child: subprocess.Popen[bytes], part: Part, ends_at: float, within_s: float) -> InventoryAnswer:
    try:
        printed, complaints = child.communicate(timeout=max(_READ_WITHIN_S, ends_at - time.monotonic()))
    except subprocess.TimeoutExpired:
        return InventoryAnswer(errors=(f"{part}: no answer within {within_s:g} s, {_end(child)}",))
    return _read_answer(printed, complaints, child.returncode, part)


def _read_answer(printed: bytes, complaints: bytes, exit_code: int, part: Part) -> InventoryAnswer:
    try:
        return InventoryAnswer.decode(printed[:MAX_ANSWER_BYTES])
    except ValueError as error:
        lines = complaints.decode(errors="replace").split("\n")
        reason = next((line for line in reversed(lines) if line.strip()), str(error))[:MAX_REASON_CHARACTERS]
        return InventoryAnswer(errors=(f"{part}: no list (exit code {exit_code}): {reason}",))


def _end(child: subprocess.Popen[bytes]) -> str:
    """Kill the child and the processes that it started; a child that the kernel holds in a driver cannot be killed and
    is left behind."""
    os.killpg(child.pid, signal.SIGKILL)
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(_GONE_WITHIN_S)
    except subprocess.TimeoutExpired:
        return "and it cannot be ended: its driver hangs in the kernel, restart the machine"
    return "so it was ended: a driver hangs"
