"""Every way in which a program is run against the service: its command, its transport, and what it complains with.

`docs/clients.md` has this table (`tests.tools.clients_docs`), so what it calls tested is what is here.
"""

import re
from dataclasses import dataclass
from typing import Final

from tests.support.netns.namespaces import SERVER_ADDRESS
from tests.support.netns.service import RTSP_PORT

USER: Final = "recorder"
PASSWORD: Final = "p4ssw0rd.of-the-camera"
STREAM: Final = "main"
DATED_STREAM: Final = "dated"
"""The same with `timestamps = \"sei\"`."""
WIDTH: Final = 640
HEIGHT: Final = 352  # motion takes multiples of 16 only
FRAME_RATE_HZ: Final = 10
PICTURES: Final = 30
"""Three seconds at ten a second: two key frames, so that a second group of pictures is decoded, too."""
ADDRESS: Final = f"{SERVER_ADDRESS}:{RTSP_PORT}"
LOGIN: Final = f"{USER}:{PASSWORD}"
URL: Final = f"rtsp://{LOGIN}@{ADDRESS}/{STREAM}"
BARE_URL: Final = f"rtsp://{ADDRESS}/{STREAM}"
AS_NOBODY: Final = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
_OF_FFMPEG: Final = r"\[[^]]+ @ 0x[0-9a-f]+\] "
_OF_ZONEMINDER: Final = r"\.(WAR|ERR|FAT|PNC)-(?!.*(Some thread isn't keeping up|in probation|frame 0\b))"
"""Its own source begins to listen when it has read the reply to PLAY: what came before is missing, as it says of the
sequence "in probation" and of "frame 0"."""
_OF_VLC: Final = r"(live555|ts|h264|packetizer|input|stream|mux) .*(error|warning)(?!.*DEPRECATED)"
_MOTION_RATE_HZ: Final = 30


@dataclass(frozen=True, slots=True)
class Recorder:
    """One program over one transport.

    `package` is Debian's or PyPI's. A program that does not end by itself is ended when it has written `files`.
    `samples` is whether it saves the newest picture at times of its own, some twice or not at all.
    `complaint` matches a line of its log that speaks of a fault in what it got.
    """

    name: str
    package: str
    transport: str
    command: tuple[str, ...]
    complaint: str
    files: int = 0
    samples: bool = False
    how: str = ""

    @property
    def id(self) -> str:
        """What the test is called."""
        words = re.findall("[a-z0-9]+", f"{self.name} {self.how} {self.transport}".lower())
        return "-".join(words)

    def complaints(self, log: str) -> list[str]:
        """Return the lines of its log that speak of a fault in what it got."""
        return [line for line in log.splitlines() if re.search(self.complaint, line)]


def openrtsp(transport: str, *arguments: str, seconds: int = 4) -> Recorder:
    """Return openRTSP, which is live555's client, as a recorder for so long."""
    command = ("env", "--chdir=/tmp", "openRTSP", "-V", "-d", str(seconds), "-b", "400000", *arguments, URL)
    how = f"`{arguments[0]}`" if arguments else ""
    return Recorder("openRTSP", "livemedia-utils", transport, command, r"(?i)fail|error|overflow|trunc|unable", how=how)


def mpv(transport: str, option: str, login: str = LOGIN) -> Recorder:
    """Return mpv, which is given so many pictures, as fast as they come."""
    sink = ("--vo=image", "--vo-image-format=jpg", "--vo-image-outdir=/tmp/pictures", "--untimed", "--ao=null")
    source = ("mpv", "--no-config", f"--rtsp-transport={option}", f"--frames={PICTURES}")
    return Recorder(
        "mpv",
        "mpv",
        transport,
        (*source, *sink, f"rtsp://{login}@{ADDRESS}/{STREAM}"),
        r"^\[(ffmpeg|lavf|vd)[^]]*\] (?!.*deprecated)",
    )


def _opencv(transport: str, option: str) -> Recorder:
    environment = ("env", f"OPENCV_FFMPEG_CAPTURE_OPTIONS=rtsp_transport;{option}")
    command = (*environment, "python3", "/opt/recorders/opencv_reader.py", URL, str(PICTURES))
    return Recorder("OpenCV", "opencv-python-headless", transport, command, _OF_FFMPEG)


