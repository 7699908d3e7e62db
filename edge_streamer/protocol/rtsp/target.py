"""The request URI (RFC 2326 section 3.2): which stream, which track, and the URLs that replies may name.

Clients join a track's control attribute to the base in at least four ways, and this module resolves all of them.
Userinfo and query never leave this module: they may be credentials, and without a query every way of joining gives the
same URL. Nor does the zone of an IPv6 address, which names an interface of the client's machine.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from edge_streamer.protocol.sdp import TRACK_CONTROL, track_control

_SCHEMES: Final = frozenset({"rtsp", "rtsps", "rtspu"})
_ZONE: Final = r"(?P<zone>%[0-9A-Za-z%._~-]+)?"  # RFC 6874 writes "%25eth0", most clients write "%eth0"
_USABLE_AUTHORITY: Final = re.compile(rf"(?:\[[0-9A-Fa-f:.]+{_ZONE}\]|[0-9A-Za-z._~-]+)(?::[0-9]{{1,5}})?")
_AGGREGATE: Final = "/*"
_TRACK: Final = re.compile(rf"(?:^|/){TRACK_CONTROL}([0-9]{{1,3}})/?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """What a URI means: `path` is decoded, without outer slashes; `track` is None when the URI names no track.

    `base_url` is the Content-Base (section 12.11 of RFC 2326, C.1.1): with a final slash, because GStreamer >= 1.24
    joins by RFC 3986 and would replace the last part of a path without one.
    """

    path: str
    track: int | None
    base_url: str

    def control_url(self, track: int) -> str:
        """Return the URL of a track as a client derives it from Content-Base and SDP."""
        return self.base_url + track_control(track)


def parse_target(uri: str, local_host: str) -> Target:
    """Return what `uri` means; `local_host` (no port, no brackets, no zone) replaces a host that must not be repeated.

    Some clients join the session's control attribute `*` as if it was a name: `/main/*`, `/main/*/trackID=0`.
    """
    without_query, _, query = uri.partition("?")
    scheme, authority, raw_path = _split_authority(without_query)
    raw_path, track = _split_track(raw_path)
    if track is None:
        track = _split_track(query)[1]  # ffmpeg and Scrypted append the control to a URL with its query
    raw_path = _without_aggregate(raw_path).strip("/")
    base_url = f"{scheme}://{_public_authority(authority, local_host)}/"
    return Target(_decode(raw_path), track, f"{base_url}{raw_path}/" if raw_path else base_url)


def _split_authority(uri: str) -> tuple[str, str, str]:
    scheme, _, rest = uri.partition("://")
    if scheme.lower() not in _SCHEMES:
        return "rtsp", "", uri
    authority, _, raw_path = rest.partition("/")
    return scheme.lower(), authority, raw_path


def _without_aggregate(raw_path: str) -> str:
    """Step back from the end: a pattern that is searched for takes the square of the time that a URL of 16 KB gives."""
    end = len(raw_path.rstrip("/"))
    while raw_path.endswith(_AGGREGATE, 0, end):
        end -= len(_AGGREGATE)
    return raw_path[:end]


def _split_track(text: str) -> tuple[str, int | None]:
    match = _TRACK.search(text)
    return (text[: match.start()], int(match[1])) if match else (text, None)


def _public_authority(authority: str, local_host: str) -> str:
    host = authority.rpartition("@")[2]
    if usable := _USABLE_AUTHORITY.fullmatch(host):
        return host.replace(usable["zone"] or "", "")
    return f"[{local_host}]" if ":" in local_host else local_host


def _decode(raw_path: str) -> str:
    """Decode percent-escapes; a control character is replaced, since it must not reach a log. The path then names no
    stream."""
    text = unquote_to_bytes(raw_path.encode("latin-1")).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
