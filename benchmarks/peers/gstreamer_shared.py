"""One MP4, one pipeline for all readers of rtsp://127.0.0.1:PORT/clip: `python3 gstreamer_shared.py FILE.mp4 PORT`.

Run by the machine's own Python, which has Debian's `python3-gi`; not imported by anything of ours.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - after require_version, as GObject introspection wants


def main() -> None:
    """Serve until killed."""
    path, port = sys.argv[1:]
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{path}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 )')
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/clip", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
