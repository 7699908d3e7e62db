"""Writes the session description of one H.264 stream (RFC 4566; RFC 2326 appendix C; RFC 6184 8.2.1); no parser.

Called for each DESCRIBE. go2rtc, ffmpeg, VLC, retina and GStreamer all accept these lines in this order.
"""

from math import ceil
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ

TRACK_CONTROL: Final = "trackID="
"""A track's `a=control` is this prefix and its number, relative to Content-Base; the URL of a SETUP ends in it."""


def track_control(track: int) -> str:
    """Return the relative control attribute of a track (RFC 2326 appendix C.1.1)."""
    return f"{TRACK_CONTROL}{track}"


def application_specific_kbps(bits_per_second: float) -> int:
    """Return the value of `b=AS` for a rate, rounded up (RFC 4566 5.8: kilobits per second)."""
    return ceil(bits_per_second / 1000)


def describe_video(
    *,
    session_id: int,
    session_version: int,
    server_host: str,
    name: str,
    payload_type: int = 96,
    profile_level_id: str,
    sprop: str,
    bandwidth_kbps: int,
    frame_rate: float | None = None,
) -> bytes:
    """Return the description as the body of a DESCRIBE reply.

    `server_host` is the local address of the viewer's connection (IPv6 without brackets), `name` the session's title,
    `sprop` and `profile_level_id` those of RFC 6184 8.1. ValueError when a text contains a line break or NUL, or the
    name is empty (RFC 4566 5.3).
    """
    if not name:
        raise ValueError("a session description needs a name")
    family, anywhere = ("IP6", "::") if ":" in server_host else ("IP4", "0.0.0.0")  # noqa: S104 (announced, not bound)
    lines = [
        "v=0",
        f"o=- {session_id} {session_version} IN {family} {server_host}",
        f"s={name}",
        f"c=IN {family} {anywhere}",
        "t=0 0",
        "a=range:npt=now-",
        "a=control:*",
        f"m=video 0 RTP/AVP {payload_type}",
        f"b=AS:{bandwidth_kbps}",
        f"a=rtpmap:{payload_type} H264/{CLOCK_HZ}",
        f"a=fmtp:{payload_type} packetization-mode=1;profile-level-id={profile_level_id};sprop-parameter-sets={sprop}",
    ]
    if frame_rate:
        lines.append(f"a=framerate:{frame_rate:g}")
    lines.append(f"a=control:{track_control(0)}")
    return "".join(_terminated(line) for line in lines).encode()


def _terminated(line: str) -> str:
    """RFC 4566 5: CRLF ends a line; text is any bytes but NUL, CR and LF (section 9, byte-string)."""
    if any(forbidden in line for forbidden in "\x00\r\n"):
        raise ValueError(f"a line break or NUL in {line!r}")
    return f"{line}\r\n"
