"""The dashboard *fleet*: every camera a row, and which of them needs to be looked at. Called by `make_dashboards`."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import units

from deploy.grafana.panels import (
    FRAMES_PER_SECOND,
    TARGET,
    Column,
    Panel,
    Query,
    graph,
    increase_shown,
    metric,
    new_dashboard,
    number,
    rate,
    rows_by,
    several,
    states,
)

END_REASONS: Final = {
    "said goodbye": ("teardown", "peer_closed"),
    "went away": ("idle", "unreachable", "stalled"),
    "too slow": ("backlog",),
    "by us": ("stream_ended", "stream_replaced", "kicked", "shutdown", "limit", "auth"),
    "errors": ("protocol_error", "internal_error"),
}
"""Columns of the table, and the end reasons that each adds up: all of `EndReason`, each once."""
_UP: Final = f"max by (job, instance) (up{{{TARGET}}})"
_DOWN_STREAMS: Final = f"{metric('source_up')} < bool {metric('source_wanted')}"
_OF_NOMINAL: Final = (
    f"min by (job, instance) ({rate('source_frames_total')} / ({metric('source_nominal_frames_per_second')} > 0) "
    f"and {metric('source_up')} == 1)"
)
_OF_BUDGET: Final = (
    f"max by (job, instance) ({metric('session_backlog_bytes')} / {metric('session_write_budget_bytes')})"
)
_CAMERA_URL: Final = (
    "/d/edge-streamer-camera?${datasource:queryparam}&${job:queryparam}&var-instance=${__value.raw}&${__url_time_range}"
)


def fleet() -> dashboard.Dashboard:
    """Return the dashboard."""
    board = new_dashboard(
        "Edge streamer: fleet", "edge-streamer-fleet", "All cameras: which is up, who watches, who was lost and why."
    ).with_variable(several("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'))
    for panel in (*_totals(), _cameras(), _devices(), *_over_time()):
        board.with_panel(panel)
    return board


def _totals() -> list[Panel]:
    return [
        number("Cameras up", "Cameras that answered the last scrape.", units.Short, Query(f"sum({_UP})", "up"), span=6),
        number(
            "Cameras down",
            "Cameras that Prometheus knows and that did not answer the last scrape.",
            units.Short,
            Query(f"sum(1 - {_UP})", "down"),
            bad_from=1,
            span=6,
        ),
        number(
            "Streams without a picture",
            "Streams that are to deliver frames and do not. One on demand that nobody watches is none.",
            units.Short,
            Query(f"sum({_DOWN_STREAMS})", "streams"),
            bad_from=1,
            span=6,
        ),
        number(
            "Viewers",
            "RTSP sessions on all cameras; all of a multicast group's are one each.",
            units.Short,
            Query(f"sum({metric('sessions_active')})", "viewers"),
            span=6,
        ),
    ]


def _cameras() -> Panel:
    up = (("0", "down", "red"), ("1", "up", "green"))
    columns = [
        Column("Up", _UP, words=up),
        Column("Streams down", f"sum by (job, instance) ({_DOWN_STREAMS})", bad_from=1),
        Column("Viewers", f"sum by (job, instance) ({metric('sessions_active')})"),
        Column("Frames", f"sum by (job, instance) ({rate('source_frames_total')})", FRAMES_PER_SECOND),
        Column("Slowest of nominal", _OF_NOMINAL, units.PercentUnit),
        Column("Sent", f"8 * sum by (job, instance) ({rate('sent_bytes_total')})", units.BitsPerSecondSI),
        Column("Worst backlog", f"max by (job, instance) ({metric('session_backlog_seconds')})", units.Seconds),
        Column("of its budget", _OF_BUDGET, units.PercentUnit, warn_from=0.3, bad_from=0.7),
        *(_ended(title, reasons) for title, reasons in END_REASONS.items()),
    ]
    return rows_by(
        "Cameras",
        "A row for each camera. Frames add up over its streams; slowest of nominal is the stream that lags most. The "
        "last columns count the sessions that ended in the time shown, by why. A click on a name opens that camera.",
        {"instance": "Camera"},
        columns,
        link=_CAMERA_URL,
    )


def _devices() -> Panel:
    labels = {
        "instance": "Camera", "model": "Model", "serial": "Serial number", "version": "Version", "image": "Image",
        "image_slot": "Slot", "kernel": "Kernel",
    }  # fmt: skip
    info = metric("device_info")
    uptime = (
        f"{metric('device_uptime_seconds')} * on (job, instance) "
        f"group_left (model, serial, version, image, image_slot, kernel) {info}"
    )
    free = f"{metric('storage_free_bytes')} / {metric('storage_size_bytes')}"
    columns = [
        Column("Switched on for", f"max by (job, {', '.join(labels)}) ({uptime})", units.Seconds),
        Column("Storage used", f"1 - max by (job, instance) ({free})", units.PercentUnit, warn_from=0.8, bad_from=0.95),
        Column("Storage life used", _by_camera("storage_life_used_ratio"), units.PercentUnit, 0.8, 1.0),
        Column(
            "Clock", _by_camera("clock_synchronised"), words=(("0", "not synchronised", "red"), ("1", "ok", "green"))
        ),
        Column(
            "Password",
            _by_camera("device_initial_password"),
            words=(("0", "own", "green"), ("1", "the device's first", "yellow")),
        ),
        Column("Mistakes on the card", _by_camera("device_settings_mistakes"), bad_from=1),
    ]
    return rows_by(
        "Devices",
        "What each camera is and what runs on it. Slot and image are of device images; the life time of its storage is "
        "told by eMMC modules only.",
        labels,
        columns,
        link=_CAMERA_URL,
    )


def _by_camera(name: str) -> str:
    return f"max by (job, instance) ({metric(name)})"


def _ended(title: str, reasons: tuple[str, ...]) -> Column:
    ended = increase_shown("sessions_ended_total", f'reason=~"{"|".join(reasons)}"')
    bad_from = 1 if title in ("too slow", "errors") else None
    return Column(f"Ended: {title}", f"round(sum by (job, instance) ({ended}))", bad_from=bad_from)


def _over_time() -> list[Panel]:
    return [
        states("Up", "Whether each camera answered the scrape.", Query(_UP, "{{instance}}")),
        graph(
            "Why sessions ended",
            "Ends a second over all cameras, by reason. docs/operations.md says what each means and what to do.",
            units.EventsPerSecond,
            Query(f"sum by (reason) ({rate('sessions_ended_total')})", "{{reason}}"),
            span=12,
        ),
        graph(
            "Viewers of each camera",
            "RTSP sessions on each camera.",
            units.Short,
            Query(f"sum by (job, instance) ({metric('sessions_active')})", "{{instance}}"),
        ),
        graph(
            "Worst backlog, of its budget",
            "The viewer who is furthest behind on each camera. At 100 % its session ends as `backlog`.",
            units.PercentUnit,
            Query(_OF_BUDGET, "{{instance}}"),
            highest=1,
        ),
        graph(
            "Slowest stream, of its nominal frame rate",
            "The stream that lags most on each camera, among those that are up.",
            units.PercentUnit,
            Query(_OF_NOMINAL, "{{instance}}"),
        ),
    ]
