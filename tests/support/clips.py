"""Short clips made by PyAV, for what reads files and what orders their pictures; a plugin of `tests/conftest.py`."""

import os
from fractions import Fraction

import av
import pytest


def gradient(plane, number):
    return bytes((column + number) % 100 + 30 for column in range(plane.line_size)) * plane.height


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory):
    """The function that makes a short clip: the extension says the container."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name, *, frames=20, rate=25, codec="libx264", b_frames=0, gop=10, pix_fmt="yuv420p", x264="", noise=False):
        path = folder / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = 320, 240, pix_fmt
            stream.codec_context.time_base = Fraction(1, rate)
            stream.codec_context.gop_size = gop
            stream.codec_context.max_b_frames = b_frames
            stream.codec_context.thread_count = 1
            if codec == "libx264":
                stream.codec_context.bit_rate = 0  # constant quality: the same pictures in any container
                stream.options = {"sc_threshold": "0", "b_strategy": "0", "preset": "veryfast", "x264-params": x264}
            for number in range(frames):
                picture = av.VideoFrame(320, 240, pix_fmt)
                for plane in picture.planes:
                    plane.update(os.urandom(plane.buffer_size) if noise else gradient(plane, number))
                picture.pts = number
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return str(path)

    return make
