"""What a viewer measures of a stream: its rates, its size, and what a picture file is. Called by the camera's tests."""

import json
import subprocess
from pathlib import Path
from typing import Final

from tests.support.rtsp.reader import RtspReader

FFPROBE_TIMEOUT_S: Final = 20.0


def bitrate_bps(url: str, seconds: float) -> float:
    """Return the media's rate over that time, RTP's headers left out, whole key-frame intervals or not."""
    with RtspReader(url, "tcp") as reader:
        reader.start()
        received_bits = sum(
            8 * len(packet.payload) for packet in reader.packets(seconds=seconds) if packet.kind == "rtp"
        )
        reader.teardown()
    return received_bits / seconds


def frame_rate_hz(url: str, seconds: float) -> float:
    """Return how many access units a second come, by their time stamps."""
    with RtspReader(url, "tcp") as reader:
        reader.start()
        times = [packet.rtp_timestamp for packet in reader.packets(seconds=seconds) if _ends_frame(packet)]
        reader.teardown()
    return (len(times) - 1) / ((times[-1] - times[0]) % (1 << 32) / 90_000)


def stream_size(url: str) -> tuple[int, int]:
    """Return width and height as ffprobe finds them in a stream."""
    return _probed_size("-rtsp_transport", "tcp", url)


def picture_size(jpeg: bytes, folder: Path) -> tuple[int, int]:
    """Return width and height of a JPEG file as ffprobe finds them."""
    path = folder / "snapshot.jpg"
    path.write_bytes(jpeg)
    return _probed_size(str(path))


def _ends_frame(packet) -> bool:
    return packet.kind == "rtp" and packet.has_marker


def _probed_size(*source: str) -> tuple[int, int]:
    asked = ["-select_streams", "v", "-show_entries", "stream=width,height", "-of", "json"]
    command = ["ffprobe", "-hide_banner", "-v", "error", *asked, *source]
    found = subprocess.run(command, capture_output=True, check=True, timeout=FFPROBE_TIMEOUT_S).stdout
    (stream,) = json.loads(found)["streams"]
    return stream["width"], stream["height"]
