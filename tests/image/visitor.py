"""Somebody on the device's network: plays its stream, reads its pages, and is asked for a password.

visitor = Visitor(device, "admin", password)
visitor.wait_for_packet(120)              # seconds until the first RTP packet
visitor.get("/metrics")
"""

import http.client
import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from tests.image.machine import Device
from tests.support.rtsp.digest_client import DigestClient, parse_challenge
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import Response, video_control_url

ANSWER_DEADLINE_S: Final = 20.0
PROBE_DEADLINE_S: Final = 90.0
_RETRY_S: Final = 0.3
_UNAUTHORIZED: Final = 401


class RefusedError(Exception):
    """The password is wrong."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user of the service with a password."""

    device: Device
    user: str
    password: str

    def wait_for_packet(self, within_s: float) -> float:
        """Return the seconds between power-on and the first RTP packet; RefusedError when the password is wrong.

        Before the device listens, QEMU takes the connection itself and closes it.
        """
        deadline = time.monotonic() + within_s
        while True:
            try:
                return self.first_packet() - self.device.began
            except (OSError, AssertionError) as failure:
                assert self.device.is_on(), f"the device went off: {self.device.console[-4000:]}"
                said = f"no packet within {within_s} s: {failure}\n{self.device.console[-4000:]}"
                assert time.monotonic() < deadline, said
                time.sleep(_RETRY_S)

    def first_packet(self) -> float:
        """Play the stream and return when its first RTP packet came (monotonic).

        RefusedError when the password is wrong, OSError or AssertionError when it is not played.
        """
        with RtspReader(self.device.rtsp_url, timeout_s=ANSWER_DEADLINE_S) as reader:
            assert reader.options().status == 200
            reader.description = self._asked(reader, "DESCRIBE", reader.url, {"Accept": "application/sdp"})
            track = video_control_url(reader.description, reader.url)
            transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
            reader.session_id = self._asked(reader, "SETUP", track, transport).session_id
            self._asked(reader, "PLAY", reader.url, {})
            return reader.next_rtp().arrived

    def probe(self) -> dict[str, Any]:
        """Return what ffprobe says of the video, after three pictures over TCP; AssertionError with its complaint."""
        address = self.device.rtsp_url.removeprefix("rtsp://")
        url = f"rtsp://{self.user}:{quote(self.password, safe='')}@{address}"
        asked = ["-show_entries", "stream=codec_name,width,height,nb_read_frames", "-of", "json"]
        command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-count_frames", "-read_intervals", "%+#3"]
        done = subprocess.run(
            [*command, *asked, url], capture_output=True, text=True, timeout=PROBE_DEADLINE_S, check=False
        )
        assert done.returncode == 0, done.stderr
        (stream,) = json.loads(done.stdout)["streams"]
        return dict(stream)

    def get(self, path: str) -> str:
        """Return the body of one GET to port 80; RefusedError, or AssertionError at any status but 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.device.ports[80], timeout=ANSWER_DEADLINE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == _UNAUTHORIZED:
                challenge = parse_challenge(answer.headers["www-authenticate"])
                login = DigestClient(self.user, self.password).answer(challenge, "GET", path, qop=True)
                connection.request("GET", path, headers={"Authorization": login})
                answer = connection.getresponse()
                body = answer.read()
        finally:
            connection.close()
        if answer.status == _UNAUTHORIZED:
            raise RefusedError(f"{path}: {self.user} is not let in")
        assert answer.status == 200, f"{path} answered {answer.status}: {body[:500]!r}"
        return body.decode()

    def get_json(self, path: str) -> Any:
        """Return the JSON at that path."""
        return json.loads(self.get(path))

    def _asked(self, reader: RtspReader, method: str, url: str, headers: dict[str, str]) -> Response:
        response = reader.request(method, url, headers)
        if response.status == _UNAUTHORIZED:
            challenge = parse_challenge(response.headers["www-authenticate"])
            login = DigestClient(self.user, self.password).answer(challenge, method, url)
            response = reader.request(method, url, headers | {"Authorization": login})
        if response.status == _UNAUTHORIZED:
            raise RefusedError(f"{method}: {self.user} is not let in")
        assert response.status == 200, f"{method} answered {response.status} {response.reason}"
        return response
