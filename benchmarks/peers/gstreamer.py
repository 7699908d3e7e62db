"""gst-rtsp-server beside us, from the machine's own Debian packages. Called by `benchmarks.servers`."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PROGRAM: Final = Path(__file__).with_name("gstreamer_shared.py")
PYTHON: Final = "/usr/bin/python3"
"""The distribution's, whose packages have the bindings; a virtual environment does not see them."""
_TRY: Final = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
)


def missing() -> str:
    """Return why this machine cannot run gst-rtsp-server, and what to do; empty when it can."""
    done = subprocess.run([PYTHON, "-c", _TRY], capture_output=True, check=False)
    if done.returncode == 0:
        return ""
    return "gst-rtsp-server needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi: apt install both"


def version() -> str:
    """Return GStreamer's version."""
    said = subprocess.run(
        [PYTHON, "-c", f"{_TRY}print(Gst.version_string())"], capture_output=True, text=True, check=True
    )
    return said.stdout.split()[-1]


def command(clip_mp4: Path, port: int) -> Sequence[str]:
    """Return what serves `clip_mp4` on `port`."""
    return (PYTHON, str(PROGRAM), str(clip_mp4), str(port))
