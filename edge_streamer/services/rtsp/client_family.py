"""Which family of RTSP clients a `User-Agent` belongs to: a closed set, because it becomes a metric label.

Called by `sessions` at SETUP. The family is a hint for operators and never decides how a client is treated. Recorders
that do not send their product's name, as most Dahua, UniFi and Blue Iris releases, count under the name that they send:
motion, OpenCV and Shinobi as ffmpeg. libcurl sends none unless its program sets one, and then counts as `other`.
"""

from typing import Final

OTHER: Final = "other"

_FAMILY_BY_MARK: Final = (
    # A product that names the library below it comes before that library: the first mark found wins.
    ("go2rtc", "go2rtc"),
    ("moonfire", "retina"),
    ("retina", "retina"),
    ("scrypted", "scrypted"),
    ("zoneminder", "zoneminder"),
    ("omnicast", "omnicast"),  # Genetec sends "OmnicastRTSPClient/1.0"
    ("synology", "synology"),
    ("surveillance station", "synology"),
    ("hikvision", "hikvision"),
    ("nkplayer", "hikvision"),  # "NKPlayer-1.00.00.081112", "NKPlayer-VSPlayer1.0": Hikvision's recorders and SDK
    ("dahua", "dahua"),
    ("unifi", "unifi"),
    ("ubnt", "unifi"),
    ("blueiris", "blueiris"),
    ("blue iris", "blueiris"),
    ("exoplayer", "exoplayer"),
    ("androidxmedia3", "exoplayer"),  # ExoPlayer since it became Jetpack Media3
    ("mediamtx", "gortsplib"),
    ("gortsplib", "gortsplib"),  # MediaMTX as a reader sends its library's name
    ("aiortsp", "aiortsp"),  # "aiortsp/1.4.0"
    ("gstreamer", "gstreamer"),
    ("vlc", "vlc"),  # "LibVLC/3.0.18 (LIVE555 Streaming Media v2016.11.28)"
    ("mplayer", "mplayer"),  # "MPlayer (LIVE555 Streaming Media v2010.01.22)"
    ("libmpv", "mpv"),  # mpv, and players made of it
    ("openrtsp", "live555"),
    ("live555", "live555"),
    ("curl", "curl"),  # "curl/7.88.1", "libcurl/8.5.0 OpenSSL/3.0.13"
    ("lavf", "ffmpeg"),  # "Lavf60.16.100"
    ("ffmpeg", "ffmpeg"),  # "FFmpeg Frigate/0.15.0"
)

CLIENT_FAMILIES: Final = tuple(sorted({family for _mark, family in _FAMILY_BY_MARK} | {OTHER}))
"""Every value that `client_family` returns."""


def client_family(user_agent: str | None) -> str:
    """Return one of `CLIENT_FAMILIES`; `other` for None, an empty and an unknown name."""
    lowered = (user_agent or "").lower()
    return next((family for mark, family in _FAMILY_BY_MARK if mark in lowered), OTHER)
