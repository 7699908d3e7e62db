"""A player made of PyAV, as a program: prints each decoded picture's presentation time and frame number.

    python -m tests.support.pyav_player URL TRANSPORT PICTURES

A line a picture: seconds (or `N/A`) and the number that the test pattern's upper strip shows. Everything that FFmpeg
complains of, damaged pictures included, goes to standard error. Run by `tests.support.players`.
"""

import sys
from itertools import islice
from typing import Final

import av
import av.logging

from tests.support.frame_number import read_frame_number

OPEN_AND_READ_TIMEOUT_S: Final = 10.0


def play(url: str, transport: str, pictures: int) -> None:
    """Decode that many pictures, fewer when the stream ends; av.FFmpegError when it falls silent."""
    with av.open(url, options={"rtsp_transport": transport}, timeout=OPEN_AND_READ_TIMEOUT_S) as container:
        for number, picture in enumerate(islice(container.decode(video=0), pictures)):
            if picture.is_corrupt:
                print(f"picture {number} is damaged", file=sys.stderr)
            print("N/A" if picture.time is None else f"{picture.time:.6f}", read_frame_number(picture), flush=True)


if __name__ == "__main__":
    av.logging.restore_default_callback()
    av.logging.set_level(av.logging.WARNING)
    play(sys.argv[1], sys.argv[2], int(sys.argv[3]))
