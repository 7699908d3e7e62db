"""An SPS gets a bitstream_restriction and keeps everything else: made bit by bit, of encoders, read by FFmpeg."""

import re
import subprocess
from base64 import b64decode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_streamer.codec.h264.bits import without_emulation_prevention
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.sps import MAX_SPS_ID, parse_sps
from edge_streamer.codec.h264.sps_rewrite import SpsRewriter, without_reordering
from tests.support.h264_syntax import Sps, nal, se, u, ue
from tests.support.rtsp.h264_depacketizer import annex_b

PPS = bytes.fromhex("68ce3880")
IDR = bytes.fromhex("658884")
EMPTY_VUI = "1" + "0" * 8
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
BOUNDED = {
    "Raspberry Pi 4, bcm2835-codec, RPi-Distro/ffmpeg#10": "J2QAKKwrQDwBE/LCAAADAAIAAAMAecFABhqAAL683vcA8SJq",
    "Axis, meetecho/janus-gateway#849": "Z0IAKeKQCgDLYC3AQEBpB4kRUA==",
}


def restriction(reference_frames: int) -> str:
    """The fields of E.1.1 as they are to be: nothing restricted but the order."""
    return "11" + ue(2, 1, 15, 15, 0, reference_frames)


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


# --- bit by bit


@st.composite
def hrds(draw: st.DrawFn) -> str:
    if not draw(st.booleans()):
        return "0"
    count = draw(st.integers(1, 3))
    rates = "".join(ue(draw(st.integers(0, 2**20)), draw(st.integers(0, 2**32 - 2))) + "1" for _ in range(count))
    return "1" + ue(count - 1) + "0100" + "0010" + rates + u(draw(st.integers(0, 2**20 - 1)), 20)


@st.composite
def vuis(draw: st.DrawFn) -> str:
    """A VUI up to bitstream_restriction_flag, with or without each of its parts."""

    def part(*choices: str) -> str:
        return draw(st.sampled_from(["0", *choices]))

    aspect = part("1" + u(1, 8), "1" + u(255, 8) + u(draw(st.integers(0, 2**32 - 1)), 32))
    signal = part("1" + "101" + "0" + "0", "1" + "101" + "1" + "1" + u(draw(st.integers(0, 2**24 - 1)), 24))
    timing = part("1" + u(1, 32) + u(draw(st.integers(0, 2**32 - 1)), 32) + "1")
    nal_hrd, vcl_hrd = draw(hrds()), draw(hrds())
    low_delay = "1" if (nal_hrd + vcl_hrd) != "00" else ""
    return (
        aspect + part("10", "11") + signal + part("1" + ue(0, 5)) + timing + nal_hrd + vcl_hrd + low_delay + part("1")
    )


@st.composite
def parameter_sets(draw: st.DrawFn) -> Sps:
    """Any SPS but for its VUI."""
    profile_idc = draw(st.sampled_from([66, 77, 88, 100, 110, 122, 244, 44, 83, 118]))
    chroma = ""
    if profile_idc not in (66, 77, 88):
        scaling = draw(st.sampled_from(["0", "1" + "0" * 8, "1" + ("1" + se(1) * 16) + "0" * 7]))
        chroma = ue(1, draw(st.integers(0, 6)), 0) + "0" + scaling
    cycle = [draw(st.integers(-(2**16), 2**16)) for _ in range(draw(st.integers(0, 3)))]
    order = draw(
        st.sampled_from([ue(0, 4), ue(1) + "0" + se(-1) + se(0) + ue(len(cycle)) + "".join(map(se, cycle)), ue(2)])
    )
    return Sps(
        profile_idc=profile_idc,
        level_idc=draw(st.sampled_from([10, 31, 40, 51])),
        own_id=draw(st.integers(0, MAX_SPS_ID)),
        chroma=chroma,
        log2_max_frame_num_minus4=draw(st.integers(0, 12)),
        order=order,
        reference_frames=draw(st.integers(0, 16)),
        width_mbs=draw(st.integers(1, 256)),
        height_map_units=draw(st.integers(1, 128)),
        frame_mbs_only=draw(st.sampled_from(["1", "00", "01"])),
        crop=draw(st.sampled_from(["0", "1" + ue(0, 1, 1, 2)])),
    )


