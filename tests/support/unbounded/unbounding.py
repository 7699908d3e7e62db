"""Takes the bitstream_restriction out of an SPS: a stand-in for encoders that never wrote one."""

from edge_streamer.codec.h264.bits import BitWriter, with_emulation_prevention
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.sps import parameter_set_reader, read_up_to_vui
from edge_streamer.codec.h264.sps_rewrite import skip_vui
from tests.support.rtsp.h264_depacketizer import annex_b


def unbounded_access_unit(data: bytes) -> bytes:
    """Return an access unit with no restriction in its SPS."""
    units = [bytes(unit) for unit in split_access_unit(data)]
    return annex_b(unbounded(unit) if nal_type(unit) == NalType.SPS else unit for unit in units)


def unbounded(sps: bytes) -> bytes:
    """Return an SPS that has a VUI, without restriction."""
    reader = parameter_set_reader(sps)
    read_up_to_vui(reader)
    assert reader.flag(), "vui_parameters_present_flag"
    skip_vui(reader)
    writer = BitWriter(*reader.consumed)
    writer.bits(0, 1)
    return sps[:1] + with_emulation_prevention(writer.rbsp())
