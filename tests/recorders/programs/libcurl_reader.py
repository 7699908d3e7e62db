"""libcurl as a reader: `libcurl_reader.py URL USER PASSWORD PICTURES` writes RTP packets to /tmp/packets, each after
its length as in RFC 4571.

libcurl speaks RTSP for the program that uses it, and hands out what is interleaved; it has no UDP. The numbers are from
curl/curl.h and never change. Runs in the recorders' root.
"""

import ctypes
import sys
from pathlib import Path

CURLOPT = {
    "URL": 10002,
    "WRITEFUNCTION": 20011,
    "HTTPAUTH": 107,
    "USERNAME": 10173,
    "PASSWORD": 10174,
    "RTSP_REQUEST": 189,
    "RTSP_STREAM_URI": 10191,
    "RTSP_TRANSPORT": 10192,
    "INTERLEAVEFUNCTION": 20196,
}
REQUEST = {"DESCRIBE": 2, "SETUP": 4, "PLAY": 5, "TEARDOWN": 7, "RECEIVE": 11}
DIGEST = 2
MARKER = 0x80
Callback = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
url, user, password, wanted = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3].encode(), int(sys.argv[4])
dump = Path("/tmp/packets").open("wb")  # noqa: SIM115 - closed when the program ends
pictures = 0
library = ctypes.CDLL("libcurl.so.4")
library.curl_easy_init.restype = ctypes.c_void_p
handle = ctypes.c_void_p(library.curl_easy_init())


@Callback
def take_body(_data, size, count, _user):
    return size * count


@Callback
def take_interleaved(data, size, count, _user):
    global pictures
    frame = ctypes.string_at(data, size * count)
    if frame[1] == 0:
        dump.write(frame[2:])  # RFC 2326 section 10.12: `$`, channel, length, packet
        pictures += bool(frame[5] & MARKER)
    return size * count


def set_option(name, value):
    failed = library.curl_easy_setopt(handle, CURLOPT[name], value)
    assert not failed, f"CURLOPT_{name}: {failed}"


def ask(method, uri):
    set_option("RTSP_REQUEST", ctypes.c_long(REQUEST[method]))
    set_option("RTSP_STREAM_URI", ctypes.c_char_p(uri))
    failed = library.curl_easy_perform(handle)
    assert not failed, f"{method}: libcurl error {failed}"


for name, text in (("URL", url), ("USERNAME", user), ("PASSWORD", password)):
    set_option(name, ctypes.c_char_p(text))
set_option("HTTPAUTH", ctypes.c_long(DIGEST))
set_option("WRITEFUNCTION", take_body)
set_option("INTERLEAVEFUNCTION", take_interleaved)
ask("DESCRIBE", url)
set_option("RTSP_TRANSPORT", ctypes.c_char_p(b"RTP/AVP/TCP;unicast;interleaved=0-1"))
ask("SETUP", url + b"/trackID=0")
ask("PLAY", url)
while pictures < wanted:
    ask("RECEIVE", url)
ask("TEARDOWN", url)