def _aiortsp(transport: str, scheme: str) -> Recorder:
    url = URL.replace("rtsp", scheme, 1)
    command = ("python3", "/opt/recorders/aiortsp_reader.py", url, str(PICTURES))
    return Recorder("aiortsp", "python3-aiortsp", transport, command, r"(?i)error|traceback|warning")


def _motion(transport: str) -> Recorder:
    source = f"netcam_url {BARE_URL}\nnetcam_userpass {LOGIN}\nnetcam_params rtsp_transport={transport.lower()}"
    settings = f"{source}\nframerate {_MOTION_RATE_HZ}\n"
    script = (
        f"(cat /opt/recorders/motion.conf; printf '{settings}') >/tmp/motion.conf; exec motion -n -c /tmp/motion.conf"
    )
    complaint = r"\[(ERR|CRT|ALR|EMG)\]|decod.*(error|fail)"
    files = PICTURES * _MOTION_RATE_HZ // FRAME_RATE_HZ * 4 // 3
    return Recorder("motion", "motion", transport, ("sh", "-c", script), complaint, files=files, samples=True)


def _zoneminder(how: str, transport: str, monitor: str) -> Recorder:
    command = ("sh", "-eu", "/opt/recorders/zoneminder.sh", f"Width = {WIDTH}, Height = {HEIGHT}, {monitor}")
    return Recorder("ZoneMinder", "zoneminder", transport, command, _OF_ZONEMINDER, files=PICTURES, how=how)


def zoneminder_ffmpeg(transport: str, method: str, stream: str = STREAM) -> Recorder:
    """Return ZoneMinder with the source that is FFmpeg's."""
    source = f"Type = 'Ffmpeg', Method = '{method}', Path = 'rtsp://{LOGIN}@{ADDRESS}/{stream}'"
    return _zoneminder("type Ffmpeg", transport, source)


def _zoneminder_remote(how: str, transport: str, method: str) -> Recorder:
    """Return ZoneMinder with its own source."""
    source = f"Host = '{LOGIN}@{SERVER_ADDRESS}', Port = '{RTSP_PORT}', Path = '/{STREAM}'"
    return _zoneminder(how, transport, f"Type = 'Remote', Protocol = 'rtsp', Method = '{method}', {source}")


def vlc_command(*more: str) -> tuple[str, ...]:
    """Return VLC as a recorder, which it is for no more than five seconds, and not as root."""
    sink = "#std{access=file,mux=ts,dst=/tmp/recording.ts}"
    arguments = ("--intf=dummy", "--no-color", "--run-time=5", "--play-and-exit", f"--sout={sink}", *more)
    return (*AS_NOBODY, "cvlc", *arguments, URL)


_MPLAYER: Final = (
    "mplayer",
    "-nosound",
    "-benchmark",
    "-vo",
    "jpeg:outdir=/tmp/pictures",
    "-frames",
    str(PICTURES),
    URL,
)
_LIBCURL: Final = ("python3", "/opt/recorders/libcurl_reader.py", BARE_URL, USER, PASSWORD, str(PICTURES))

RECORDERS: Final = (
    zoneminder_ffmpeg("TCP", "rtpRtsp"),
    zoneminder_ffmpeg("UDP", "rtpUni"),
    _zoneminder_remote("type Remote, RTP/RTSP", "TCP", "rtpRtsp"),
    _zoneminder_remote("type Remote, RTP/Unicast", "UDP", "rtpUni"),
    _motion("TCP"),
    _motion("UDP"),
    openrtsp("TCP", "-t"),
    openrtsp("UDP"),
    openrtsp("UDP", "-p", "42000"),
    openrtsp("multicast", "-C"),
    mpv("TCP", "tcp"),
    mpv("UDP", "udp"),
    mpv("multicast", "udp_multicast"),
    Recorder("MPlayer", "mplayer", "UDP", _MPLAYER, _OF_FFMPEG),
    Recorder("VLC", "vlc-plugin-access-extra", "UDP", vlc_command(), _OF_VLC),
    _opencv("TCP", "tcp"),
    _opencv("UDP", "udp"),
    _opencv("multicast", "udp_multicast"),
    _aiortsp("TCP", "rtspt"),
    _aiortsp("UDP", "rtsp"),
    Recorder("libcurl", "curl", "TCP", _LIBCURL, r"(?i)error|traceback"),
)
