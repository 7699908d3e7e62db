"""A viewer that joins at any instant has a picture at once: containers, start points, lengths of a group, ways out.

The streams are encoded here: IDR pictures, open groups of pictures (recovery points), and intra refresh (recovery
points after which the picture becomes whole by and by). FFmpeg decodes what a viewer gets, from its first byte, and the
first picture that it shows has to be one of the film.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import md5
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final

import av
import pytest

from tests.support.browser.live_recorder import LiveRecorder, watch
from tests.support.hiccups import until_calm
from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.reader import MediaPacket, RtspReader
from tests.support.service import RunningService, running_service

FIRST_PICTURE_LIMIT_S: Final = 1.5
FRAME_RATE_HZ: Final = 10
FILM_S: Final = 51
IDR: Final = 5  # nal_unit_type
WIDTH, HEIGHT = 160, 96  # ten macroblocks wide: intra refresh takes ten frames, one second
JOINED_AFTER_S: Final = (0.5, 4.0, 12.0)
_X264: Final = {
    "idr": "bframes=0:min-keyint={gop}",
    "open": "bframes=2:b-adapt=0:open-gop=1:min-keyint=1",
    "refresh": "bframes=0:intra-refresh=1",
}


@dataclass(frozen=True)
class Case:
    """One stream: its container, what its groups start with, and how long they are."""

    container: str
    start: str
    group_s: int

    @property
    def name(self) -> str:
        return f"{self.container}-{self.start}-{self.group_s}"


CASES: Final = (
    *(Case(container, start, 25) for container in ("mp4", "mkv", "ts") for start in ("idr", "open")),
    *(Case(container, "refresh", 10) for container in ("mp4", "mkv", "ts", "h264")),
    Case("h264", "idr", 25),
    *(Case("mp4", "idr", group_s) for group_s in (1, 10)),
    *(Case("ts", "open", group_s) for group_s in (1, 10)),
    Case("mkv", "refresh", 1),
)


def encode(case: Case, folder: Path) -> Path:
    """Make the film: noise over a moving picture, so that each frame has some thousand bytes and is like no other."""
    path = folder / f"{case.name}.{case.container}"
    gop = case.group_s * FRAME_RATE_HZ
    source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE_HZ}:duration={FILM_S},noise=alls=12:allf=t"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    if case.start == "open":  # a film begins with an IDR: only its second group begins with a recovery point
        command += ["-force_key_frames", "1"]
    parameters = f"keyint={gop}:scenecut=0:threads=1:{_X264[case.start].format(gop=gop)}"
    command += ["-preset", "veryfast", "-crf", "24", "-x264-params", parameters, str(path)]
    subprocess.run(command, timeout=120, check=True)
    return path


def pixels(picture: av.VideoFrame) -> bytes:
    """Return what tells a picture from another: its brightness, of every pixel."""
    plane = picture.planes[0]
    rows = bytes(plane)
    return md5(b"".join(rows[at : at + WIDTH] for at in range(0, len(rows), plane.line_size))).digest()


def pictures_of(path: Path) -> set[bytes]:
    """Return every picture of a film."""
    with av.open(str(path)) as film:
        return {pixels(picture) for picture in film.decode(video=0)}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Path]:
    folder = tmp_path_factory.mktemp("films")
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CASES, pool.map(lambda case: encode(case, folder), CASES), strict=True))


@pytest.fixture(scope="module")
def service(films: dict[Case, Path]) -> Iterator[RunningService]:
    tables = [f'[streams.{case.name}]\nsource = "file"\npath = "{path}"' for case, path in films.items()]
    places = "[rtsp]\nmax_sessions = 128\nmax_sessions_per_address = 128"
    with running_service("\n\n".join([places, *tables])) as running:
        yield running


# --- what a viewer sees first


@dataclass(frozen=True)
class Seen:
    """The first picture that a viewer shows, and how long after PLAY (or the handshake) it has it."""

    case: Case
    way: str
    picture: av.VideoFrame
    after_s: float
    begins_with_idr: bool | None = None  # unknown of a page


def whole_units(packets: list[MediaPacket]) -> list[list[bytes]]:
    """Return the access units that are whole; AssertionError where a packet is missing."""
    media = [packet for packet in packets if packet.kind == "rtp"]
    ends = [index for index, packet in enumerate(media) if packet.has_marker]
    return access_units(packet.data for packet in media[: ends[-1] + 1]) if ends else []


def by_rtsp(service: RunningService, case: Case, transport: str) -> Seen:
    with RtspReader(service.rtsp_url(case.name), transport) as reader:
        reader.describe()
        assert reader.setup().status == 200
        asked_now = time.monotonic()
        reader.play()
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        packets: list[MediaPacket] = []
        decoded = 0
        for packet in reader.packets(seconds=10):
            packets.append(packet)
            units = whole_units(packets) if packet.kind == "rtp" and packet.has_marker else []
            for unit in units[decoded:]:
                pictures = decoder.decode(av.Packet(annex_b(unit)))
                if pictures:
                    begins_with_idr = any(nal[0] & 31 == IDR for nal in units[0])
                    return Seen(case, transport, pictures[0], packet.arrived - asked_now, begins_with_idr)
            decoded = max(decoded, len(units))
    raise AssertionError(f"{case.name} over {transport}: no picture in 10 s")


def by_page(service: RunningService, case: Case) -> Seen:
    shown: list[av.VideoFrame] = []
    with LiveRecorder(service, case.name) as recorder:

        def has_picture() -> bool:
            if recorder.browser.fragments:
                with av.open(BytesIO(recorder.browser.file)) as film:
                    shown.extend(islice(film.decode(video=0), 1))
            return bool(shown)

        watch(recorder, until=has_picture)
        return Seen(case, "page", shown[0], recorder.arrived[-1] - recorder.opened_at)


def join_all(service: RunningService) -> list[Seen]:
    """Join every stream in every way, all about the same time."""
    joins: list[Callable[[], Seen]] = [
        join
        for case in CASES
        for join in (
            partial(by_rtsp, service, case, "tcp"),
            partial(by_rtsp, service, case, "udp"),
            partial(by_page, service, case),
        )
    ]
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(lambda join: join(), joins))


def test_a_viewer_has_a_picture_at_once_whenever_it_joins(films: dict[Case, Path], service: RunningService) -> None:
    references = {case: pictures_of(path) for case, path in films.items()}
    began_now = time.monotonic()
    seen: list[Seen] = []
    for after_s in JOINED_AFTER_S:
        time.sleep(max(0.0, began_now + after_s - time.monotonic()))
        seen += until_calm(lambda: join_all(service), limit_s=0.2)
    late = [(each.case.name, each.way, round(each.after_s, 2)) for each in seen if each.after_s > FIRST_PICTURE_LIMIT_S]
    assert not late
    damaged = [(each.case.name, each.way) for each in seen if pixels(each.picture) not in references[each.case]]
    assert not damaged
    for case in CASES:
        starts = {each.begins_with_idr for each in seen if each.case == case and each.way != "page"}
        assert (False in starts) == (case.start != "idr"), f"{case.name} began with {starts}"