def with_vui(sps: Sps, vui: str) -> bytes:
    return Sps(**{name: getattr(sps, name) for name in Sps.__dataclass_fields__} | {"vui": vui}).encoded()


@given(parameter_sets(), st.none() | vuis())
@example(Sps(), EMPTY_VUI[1:])
def test_the_restriction_is_all_that_is_added(sps: Sps, vui: str | None) -> None:
    before = with_vui(sps, "0" if vui is None else "1" + vui + "0")
    after = without_reordering(before)
    assert after == with_vui(sps, (EMPTY_VUI if vui is None else "1" + vui) + restriction(sps.reference_frames))
    assert parse_sps(after) == parse_sps(before)
    assert without_reordering(after) == after


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@example(0, 0)
@example(1, 2)
def test_zeros_in_it_never_look_like_a_start_code(ticks: int, scale: int) -> None:
    before = Sps(vui="1" + "0000" + "1" + u(ticks, 32) + u(scale, 32) + "0" + "000" + "0").encoded()
    after = without_reordering(before)
    assert not re.search(rb"\0\0[\0-\2]", after)
    assert not after.endswith(b"\0")
    assert after == nal(bits_of(before) + restriction(1))


def bits_of(sps: bytes) -> str:
    """The bits of an SPS up to, but without, a bitstream_restriction_flag of 0 and the trailing bits."""
    bits = "".join(f"{byte:08b}" for byte in without_emulation_prevention(sps[1:]))
    return bits[: bits.rindex("1") - 1]


@pytest.mark.parametrize(
    "sps",
    [
        Sps(vui=EMPTY_VUI + restriction(1)).encoded(),
        Sps(vui=EMPTY_VUI + "11" + ue(2, 1, 15, 15, 2, 4)).encoded(),  # it reorders, and says so
        Sps(vui="0" + "1").encoded(),  # something behind the end
        Sps(vui=EMPTY_VUI + "0" + "01").encoded(),
        Sps(profile_idc=67).encoded(),  # no profile: the fields may be others
        Sps(vui="1" + "0" * 5 + "1" + ue(32)).encoded(),  # 33 buffers
        Sps(vui="1" + "0" * 3 + "1" + ue(6)).encoded(),
        Sps().encoded()[:-1],
        Sps(vui="1").encoded(),
        b"\x67\x42",
        b"\x67" + bytes(5000),
    ],
)
def test_what_is_bounded_already_or_not_understood_stays(sps: bytes) -> None:
    assert without_reordering(sps) is sps


# --- of encoders, with FFmpeg as the oracle


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


@pytest.mark.parametrize("sprop", BOUNDED.values(), ids=BOUNDED)
def test_of_encoders_that_bound_it_themselves(sprop: str) -> None:
    assert without_reordering(b64decode(sprop)) == b64decode(sprop)


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


# --- once for each


def test_a_repeated_sps_is_rewritten_once() -> None:
    rewriter, before = SpsRewriter(), Sps().encoded()
    first = rewriter.rewrite(memoryview(b"\0" + before)[1:])
    assert first == without_reordering(before)
    assert rewriter.rewrite(memoryview(before)) is first


def test_it_remembers_as_many_as_there_can_be_and_no_more() -> None:
    rewriter = SpsRewriter()
    all_ids = [rewriter.rewrite(Sps(own_id=own_id).encoded()) for own_id in range(MAX_SPS_ID + 1)]
    assert rewriter.rewrite(Sps().encoded()) is all_ids[0]
    rewriter.rewrite(Sps(level_idc=40).encoded())
    assert rewriter.rewrite(Sps().encoded()) is not all_ids[0]
