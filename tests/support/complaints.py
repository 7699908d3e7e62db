"""What a tool has written to standard error, without what has nothing to do with its task.

A loader, a locale, a plugin scan on a machine where GStreamer was never started: they all write there. Only what a part
of the tool says of the media counts. Called by whatever judges players.
"""

import re
from typing import Final

_OF_FFMPEG: Final = re.compile(r"\[[^]]+ @ 0x[0-9a-f]+\] ")
"""FFmpeg names the demuxer, decoder or muxer that speaks: `[h264 @ 0x55d0c8a3f2c0] error while decoding MB 3 7`."""
_OF_GST_LAUNCH: Final = re.compile(r"(ERROR|WARNING): ")
"""gst-launch-1.0 shows errors and warnings from the pipeline's bus, and those of building the pipeline."""
_DEBUG_LINE: Final = re.compile(
    r"\d+:\d\d:\d\d\.\d+ +\d+ 0x[0-9a-f]+ (?:ERROR|WARN) +(?P<category>\S+) \S*?:\d+:[^:]*:(?:<(?P<object>[^>]*)>)?"
)
"""Time, process, thread, level, category, file:line:function and, where an object speaks, its name."""
_LOADED: Final = re.compile(r"(?:plugin|registry)\d+")


def ffmpeg_complaints(stderr: str) -> list[str]:
    """Return the lines in which a part of FFmpeg complains; run it with `-v warning`."""
    return [line for line in stderr.splitlines() if _OF_FFMPEG.match(line)]


def gstreamer_complaints(stderr: str) -> list[str]:
    """Return the lines in which an element, or a decoder inside of one, complains; run it with GST_DEBUG=2, no colour.

    While plugins are looked for, no element is there yet: what speaks is the plugin, the registry or nothing.
    """
    return [line for line in stderr.splitlines() if _OF_GST_LAUNCH.match(line) or _is_of_an_element(line)]


def _is_of_an_element(line: str) -> bool:
    found = _DEBUG_LINE.match(line)
    if found is None:
        return False
    if found["category"] == "libav":  # FFmpeg inside of avdec_h264 knows no element
        return True
    return bool(found["object"]) and not _LOADED.fullmatch(found["object"])
