"""Complaints of the media, told from what else a tool writes to standard error."""

import pytest

from tests.support.complaints import ffmpeg_complaints, gstreamer_complaints

PLUGIN_SCAN = """\
0:00:00.059394351 19854 0x55ecf63e8190 WARN                    msdk msdk.c:303:msdk_init_msdk_session: no session
0:00:00.085766404 19854 0x55ecf63e8190 WARN                  ladspa gstladspa.c:509:plugin_init:<plugin67> no LADSPA
0:00:00.344756204 19854 0x55ecf63e8190 WARN                 default gstsfelement.c:97:gst_sf_create: not mapped
0:00:00.344756204 19854 0x55ecf63e8190 WARN            GST_REGISTRY gstregistry.c:1:scan:<registry0> cache is corrupt

(gst-plugin-scanner:19854): GLib-GObject-WARNING **: 10:11:12.131: cannot register existing type
bash: warning: setlocale: LC_ALL: cannot change locale (de_DE.UTF-8)
"""
OF_GSTREAMER = [
    "0:00:01.1 7 0x55afe1079af0 WARN  rtpjitterbuffer gstrtpjitterbuffer.c:3063:big_gap:<rtpjitterbuffer0> gap of 5",
    "0:00:01.1 7 0x7f00 ERROR           basesink gstbasesink.c:1:render:<pictures> was late",
    "0:00:01.1 7 0x7f00 WARN              libav :0:: error while decoding MB 3 7, bytestream -5",
    'WARNING: erroneous pipeline: no element "x264enc"',
    "ERROR: from element /GstPipeline:pipeline0/GstRTSPSrc:rtspsrc0: Could not read from resource.",
]
OF_FFMPEG = [
    "[h264 @ 0x55d0c8a3f2c0] error while decoding MB 3 7, bytestream -5",
    "[rtsp @ 0x55d0c8a3f2c0] max delay reached. need to consume packet",
]


@pytest.mark.parametrize("line", OF_GSTREAMER)
def test_an_element_is_heard_in_the_midst_of_a_plugin_scan(line):
    assert gstreamer_complaints(f"{PLUGIN_SCAN}{line}\n{PLUGIN_SCAN}") == [line]


@pytest.mark.parametrize("line", OF_FFMPEG)
def test_a_part_of_ffmpeg_is_heard(line):
    noise = "Fontconfig error: Cannot load default config file\nlibva info: VA-API version 1.17.0\n"
    assert ffmpeg_complaints(f"{noise}{line}\n{noise}") == [line]
