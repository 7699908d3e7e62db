"""An SPS gets a bitstream_restriction and keeps everything else; tests/interop/test_encoders_sps.py asks FFmpeg."""

import re
from base64 import b64decode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_streamer.codec.h264.bits import without_emulation_prevention
from edge_streamer.codec.h264.sps import MAX_SPS_ID, parse_sps
from edge_streamer.codec.h264.sps_rewrite import without_reordering
from tests.support.h264_syntax import Sps, nal, se, u, ue

EMPTY_VUI = "1" + "0" * 8
BOUNDED = {
    "Raspberry Pi 4, bcm2835-codec, RPi-Distro/ffmpeg#10": "J2QAKKwrQDwBE/LCAAADAAIAAAMAecFABhqAAL683vcA8SJq",
    "Axis, meetecho/janus-gateway#849": "Z0IAKeKQCgDLYC3AQEBpB4kRUA==",
}


def restriction(reference_frames: int) -> str:
    """The fields of E.1.1 as they are to be: nothing restricted but the order."""
    return "11" + ue(2, 1, 15, 15, 0, reference_frames)


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


@pytest.mark.parametrize("sprop", BOUNDED.values(), ids=BOUNDED)
def test_of_encoders_that_bound_it_themselves(sprop: str) -> None:
    assert without_reordering(b64decode(sprop)) == b64decode(sprop)
