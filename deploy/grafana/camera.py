"""The dashboard *camera*: one camera's viewers, pictures, server and board. Called by `make_dashboards`."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import units

from deploy.grafana.panels import (
    FRAMES_PER_SECOND,
    WHO,
    Column,
    Panel,
    Query,
    graph,
    increase_shown,
    metric,
    new_dashboard,
    number,
    of_viewer,
    one_of,
    quantile,
    rate,
    rows_by,
    several,
)

_STREAM: Final = 'stream=~"$stream"'
_LOST: Final = metric("session_rtcp_fraction_lost_ratio")
_SESSION_LABELS: Final = {
    "slot": "Slot",
    "stream": "Stream",
    "peer_ip": "Address",
    "client": "Client",
    "transport": "Over",
    "session": "Session",
}


def camera() -> dashboard.Dashboard:
    """Return the dashboard."""
    of_job = 'job=~"$job"'
    instances = f"label_values(up{{{of_job}}}, instance)"
    streams = f'label_values(edge_streamer_source_info{{{of_job}, instance=~"$instance"}}, stream)'
    board = (
        new_dashboard(
            "Edge streamer: camera",
            "edge-streamer-camera",
            "One camera: its viewers, its pictures, its server, its board.",
        )
        .with_variable(one_of("instance", "Instance", instances))
        .with_variable(several("stream", "Stream", streams))
    )
    rows = {"Now": _now(), "Who watches": _viewers(), "Pictures": _pictures(), "Server and board": _server()}
    for title, panels in rows.items():
        board.with_row(dashboard.Row(title))
        for panel in panels:
            board.with_panel(panel)
    return board


def _now() -> list[Panel]:
    return [
        number(
            "Streams without a picture",
            "Streams that are to deliver frames and do not; /healthz of the camera says why.",
            units.Short,
            Query(f"sum({metric('source_up', _STREAM)} < bool {metric('source_wanted', _STREAM)})", "streams"),
            bad_from=1,
        ),
        number(
            "Viewers",
            "RTSP sessions now.",
            units.Short,
            Query(f"sum({metric('sessions_active')})", "viewers"),
        ),
        number(
            "Sessions that may exist",
            "The limit: rtsp.max_sessions.",
            units.Short,
            Query(f"sum({metric('sessions_limit')})", "limit"),
        ),
        number(
            "Since the last frame",
            "Age of the oldest last frame among the streams; a stream on demand that is off grows old. A large value "
            "while frames come means that the camera's clock is wrong.",
            units.Seconds,
            Query(f"max(time() - {metric('source_last_frame_timestamp_seconds', _STREAM)})", "age"),
        ),
        number(
            "Worst backlog, of its budget",
            "The viewer who is furthest behind. At 100 % its session ends as `backlog`.",
            units.PercentUnit,
            Query(f"max({_of_budget()})", "backlog"),
            bad_from=0.7,
        ),
        number(
            "Faults",
            "Connections that ended because the service's own code failed, in the time shown.",
            units.Short,
            Query(f"sum(round({increase_shown('handler_faults_total')}))", "faults"),
            bad_from=1,
        ),
    ]


def _of_budget() -> str:
    return f"{metric('session_backlog_bytes')} / {metric('session_write_budget_bytes')}"


def _viewers() -> list[Panel]:
    return [_sessions(), *_backlog_and_rates(), *_network(), *_ends()]


def _sessions() -> Panel:
    def by_slot(expression: str, *labels: str) -> str:
        return f"sum by ({', '.join(('slot', *labels))}) ({of_viewer(expression)})"

    since = f"(time() - {metric('session_start_timestamp_seconds')})"
    columns = [
        Column("For", by_slot(since, *list(_SESSION_LABELS)[1:]), units.Seconds),
        Column("Sent", f"8 * {by_slot(rate('session_sent_bytes_total'))}", units.BitsPerSecondSI),
        Column("Backlog", by_slot(metric("session_backlog_seconds")), units.Seconds),
        Column("of its budget", by_slot(_of_budget()), units.PercentUnit, warn_from=0.3, bad_from=0.7),
        Column("Oldest waits", by_slot(metric("session_oldest_unsent_seconds")), units.Seconds),
        Column("Round trip", by_slot(metric("session_round_trip_seconds")), units.Seconds),
        Column("Lost", by_slot(_LOST), units.PercentUnit, warn_from=0.005, bad_from=0.02),
    ]
    return rows_by(
        "Sessions",
        "Who watches now. A slot is a number that the next session takes over; the session's id is in the journal.",
        _SESSION_LABELS,
        columns,
    )


def _backlog_and_rates() -> list[Panel]:
    return [
        graph(
            "Backlog against the budget",
            "How much of the stream waits for each viewer. One that reaches the budget is ended, so that memory and "
            "delay stay bounded.",
            units.Seconds,
            Query(of_viewer(metric("session_backlog_seconds")), WHO),
            Query(metric("write_budget_seconds"), "budget"),
            span=12,
        ),
        graph(
            "Sent to each viewer",
            "Media handed to the kernel for each viewer.",
            units.BitsPerSecondSI,
            Query(f"8 * {of_viewer(rate('session_sent_bytes_total'))}", WHO),
            span=12,
        ),
        graph(
            "Frames left out",
            "Frames that a viewer was due and did not get, because it is behind.",
            FRAMES_PER_SECOND,
            Query(of_viewer(rate("session_discarded_frames_total")), WHO),
        ),
        graph(
            "Delivered by the network",
            "What the way to each TCP viewer carries, as the kernel measured. Below the bit rate it cannot last.",
            units.BitsPerSecondSI,
            Query(f"8 * {of_viewer(metric('session_delivery_bytes_per_second'))}", WHO),
        ),
        graph(
            "On the way",
            "Sent to each TCP viewer and not acknowledged yet. Large and flat: that viewer's machine or link is gone.",
            units.BytesIEC,
            Query(of_viewer(metric("session_unacknowledged_bytes")), WHO),
        ),
    ]


def _network() -> list[Panel]:
    return [
        graph(
            "Packets lost",
            "As each viewer last reported by RTCP. Over TCP nothing is lost; what is slow becomes backlog.",
            units.PercentUnit,
            Query(of_viewer(_LOST), WHO),
        ),
        graph(
            "Round trip",
            "To each viewer: the kernel's for TCP, RTCP's otherwise.",
            units.Seconds,
            Query(of_viewer(metric("session_round_trip_seconds")), WHO),
        ),
        graph(
            "Jitter",
            "How unevenly packets arrive, as each viewer last reported by RTCP.",
            units.Seconds,
            Query(of_viewer(metric("session_rtcp_jitter_seconds")), WHO),
        ),
        graph(
            "Sent again",
            "TCP segments a second that had to be sent again to each viewer: a bad link, before it becomes backlog.",
            units.PacketsPerSecond,
            Query(of_viewer(rate("session_retransmits_total")), WHO),
        ),
    ]


def _ends() -> list[Panel]:
    return [
        graph(
            "Why sessions ended",
            "Ends a second by reason. docs/operations.md says what each means and what to do.",
            units.EventsPerSecond,
            Query(f"sum by (reason) ({rate('sessions_ended_total')})", "{{reason}}"),
        ),
        graph(
            "Refused",
            "Refusals a second for a limit, by its configuration key, and wrong passwords.",
            units.EventsPerSecond,
            Query(f"sum by (limit) ({rate('limits_reached_total')})", "{{limit}}"),
            Query(f"sum({rate('rtsp_auth_failures_total')})", "wrong password, RTSP"),
            Query(f"sum({rate('http_auth_failures_total')})", "wrong password, HTTP"),
        ),
    ]


def _pictures() -> list[Panel]:
    return [*_frames(), *_times(), *_source_faults()]


def _frames() -> list[Panel]:
    return [
        graph(
            "Frame rate",
            "Frames that arrived from each source, and what it is set to.",
            FRAMES_PER_SECOND,
            Query(rate("source_frames_total", _STREAM), "{{stream}}"),
            Query(metric("source_nominal_frames_per_second", _STREAM), "{{stream}}, set"),
        ),
        graph(
            "Bit rate",
            "What each source makes, what its encoder is set to, and the peak that budgets are computed from.",
            units.BitsPerSecondSI,
            Query(f"8 * {rate('source_bytes_total', _STREAM)}", "{{stream}}"),
            Query(f"8 * {metric('source_nominal_bytes_per_second', _STREAM)}", "{{stream}}, set"),
            Query(f"8 * {metric('link_bytes_per_second', _STREAM)}", "{{stream}}, peak allowed for"),
        ),
        graph(
            "From one key frame to the next",
            "How long a viewer that lost a packet may see a broken picture.",
            units.Seconds,
            Query(metric("source_key_frame_interval_seconds", _STREAM), "{{stream}}"),
        ),
        graph(
            "Key frames",
            "Key frames a second: more than the interval asks for while viewers join.",
            units.EventsPerSecond,
            Query(rate("source_keyframes_total", _STREAM), "{{stream}}"),
        ),
    ]


def _times() -> list[Panel]:
    handoff = rate("frame_handoff_seconds_bucket", _STREAM)
    return [
        graph(
            "From the exposure to the network",
            "Until a frame has been given to the socket of each of its viewers, if the camera dates its frames.",
            units.Seconds,
            Query(quantile(0.5, rate("capture_to_send_seconds_bucket")), "half of the frames"),
            Query(quantile(0.99, rate("capture_to_send_seconds_bucket")), "99 of 100"),
        ),
        graph(
            "From the encoder to the server",
            "Hand-over between the two processes. High: the server or the board has no time.",
            units.Seconds,
            Query(quantile(0.5, handoff, "stream"), "{{stream}}, half of the frames"),
            Query(quantile(0.99, handoff, "stream"), "{{stream}}, 99 of 100"),
        ),
        graph(
            "Start of a source on demand",
            "From the first viewer's question to the first frame, of the starts in the time shown.",
            units.Seconds,
            Query(quantile(0.9, increase_shown("time_to_first_frame_seconds_bucket")), "nine of ten starts"),
        ),
    ]


def _source_faults() -> list[Panel]:
    return [
        graph(
            "Restarts of the source",
            "Starts a second after the first, by reason.",
            units.EventsPerSecond,
            Query(f"sum by (stream, reason) ({rate('source_restarts_total', _STREAM)})", "{{stream}}: {{reason}}"),
        ),
        graph(
            "Pictures lost before the server",
            "Buffers of the camera that held no whole picture, and frames that the server did not fetch in time.",
            FRAMES_PER_SECOND,
            Query(
                f"sum by (stream, reason) ({rate('source_discarded_buffers_total', _STREAM)})", "{{stream}}: {{reason}}"
            ),
            Query(rate("source_dropped_frames_total", _STREAM), "{{stream}}: not fetched"),
        ),
    ]


def _server() -> list[Panel]:
    return [
        graph(
            "Turn of the loop",
            "Everything waits while a turn lasts: 20 ms are good, 100 ms are seen by every viewer.",
            units.Seconds,
            Query(quantile(0.5, rate("loop_turn_seconds_bucket")), "half of the turns"),
            Query(quantile(0.99, rate("loop_turn_seconds_bucket")), "99 of 100"),
            Query(metric("loop_worst_turn_seconds"), "worst"),
        ),
        graph(
            "Connections",
            "Open connections, with and without a session.",
            units.Short,
            Query(f"sum by (protocol) ({metric('connections_open')})", "{{protocol}}"),
        ),
        graph(
            "What is not RTSP",
            "Messages a second that no RTSP client should send, by kind.",
            units.EventsPerSecond,
            Query(f"sum by (kind) ({rate('rtsp_protocol_errors_total')})", "{{kind}}"),
        ),
        graph(
            "Temperature of the processor",
            "It slows down from 80 °C on. Empty on a board that does not say.",
            units.Celsius,
            Query(metric("soc_temperature_celsius"), "processor"),
            span=12,
        ),
        graph(
            "Held back by the firmware",
            "1 while the board has too little power or is too hot, by kind. Empty on a board that does not say.",
            units.Short,
            Query(f"max by (kind) ({metric('soc_throttled')})", "{{kind}}"),
            highest=1,
            span=12,
        ),
    ]
