"""What x264 really writes goes through splitting, preparing and packetizing, and comes back NAL unit by NAL unit."""

from fractions import Fraction

import av
import pytest

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSetStore
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.protocol.rtp.packets import MAX_PACKET_BYTES
from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.rtp import RtpPacket

WIDTH, HEIGHT, FRAMES = 318, 190, 7
DROPPED = (NalType.ACCESS_UNIT_DELIMITER, NalType.END_OF_SEQUENCE, NalType.END_OF_STREAM, NalType.FILLER)


def x264(params: str, *, global_header: bool = False) -> tuple[list[bytes], bytes]:
    """Return FRAMES access units in Annex B, and the encoder's extradata."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(25), Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"keyint=3:threads=1:{params}"}
    if global_header:
        encoder.flags |= av.codec.context.Flags.global_header
    units = [bytes(packet) for index in range(FRAMES) for packet in encoder.encode(noisy_picture(index))]
    return units + [bytes(packet) for packet in encoder.encode(None)], bytes(encoder.extradata or b"")


def noisy_picture(index: int) -> av.VideoFrame:
    picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in picture.planes:
        plane.update(bytes((5 * at + 11 * index + (at >> 6) ** 2) & 0xFF for at in range(plane.buffer_size)))
    picture.pts = index
    return picture


def sent_nal_units(units: list[bytes], store: ParameterSetStore | None = None) -> list[list[bytes]]:
    """Return each access unit's NAL units after their way through the network."""
    store = store or ParameterSetStore()
    line = H264Packetizer(ssrc=7, first_sequence=65_500)
    packets: list[bytes] = []
    for index, unit in enumerate(units):
        nal_units, _may_start = prepare_access_unit(unit, store)
        packets += line.packetize(nal_units, 3600 * index).packets()
    assert max(map(len, packets)) <= MAX_PACKET_BYTES
    assert sum(RtpPacket.parse(packet).marker for packet in packets) == FRAMES
    return access_units(packets)


@pytest.mark.parametrize(
    "params",
    [
        "slices=1",
        "slices=4:sliced-threads=0",
        "slices=4:sliced-threads=0:aud=1",
        "slice-max-size=900",
        "bitrate=20000:vbv-maxrate=20000:vbv-bufsize=2000:nal-hrd=cbr",
    ],
)
def test_every_nal_unit_comes_back(params: str) -> None:
    units, _extradata = x264(params)
    expected = [[bytes(nal) for nal in split_access_unit(unit) if nal_type(nal) not in DROPPED] for unit in units]
    assert sent_nal_units(units) == expected


def test_x264_writes_what_these_cases_say() -> None:
    """Otherwise the cases above test less than they claim."""
    sliced, _extradata = x264("slices=4:sliced-threads=0:aud=1")
    assert [nal_type(nal) for nal in split_access_unit(sliced[0])] == [9, 7, 8, 6, 5, 5, 5, 5]
    padded, _extradata = x264("bitrate=20000:vbv-maxrate=20000:vbv-bufsize=2000:nal-hrd=cbr")
    assert any(nal_type(nal) == NalType.FILLER for unit in padded for nal in split_access_unit(unit))


def test_key_frames_get_the_parameter_sets_that_the_encoder_left_out() -> None:
    units, extradata = x264("slices=2:sliced-threads=0", global_header=True)
    headers = split_access_unit(extradata)
    store = ParameterSetStore()
    known = store.take(headers)
    assert known is not None
    sent = sent_nal_units(units, store)
    for unit, nal_units in zip(units, sent, strict=True):
        slices = [bytes(nal) for nal in split_access_unit(unit)]
        leading = [*known.sps, *known.pps] if nal_type(slices[-1]) == NalType.IDR_SLICE else []
        assert nal_units == leading + slices
    assert sum(nal_units[0] == known.sps[0] for nal_units in sent) == 3  # key frames: 0, 3, 6


def test_what_comes_back_can_be_decoded() -> None:
    units, _extradata = x264("slices=4:sliced-threads=0:aud=1")
    decoder = av.CodecContext.create("h264", "r")
    pictures = [
        picture for nal_units in sent_nal_units(units) for picture in decoder.decode(av.Packet(annex_b(nal_units)))
    ]
    pictures += decoder.decode(None)
    assert [(picture.width, picture.height) for picture in pictures] == [(WIDTH, HEIGHT)] * FRAMES


def test_parameter_sets_state_what_was_encoded() -> None:
    units, _extradata = x264("slices=1")
    parameter_sets = ParameterSetStore().take(split_access_unit(units[0]))
    assert parameter_sets is not None
    video_format = parameter_sets.video_format
    assert (video_format.width, video_format.height) == (WIDTH, HEIGHT)
