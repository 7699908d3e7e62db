"""A link that carries 60 % of the stream, for ever: the reader is ended, or it gets whole frames with holes between.

`slow_readers = "end"` is the default; `"skip"` drops whole frames up to a key frame. Both run at once, of one file.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.support.netns.client import Measured
from tests.support.netns.clips import average_bps
from tests.support.netns.namespaces import laboratory
from tests.support.netns.readers import reader_process
from tests.support.netns.service import Ending, config_of, service_in
from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.tools.reliability_report import record

LINK_SHARE = 0.6
PLAY_S = 60.0
STREAMS = {"end": "ends", "skip": "skips"}
IDR = 5
SKIPPING = '[streams.skips]\nsource = "file"\npath = "{path}"\nslow_readers = "skip"\n'


@dataclass(slots=True)
class SlowLink:
    """What became of the two readers."""

    measured: dict[str, Measured]
    endings: dict[str, list[Ending]]
    packets: list[bytes]  # what the skipping reader got
    sent_frames: float
    discarded_frames: float


@pytest.fixture(scope="module")
def slow(clips: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowLink]:
    path, dump = clips["mbit2"], tmp_path_factory.mktemp("slow-link") / "skips.rtp"
    config = config_of({"ends": path}, more=SKIPPING.format(path=path))
    with laboratory() as lab, service_in(lab, config) as service, ExitStack() as stack:
        ports = {mode: lab.add_reader() for mode in STREAMS}
        readers = {mode: stack.enter_context(reader_process(port)) for mode, port in ports.items()}
        for mode, stream in STREAMS.items():
            lab.limit_rate(ports[mode], LINK_SHARE * average_bps(path))
            readers[mode].open("it", url=service.rtsp_url(stream), dump_path=str(dump) if mode == "skip" else "")
        time.sleep(PLAY_S)
        metrics = service.metrics()
        endings = {mode: [e for e in service.endings() if e.address == port.address] for mode, port in ports.items()}
        measured = {mode: reader.report("it", "forget") for mode, reader in readers.items()}
        sent_frames = metrics['edge_streamer_source_frames_total{stream="skips"}']
        discarded = metrics['edge_streamer_discarded_frames_total{transport="tcp"}']
        yield SlowLink(measured, endings, read_packets(dump), sent_frames, discarded)


def read_packets(dump: Path) -> list[bytes]:
    data, packets = dump.read_bytes(), []
    while data:
        size = int.from_bytes(data[:2])
        packets.append(data[2 : 2 + size])
        data = data[2 + size :]
    return packets


def contiguous_runs(packets: list[bytes]) -> list[list[bytes]]:
    """Cut where a sequence number is missing; what follows the last frame's end was still under way."""
    runs = [packets[:1]]
    for before, packet in pairwise(packets):
        if int.from_bytes(packet[2:4]) != (int.from_bytes(before[2:4]) + 1) % 65536:
            runs.append([])
        runs[-1].append(packet)
    while runs[-1] and not runs[-1][-1][1] & 0x80:
        runs[-1].pop()
    return [run for run in runs if run]


def test_the_default_ends_the_reader_for_its_backlog(slow: SlowLink):
    [ending] = slow.endings["end"] or [None]
    assert ending is not None, "it plays on"
    measured = slow.measured["end"]
    after_s = measured.ended_at - measured.first_packet_at
    record(
        "slow_link",
        "end",
        f"ended after {after_s:.0f} s, reason `{ending.reason}`, {len(measured.gaps)} gaps until then",
    )
    assert ending.reason == "backlog"
    assert not measured.gaps


def test_skipping_keeps_the_reader(slow: SlowLink):
    measured = slow.measured["skip"]
    assert not slow.endings["skip"]
    assert measured.last_packet_at - measured.first_packet_at > PLAY_S - 3
    assert slow.discarded_frames > 0


def test_skipping_never_delivers_part_of_a_frame(slow: SlowLink):
    """`access_units` fails on a frame without its beginning or its end; only a key frame may follow a hole."""
    for run in contiguous_runs(slow.packets):
        units = access_units(run)
        assert IDR in {nal[0] & 31 for nal in units[0]}, "a hole is followed by a frame that needs what is missing"


def test_every_delivered_frame_decodes(slow: SlowLink):
    units = [unit for run in contiguous_runs(slow.packets) for unit in access_units(run)]
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"err_detect": "explode"}
    decoded = sum(len(decoder.decode(av.Packet(annex_b(unit)))) for unit in units) + len(decoder.decode(None))
    share = decoded / slow.sent_frames
    holes = len(slow.measured["skip"].gaps)
    record("slow_link", "skip", f"played {PLAY_S:.0f} s: {decoded} frames ({share:.0%}), {holes} holes, all decoded")
    assert decoded == len(units)
    assert share > LINK_SHARE / 2
