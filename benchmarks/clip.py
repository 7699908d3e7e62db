"""The benchmark's material: ten seconds of 1080p30 H.264 whose bit rate is what it says, made once with PyAV.

Called by `benchmarks.fanout`; `python -m benchmarks.clip` makes it by hand. The picture is moving and noisy so that
the encoder spends every bit it is given: constrained by a VBV, one key frame a second, no B-frames, as a camera sends.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.filter

WIDTH: Final = 1920
HEIGHT: Final = 1080
FPS: Final = 30
DURATION_S: Final = 10
GOP_S: Final = 1
DEFAULT_BITRATE_BPS: Final = 4_000_000
MAX_BITRATE_ERROR: Final = 0.05
"""A clip that misses its bit rate by more is refused: every figure per gigabit would carry the error."""
VBV_S: Final = 0.5
CACHE: Final = Path(__file__).parent / ".cache"


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip on disk and what its packets say of it; `mean_frame_bytes` is one access unit's average."""

    path: Path
    frames: int
    key_frames: int
    mean_frame_bytes: int
    largest_frame_bytes: int
    bitrate_bps: int


def ensure_clip(bitrate_bps: int = DEFAULT_BITRATE_BPS) -> Clip:
    """Return the clip of that bit rate, encoded now if the cache has none; ValueError if it misses its bit rate."""
    path = CACHE / f"{HEIGHT}p{FPS}-{bitrate_bps}bps-1-slice.mp4"
    if not path.exists():
        _encode_to(path, bitrate_bps)
    clip = inspect_clip(path)
    if abs(clip.bitrate_bps - bitrate_bps) > MAX_BITRATE_ERROR * bitrate_bps:
        raise ValueError(f"{path} has {clip.bitrate_bps} bit/s and not {bitrate_bps}: remove it")
    return clip


def repeat(clip: Clip, times: int) -> Clip:
    """Return the clip `times` over in one file, with continuous timestamps, for servers that cannot loop."""
    path = clip.path.with_name(f"{clip.path.stem}-{times}x.mp4")
    if not path.exists():
        with av.open(str(path), "w") as container:
            _copy_to(container, clip.path, times)
    return inspect_clip(path)


def as_byte_stream(clip: Clip) -> Path:
    """Return the clip as an H.264 byte stream (Annex B), for servers that read no MP4."""
    path = clip.path.with_suffix(".264")
    if not path.exists():
        with av.open(str(path), "w", format="h264") as container:
            _copy_to(container, clip.path, 1)
    return path


def _copy_to(container: av.container.OutputContainer, path: Path, times: int) -> None:
    """Write the packets of `path`, `times` over, each a frame's time after the last."""
    with av.open(str(path)) as material:
        stream = container.add_stream_from_template(material.streams.video[0])
    index = 0
    for _ in range(times):
        with av.open(str(path)) as material:
            for packet in material.demux(video=0):
                if packet.size:
                    packet.pts = packet.dts = index
                    packet.time_base, packet.duration, packet.stream = Fraction(1, FPS), 1, stream
                    container.mux(packet)
                    index += 1


def inspect_clip(path: Path) -> Clip:
    """Return the facts of an existing clip, from its packets (nothing is decoded)."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        sizes_bytes = [packet.size for packet in packets]
        key_frames = sum(packet.is_keyframe for packet in packets)
    duration_s = len(packets) / FPS
    return Clip(
        path=path,
        frames=len(packets),
        key_frames=key_frames,
        mean_frame_bytes=sum(sizes_bytes) // len(packets),
        largest_frame_bytes=max(sizes_bytes),
        bitrate_bps=round(sum(sizes_bytes) * 8 / duration_s),
    )


def _encode_to(path: Path, bitrate_bps: int) -> None:
    """Encode beside the target and rename: an interrupted run leaves no half a clip behind."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.mp4")
    try:
        _encode(unfinished, bitrate_bps)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _encode(path: Path, bitrate_bps: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=_encoder_options(bitrate_bps))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = bitrate_bps
        stream.gop_size = GOP_S * FPS
        for index, picture in enumerate(_pictures()):
            container.mux(stream.encode(picture))
            _show_progress(index + 1)
        container.mux(stream.encode(None))


def _encoder_options(bitrate_bps: int) -> dict[str, str]:
    return {
        "preset": "veryfast",
        "tune": "zerolatency",
        "profile": "main",
        "maxrate": str(bitrate_bps),
        "bufsize": str(round(bitrate_bps * VBV_S)),
        "x264-params": "scenecut=0:bframes=0:sliced-threads=0:slices=1",  # one slice, as camera encoders make
    }


def _pictures() -> Iterator[av.VideoFrame]:
    """Yield moving test pictures with fresh noise in each, which no encoder can predict away."""
    graph = av.filter.Graph()
    source = graph.add("testsrc2", f"size={WIDTH}x{HEIGHT}:rate={FPS}:duration={DURATION_S}")
    noise = graph.add("noise", "alls=12:allf=t")
    pixels = graph.add("format", "pix_fmts=yuv420p")
    sink = graph.add("buffersink")
    graph.link_nodes(source, noise, pixels, sink).configure()
    for index in range(DURATION_S * FPS):
        picture = graph.vpull()
        picture.pts, picture.time_base = index, Fraction(1, FPS)
        picture.pict_type = av.video.frame.PictureType.NONE
        yield picture


def _show_progress(frames: int) -> None:
    if frames % FPS == 0:
        print(f"encoding the clip: {frames} of {DURATION_S * FPS} frames", file=sys.stderr, flush=True)


def main() -> None:
    """Make the clip and print what it is."""
    parser = argparse.ArgumentParser(description="Make the benchmark's clip.")
    parser.add_argument("--bitrate-bps", type=int, default=DEFAULT_BITRATE_BPS)
    print(ensure_clip(parser.parse_args().bitrate_bps))


if __name__ == "__main__":
    main()
