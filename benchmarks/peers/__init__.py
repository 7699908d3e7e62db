"""Servers that the same benchmark runs beside ours: each a small program of our own around somebody's library.

    live555     C++, one source shared by all its readers; from Debian sid, in a root of its own
    gstreamer   gst-rtsp-server, one pipeline shared by all its readers; from the machine's Debian

Both read the same clip as the service under test, repeated in one file so that nobody comes to its end.
"""
