import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.services.rtsp.client_family import CLIENT_FAMILIES, client_family


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        (None, "other"),
        ("", "other"),
        ("Rtsp Client/2.0", "other"),
        ("Java / Seetec", "other"),
        ("Lavf60.16.100", "ffmpeg"),
        ("FFmpeg Frigate/0.15.0-cea210d", "ffmpeg"),
        ("GStreamer/1.22.0", "gstreamer"),
        ("LibVLC/3.0.18 (LIVE555 Streaming Media v2016.11.28)", "vlc"),
        ("VLC media player (LIVE555 Streaming Media v2008.07.24)", "vlc"),
        ("./openRTSP (LIVE555 Streaming Media v2021.08.24)", "live555"),
        ("LIVE555 Streaming Media v2018.08.05", "live555"),
        ("go2rtc/1.9.9", "go2rtc"),
        ("Moonfire NVR 0.7.17", "retina"),
        ("ExoPlayerLib/2.19.1", "exoplayer"),
        ("AndroidXMedia3/1.4.1", "exoplayer"),
        ("ZoneMinder/1.30.4", "zoneminder"),
        ("NKPlayer-1.00.00.081112", "hikvision"),
        ("Synology Surveillance Station", "synology"),
        ("OmnicastRTSPClient/1.0", "omnicast"),
        ("Scrypted", "scrypted"),
        ("BlueIris", "blueiris"),
        ("gortsplib", "gortsplib"),
        ("MediaMTX", "gortsplib"),
        ("aiortsp/1.4.0", "aiortsp"),
        ("libmpv", "mpv"),
        ("MPlayer (LIVE555 Streaming Media v2010.01.22)", "mplayer"),
        ("curl/7.88.1", "curl"),
        ("libcurl/8.5.0 OpenSSL/3.0.13 zlib/1.3", "curl"),
    ],
)
def test_families(user_agent, family):
    assert client_family(user_agent) == family


@given(st.text())
def test_the_set_is_closed(user_agent):
    assert client_family(user_agent) in CLIENT_FAMILIES
