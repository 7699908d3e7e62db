"""The configuration reference, written from the structs that `Config` is made of, and the mistakes it documents.

`tests/config/test_load.py` fails when `docs/configuration.md` says anything else, and makes each mistake below.
Regenerate with `python -m tests.tools.configuration_docs`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import NODEFAULT, Struct, inspect

from edge_streamer.config.cameras import CameraConfig
from edge_streamer.config.config import SECTIONS
from edge_streamer.config.device import DEVICE_TABLES
from edge_streamer.config.streams import AutoStream, CameraStream, DeviceStream, FileStream, PatternStream
from edge_streamer.config.toml import allowed, description, write_value
from edge_streamer.services.marks import extra_of, fields_of

PAGE: Final = Path(__file__).parents[2] / "docs" / "configuration.md"
BEGIN: Final = "<!-- configuration reference: begin (generated, do not edit) -->"
END: Final = "<!-- configuration reference: end -->"

TABLES: Final[Mapping[str, type[Struct]]] = {
    **{f"[{name}]": struct_type for name, struct_type in SECTIONS.items()},
    **{f"[device.{name}]": struct_type for name, struct_type in DEVICE_TABLES.items()},
    '[streams.<name>], source "auto"': AutoStream,
    '[streams.<name>], source "picamera2"': CameraStream,
    '[streams.<name>], source "v4l2"': DeviceStream,
    '[streams.<name>], source "testpattern"': PatternStream,
    '[streams.<name>], source "file"': FileStream,
    "[cameras.<number>]": CameraConfig,
}

MISTAKES: Final = (
    (
        "[rtsp]\nlistn = 1",
        'rtsp.listn: unknown key; did you mean "listen"? allowed: listen, transports, '
        "session_timeout_s, max_sessions, max_sessions_per_address, max_connections, max_connections_per_address, "
        "setup_within_s, max_pending_describes, max_header_bytes, max_body_bytes, udp_ports",
    ),
    (
        "[rstp]",
        'rstp: unknown key; did you mean "rtsp"? allowed: rtsp, http, link, auth, multicast, device, streams, cameras',
    ),
    ("[streams.main]\nfps = 500", "streams.main.fps: 500 is not allowed; allowed: 1 to 120"),
    ('[streams.main]\nfps = "30"', 'streams.main.fps: "30" is not allowed; allowed: a whole number, 1 to 120'),
    ("[link]\ndead_after_s = 0.5", "link.dead_after_s: 0.5 is not allowed; allowed: 2 to 60"),
    ("[streams.main]\nwidth = 641", "streams.main.width: 641 is not allowed; allowed: 64 to 4096, even"),
    ('[auth]\nanonymous = "yes"', 'auth.anonymous: "yes" is not allowed; allowed: true or false'),
    (
        '[auth]\nusers = "no-such-users"',
        "auth.users: /etc/edge_streamer/no-such-users: no such file; edge-streamer user add NAME --users FILE makes it",
    ),
    ('[auth]\nbasic = "tls"', 'auth.basic: "tls" is not allowed; allowed: "always" or "never"'),
    (
        '[auth]\nmetrics_networks = ["192.0.2.7/24"]',
        'auth.metrics_networks: ["192.0.2.7/24"] is not allowed; allowed: a list of up to 64 networks such as '
        '"192.0.2.0/24", "192.0.2.7" or "2001:db8::/64"',
    ),
    (
        '[rtsp]\ntransports = ["quic"]',
        'rtsp.transports: ["quic"] is not allowed; allowed: a list of "tcp", "udp" and "multicast", at least one',
    ),
    (
        "[rtsp]\nudp_ports = [50001, 50100]",
        "rtsp.udp_ports: [50001, 50100] is not allowed; allowed: [FIRST, LAST], both 1024 to 65535, FIRST even and "
        "LAST odd (RTP and RTCP come in pairs)",
    ),
    (
        '[rtsp]\nlisten = "camera.local:8554"',
        'rtsp.listen: "camera.local:8554" is not allowed; allowed: ADDR:PORT with a literal address (host names are '
        "not looked up), IPv6 in brackets, port 0 to 65535 (0 takes any free one), or a list of 1 to 16 of these",
    ),
    (
        '[rtsp]\nlisten = "0.0.0.0:8554"',
        "rtsp.listen: 0.0.0.0:8554 can be reached from other machines and no log-in is required; add a user "
        "(edge-streamer user add NAME), or listen on 127.0.0.1 or [::1] only, or write anonymous = true under [auth] "
        "in the configuration file",
    ),
    (
        '[multicast]\nnetwork = "192.0.2.0/24"',
        'multicast.network: "192.0.2.0/24" is not allowed; allowed: a multicast network such as "239.255.42.0/24" or '
        '"ff15::42:0/120", not 224.0.0.0/24',
    ),
    (
        '[rtsp]\ntransports = ["tcp", "multicast"]\n[multicast]\nnetwork = "239.255.42.1"',
        "multicast.network: 239.255.42.1/32 has room for 1 of 2 streams; write a larger one",
    ),
    (
        '[rtsp]\ntransports = ["tcp", "multicast"]\n[multicast]\nfirst_port = 50998',
        "multicast.first_port: ports 50998 to 51001 are among rtsp.udp_ports, 50000 to 50999; write another one, or "
        "move these",
    ),
    (
        '[http]\nlisten = "127.0.0.1:8554"',
        "http.listen: 127.0.0.1:8554 is written twice; give each listener a port of its own",
    ),
    ('rtsp = "on"', 'rtsp: "on" is not allowed; allowed: a table, written [rtsp]'),
    ("[streams]", "streams: no stream in it; write [streams.main], or leave [streams] out for main and sub"),
    (
        '[streams."front door"]',
        'streams."front door": not a stream name; allowed: 1 to 32 of the characters A-Z a-z 0-9 _ -',
    ),
    (
        '[streams.main]\nsource = "camera"',
        'streams.main.source: "camera" is not allowed; allowed: "auto" or "testpattern" or "picamera2" or "v4l2" or '
        '"file"',
    ),
    (
        '[streams.main]\nsource = "testpattern"\npath = "a.mp4"',
        'streams.main.path: not a key of source = "testpattern"; remove it, or write source = "file"',
    ),
    (
        '[streams.main]\nsource = "file"\npath = "a.mp4"\nwidth = 640',
        'streams.main.width: not a key of source = "file"; remove it, or write source = "auto" or "testpattern" or '
        '"picamera2" or "v4l2"',
    ),
    (
        '[streams.main]\nsource = "file"',
        "streams.main.path: missing; write path = ... under [streams.main]; allowed: a path in quotes, not empty",
    ),
    (
        "[streams.main]\nlink_bitrate_bps = 1000000",
        "streams.main.link_bitrate_bps: 1000000 is less than bitrate_bps = 2000000; it is the stream's peak rate: "
        "leave it out or raise it",
    ),
    (
        '[streams.main]\nsource = "v4l2"',
        "streams.main.device: missing; write device = ... under [streams.main]; allowed: an absolute path in quotes, "
        "as edge-streamer probe lists it",
    ),
    (
        '[streams.main]\ndevice = "/dev/video0"',
        'streams.main.device: not a key of source = "auto"; remove it, or write source = "v4l2"',
    ),
    (
        '[streams.main]\nsource = "v4l2"\ndevice = "/dev/video0"\nformat = "h264"\noverlay = "{name}"',
        'streams.main.overlay: cannot be had with format = "h264", which the camera encodes by itself; remove it, or '
        'write format = "mjpeg" or another one',
    ),
    (
        '[streams.main]\noverlay = "{camera} %H:%M"',
        'streams.main.overlay: "{camera} %H:%M" is not allowed; allowed: up to 128 characters, in braces only {name}, '
        "of strftime only %a %A %b %B %c %d %D %e %F %G %H %I %j %m %M %p %R %S %T %u %U %V %w %W %x %X %y %Y %z %Z "
        "%%",
    ),
    (
        '[device]\nname = "garden camera"',
        'device.name: "garden camera" is not allowed; allowed: 1 to 63 of the characters a-z 0-9 -, no - at an end '
        "(RFC 1123), not localhost",
    ),
    (
        '[device]\npassword = "camera"',
        'device.password: this value is not allowed; allowed: 8 to 128 printable characters; only "_" stands for one '
        "that was taken from the card before",
    ),
    (
        '[device.wifi]\nssid = "home"\ncountry = "UK"',
        'device.wifi.country: "UK" is not allowed; allowed: two letters of ISO 3166, such as "DE", "GB" (not "UK") or '
        '"US"',
    ),
    (
        '[device.network]\naddress = "192.168.1.20"',
        'device.network.address: "192.168.1.20" is not allowed; allowed: an address of a host with the length of its '
        'network, such as "192.168.1.20/24"',
    ),
    (
        '[device.network]\naddress = "192.168.1.20/24"\ngateway = "192.168.2.1"',
        "device.network.gateway: 192.168.2.1 is not in the network 192.168.1.0/24 of address; write a router of that "
        "network",
    ),
    (
        "[cameras.0]\nhflp = true",
        'cameras.0.hflp: unknown key; did you mean "hflip"? allowed: hflip, vflip, rotation, sensor_mode, '
        "buffer_count, controls",
    ),
    ("[cameras.0]\nrotation = 90", "cameras.0.rotation: 90 is not allowed; allowed: 0 or 180"),
    (
        "[cameras.0]\nsensor_mode = 1080",
        "cameras.0.sensor_mode: 1080 is not allowed; allowed: [WIDTH, HEIGHT], both 1 to 16384",
    ),
    (
        "[cameras.front]",
        "cameras.front: not a camera's number; allowed: 0 to 63, as edge-streamer probe lists it",
    ),
    (
        "[cameras.0.controls]\nAeEnable = {}",
        "cameras.0.controls.AeEnable: {...} is not allowed; allowed: true or false, a number, a name in quotes of up "
        "to 64 characters, or a list of 1 to 64 numbers",
    ),
    (
        "[cameras.1]\nhflip = true",
        "cameras.1: no stream uses this camera; remove it, or write camera = 1 in a stream whose source is "
        '"picamera2" or "auto"',
    ),
)
"""What somebody wrote and the whole line that `check` answers, in the order of the page."""


def render_configuration_reference() -> str:
    """Return the generated part of `docs/configuration.md`, without its markers."""
    tables = [_render_table(title, struct_type) for title, struct_type in TABLES.items()]
    return "\n".join([*tables, _render_mistakes()])


def render_page(page: str) -> str:
    """Return `page` with the part between its markers replaced by the reference."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{render_configuration_reference()}\n{END}{after}"


def main() -> None:
    """Write the reference into the page."""
    PAGE.write_text(render_page(PAGE.read_text()))


def _render_table(title: str, struct_type: type[Struct]) -> str:
    rows = [
        f"| `{key}` | {_default(field)} | {allowed(field)} | {description(field)}{_marks(field)} |"
        for key, field in fields_of(struct_type).items()
    ]
    return "\n".join([f"### {title}", "", "| Key | Default | Allowed | Meaning |", "|---|---|---|---|", *rows, ""])


def _marks(field: inspect.Field) -> str:
    return " A change waits for a restart." if extra_of(field).get("restart_only") else ""


def _default(field: inspect.Field) -> str:
    if field.required:
        return "must be written"
    return "left out" if field.default in (None, NODEFAULT) else f"`{write_value(field.default)}`"


def _render_mistakes() -> str:
    blocks = [f"```toml\n{written}\n```\n```text\n{answer}\n```\n" for written, answer in MISTAKES]
    return "\n".join(["### Mistakes and what `check` answers", "", *blocks])


if __name__ == "__main__":
    main()
