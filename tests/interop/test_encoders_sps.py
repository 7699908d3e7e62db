"""The SPS of real encoders gets a bitstream_restriction and keeps everything else, as FFmpeg reads it."""

import re
import subprocess
from base64 import b64decode

import pytest

from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.sps_rewrite import without_reordering
from tests.support.h264_syntax import nal
from tests.support.rtsp.h264_depacketizer import annex_b

PPS = bytes.fromhex("68ce3880")
IDR = bytes.fromhex("658884")
RESTRICTION = re.compile(
    "bitstream_restriction_flag|motion_vectors_over|_denom|log2_max_mv_length|max_num_reorder|max_dec_f"
)
"""The fields that are added, by their names in FFmpeg's trace."""


UNBOUNDED = {
    "UVC camera with a Sonix chip (BlueROV), no VUI": "Z01AKZZUA8ARPyo=",
    "Ingenic T31 (Wyze), mpromonet/v4l2rtspserver#298": "J00AMudAUBf8s1AQEB8AAAMAAQAAAwAoNGAE4gB1N//wKA==",
    "Hikvision, FFmpeg/FFmpeg#181": "Z0IAH5W4PASaEAAAcIAAFfkAQA==",
    "Hikvision recorder, bluenviron/gortsplib#88": "Z00AKpY1QPAET8s3AQEBQAABwgAAV+QB",
    "Dahua, bluenviron/gortsplib#479": "Z2QAKqwsaoHgCJ+WbgoCCoAAAAMAgAAAD0IA",
    "Dahua with scaling lists": (
        "J2QAMq2EBUViuKxUcQgKisVxWKjiECSFITk8nyfk/k/J8nm5s00IEkKQnJ5Pk/J/J+T5PNzZphcqAeAIn5YQAAA+gAAMNQBA"
    ),
    "hardware encoder of a Tegra X1 (SysDVR)": "Z2QMIKwrQCgC3TUBDQHggA==",
}


def traced(sps: bytes) -> list[tuple[str, str]]:
    """What FFmpeg reads in an SPS: the fields' names and bits, in order."""
    command = ["ffmpeg", "-hide_banner", "-f", "h264", "-i", "pipe:", "-c", "copy", "-bsf:v", "trace_headers"]
    done = subprocess.run(
        [*command, "-f", "null", "-"], input=annex_b([sps, PPS, IDR]), capture_output=True, timeout=60, check=False
    )
    sequence = done.stderr.decode().partition("Sequence Parameter Set")[2].partition("Picture Parameter Set")[0]
    assert "rbsp_stop_one_bit" in sequence, "not read to its end"
    fields = re.findall(r"\] \d+ +(\S+) +([01]+) = ", sequence)
    return [(name, bits) for name, bits in fields if not name.startswith("rbsp_")]


def values(fields: list[tuple[str, str]]) -> dict[str, int]:
    """The traced fields of a restriction as numbers; all but the flags are ue(v)."""
    added = {name: bits for name, bits in fields if RESTRICTION.search(name)}
    return {name: int(bits, 2) if name.endswith("flag") else int(bits, 2) - 1 for name, bits in added.items()}


@pytest.mark.parametrize("sprop", UNBOUNDED.values(), ids=UNBOUNDED)
def test_of_cameras(sprop: str) -> None:
    before = b64decode(sprop)
    after = without_reordering(before)
    fields, rewritten = traced(before), traced(after)
    rest = [field for field in rewritten if not RESTRICTION.search(field[0])]
    expected = [field for field in fields if not RESTRICTION.search(field[0])]
    if dict(fields)["vui_parameters_present_flag"] == "0":
        added = ("aspect_ratio_info", "overscan_info", "video_signal_type", "chroma_loc_info", "timing_info")
        more = ("nal_hrd_parameters", "vcl_hrd_parameters", "pic_struct")
        expected = [*expected[:-1], ("vui_parameters_present_flag", "1")]
        expected += [(f"{name}_present_flag", "0") for name in (*added, *more)]
    assert rest == expected
    reference_frames = int(dict(fields)["max_num_ref_frames"], 2) - 1
    assert values(rewritten) == {
        "bitstream_restriction_flag": 1,
        "motion_vectors_over_pic_boundaries_flag": 1,
        "max_bytes_per_pic_denom": 2,
        "max_bits_per_mb_denom": 1,
        "log2_max_mv_length_horizontal": 15,
        "log2_max_mv_length_vertical": 15,
        "max_num_reorder_frames": 0,
        "max_dec_frame_buffering": reference_frames,
    }


@pytest.mark.parametrize(
    "options",
    [
        "bframes=0",
        "bframes=3",
        "interlaced=1:bframes=0",
        "nal-hrd=cbr:vbv-maxrate=900:vbv-bufsize=900",
        "cqm=jvt:ref=4",
    ],
)
def test_of_x264_which_bounds_it_itself(options: str) -> None:
    """Stripped and bounded again, all but the bound is what x264 wrote."""
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360", "-frames:v", "1"]
    encode = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-b:v", "900k", "-x264-params", options, "-f", "h264", "-"]
    data = subprocess.run([*command, *encode], capture_output=True, timeout=60, check=True).stdout
    sps = next(bytes(unit) for unit in split_access_unit(data) if nal_type(unit) == NalType.SPS)
    assert without_reordering(sps) == sps
    kept = [bits for name, bits in traced(sps) if not RESTRICTION.search(name)]
    stripped = nal("".join(kept)[8:] + "0")  # without the header byte
    again = traced(without_reordering(stripped))
    assert [bits for name, bits in again if not RESTRICTION.search(name)] == kept
    assert values(again)["max_num_reorder_frames"] == 0
    assert values(again)["max_dec_frame_buffering"] == int(dict(traced(sps))["max_num_ref_frames"], 2) - 1
