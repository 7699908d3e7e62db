"""Snapshots of an imagined service, for everything that is made from one."""

import math
from dataclasses import replace

import msgspec

from edge_streamer.services.status import Histogram, ServiceStatus, SessionStatus, StreamStatus

HANDOFF = Histogram(bounds_s=(0.001, 0.01, 0.1, math.inf), counts=(1, 4, 9, 10), sum_s=0.75)
CAPTURE = Histogram(bounds_s=(0.05, 0.1, math.inf), counts=(5, 8, 8), sum_s=0.4)
FIRST_FRAME = Histogram(bounds_s=(1.0, 5.0, math.inf), counts=(1, 2, 2), sum_s=2.5)
TURNS = Histogram(bounds_s=(0.005, 1.0, math.inf), counts=(100, 120, 120), sum_s=0.5)


def a_session(slot: int = 0, **changes: object) -> SessionStatus:
    session = SessionStatus(
        session_id=f"5E55{slot:04X}",
        slot=slot,
        stream="main",
        peer_ip=f"192.0.2.{slot}",
        transport="tcp",
        client="vlc",
        state="playing",
        started_wall_s=1_700_000_000.0,
        sent_bytes=100_000,
        slot_sent_bytes=3_000_000_000 + slot,
        slot_discarded_frames=7,
        backlog_bytes=16_700,
        backlog_s=0.25,
        write_budget_bytes=2_000_896,
    )
    return msgspec.structs.replace(session, **changes)


def a_reporting_session(slot: int = 0) -> SessionStatus:
    """A session whose reader has sent RTCP reports, and of which the kernel knows all."""
    return a_session(
        slot,
        fraction_lost_ratio=0.015625,
        jitter_s=0.002,
        round_trip_s=0.031,
        slot_retransmits=12,
        oldest_unsent_s=0.125,
        kernel_round_trip_s=0.0155,
        retransmits=2,
        unacknowledged_bytes=4380,
        delivery_bps=8_000_000.0,
    )


def a_stream(name: str = "main", **changes: object) -> StreamStatus:
    stream = StreamStatus(
        name=name,
        source_kind="testpattern",
        encoder="libx264",
        encoder_reason="no hardware encoder",
        camera="imx708",
        width=1280,
        height=720,
        nominal_fps=30.0,
        bitrate_bps=1_900_000,
        can_set_bitrate=True,
        can_set_fps=False,
        link_bitrate_bps=2_000_000,
        write_budget_bytes=2_000_896,
        is_up=True,
        is_wanted=True,
        is_failing=False,
        reason="",
        viewers=1,
        frames=900,
        key_frames=15,
        bytes=7_500_000,
        dropped_frames=0,
        discarded_buffers={},
        restarts={},
        last_frame_wall_s=1_700_000_030.5,
        last_frame_age_s=0.0125,
        frame_handoff=HANDOFF,
        key_frame_interval_s=2.0,
        start_cache_bytes=500_000,
        start_cache_overflows=2,
    )
    return replace(stream, **changes)


def a_status(**changes: object) -> ServiceStatus:
    status = ServiceStatus(
        started_wall_s=1_699_999_000.0,
        sessions=(),
        streams=(a_stream("main"), a_stream("sub", width=640, height=360, nominal_fps=15.0)),
        sessions_limit=16,
        write_budget_s=8.0,
        worst_turn_s=0.0125,
        loop_turns=TURNS,
        capture_to_send=CAPTURE,
        time_to_first_frame=FIRST_FRAME,
    )
    return replace(status, **changes)
