"""Files as streams of a real service, judged by ffmpeg: one line for each file.

    python -m tests.tools.play_files FILE...        # takes as long as the longest file lasts

Each file is a stream of its own that runs on demand, so its first viewer, ffmpeg, sees it from its first picture. The
line says how many pictures came of those that ffmpeg decodes from the file itself, whether they are the same, how their
times advance and how long they took, and what DESCRIBE, the snapshot, status and metrics say.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

_LONGEST_S: Final = 110
_DEEP: Final = ("-probesize", "50M", "-analyzeduration", "60M")
_DECODED: Final = ("-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The pictures that ffmpeg decoded: presentation times in seconds, and hashes."""

    times_s: tuple[float, ...]
    hashes: tuple[str, ...]


def main(paths: Sequence[str]) -> int:
    """Play every file and print what came of it; a file `NAME@FPS` is played with that `fps`."""
    files = {f"f{number}": path for number, path in enumerate(paths)}
    tables = [_table(name, path) for name, path in files.items()]
    with tempfile.TemporaryDirectory() as folder, running_service("\n".join(tables), is_healthy=False) as service:
        with ThreadPoolExecutor(len(files)) as players:
            for line in players.map(lambda name: _line(service, name, files[name], Path(folder)), files):
                print(line, flush=True)
        for text in service.output.splitlines():
            if "warn" in text.lower():
                print("log:", text)
    return 0


def _table(name: str, path: str) -> str:
    path, _, fps = path.partition("@")
    rate = f"\nfps = {fps}" if fps else ""
    return f'[streams.{name}]\nsource = "file"\npath = "{path}"\non_demand = true{rate}\n'


def _line(service: RunningService, name: str, path: str, folder: Path) -> str:
    path = path.partition("@")[0]
    wanted = _decode([*_DEEP, "-i", path], folder / f"{name}.wanted")
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as player:
        count = str(max(1, len(wanted.hashes)))
        arguments = ["-rtsp_transport", "tcp", "-i", service.rtsp_url(name), "-frames:v", count]
        playing = player.submit(_decode, arguments, folder / f"{name}.shown")
        time.sleep(3)
        described, snapshot = _describe(service, name), service.http(f"/api/v1/streams/{name}/snapshot.jpg")[0]
        shown = playing.result()
    taken_s = time.monotonic() - begun
    status = next(each for each in json.loads(service.http("/api/v1/streams")[1]) if each["name"] == name)
    same = sum(mine == theirs for mine, theirs in zip(shown.hashes, wanted.hashes, strict=False))
    steps = [later - earlier for earlier, later in pairwise(shown.times_s)]
    span = f"steps {min(steps):.3f} to {max(steps):.3f} s" if steps else "no steps"
    return (
        f"{Path(path).name}: {len(shown.hashes)} of {len(wanted.hashes)} pictures, {same} identical, {span}, "
        f"{taken_s:.1f} s; {described}; snapshot {snapshot}; {status.get('encoder_reason')!r} {status.get('reason')!r} "
        f"discarded {status.get('discarded_buffers')}"
    )


def _decode(arguments: Sequence[str], into: Path) -> Decoded:
    with into.open("wb") as hashes:
        command = ["ffmpeg", "-v", "quiet", "-nostdin", "-noautorotate", *arguments, *_DECODED]
        process = subprocess.Popen(command, stdout=hashes)
        try:
            process.wait(_LONGEST_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
    times_s: list[float] = []
    found: list[str] = []
    time_base = 1.0
    for line in into.read_text().splitlines():
        if line.startswith("#tb 0:"):
            numerator, denominator = line.removeprefix("#tb 0:").split("/")
            time_base = int(numerator) / int(denominator)
        elif line and not line.startswith("#"):
            fields = line.split(",")
            times_s.append(int(fields[2]) * time_base)
            found.append(fields[-1].strip())
    return Decoded(tuple(times_s), tuple(found))


def _describe(service: RunningService, name: str) -> str:
    with RtspReader(service.rtsp_url(name)) as reader:
        response = reader.describe()
    body = response.body.decode(errors="replace").splitlines()
    facts = [line for line in body if line.startswith(("b=", "a=framerate", "a=x-dimensions"))]
    return f"DESCRIBE {response.status} {' '.join(facts)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
