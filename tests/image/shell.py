"""A root shell on a serial port of an emulated device: commands go in, what they print and how they ended comes back.

    shell = Shell(path)                       # a Unix socket of QEMU's
    shell.connect(deadline_s)
    shell.run("systemctl is-system-running --wait")

On the other side is systemd's debug shell, which a kernel parameter starts (systemd-debug-generator(8)). It is a shell
for people: it echoes, and has a prompt and an editor. The first commands turn these off.
"""

import re
import socket
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

COMMAND_DEADLINE_S: Final = 180.0
_RETRY_S: Final = 5.0
_SEND_DEADLINE_S: Final = 10.0
_READ_BYTES: Final = 65536
_LONGEST_LINE_BYTES: Final = 4000  # of a terminal in canonical mode: N_TTY_BUF_SIZE is 4096


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and both of its outputs."""

    returncode: int
    output: str


class Shell:
    """See the module. TimeoutError when a command does not end in time, ConnectionError when QEMU has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._received = b""
        self._marks = count(1)

    def connect(self, deadline_s: float) -> None:
        """Return when the shell answers; a second call does nothing: the prompt that it would wait for came once."""
        if self._socket is not None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(self._path))
        # Its prompt comes first: until the shell reads, what is sent would only fill QEMU's socket.
        deadline = time.monotonic() + deadline_s
        if self._received_within(".", deadline_s) is None:
            raise TimeoutError(f"there is no shell after {deadline_s} s")
        while not self._is_plain():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the shell does not answer: {self._received[-500:]!r}")

    def _is_plain(self) -> bool:
        """Have a shell without an editor and a prompt take its place, and return whether it answers."""
        mark = next(self._marks)
        # The quotes keep the echo of this line from being taken for the answer.
        self._send(f"\nstty -echo -onlcr; exec env PS1= PS2= ENV= sh\necho plain''-{mark}\n")
        return self._received_within(rf"plain-{mark}\n", _RETRY_S) is not None

    def close(self) -> None:
        """Leave it; a second call does nothing."""
        if self._socket is not None:
            self._socket.close()

    def run(self, script: str, timeout_s: float = COMMAND_DEADLINE_S) -> str:
        """Return what a script prints; AssertionError when it fails."""
        ended = self.ended(script, timeout_s)
        assert ended.returncode == 0, f"in the guest, {script!r} ended with {ended.returncode}: {ended.output}"
        return ended.output

    def ended(self, script: str, timeout_s: float = COMMAND_DEADLINE_S) -> Ended:
        """Run a script in a shell of its own that may fail and return how it ended."""
        assert max(map(len, script.encode().split(b"\n"))) < _LONGEST_LINE_BYTES, "a line is too long for a terminal"
        mark = f"mark-{next(self._marks)}"
        self._send(f"(\n{script}\n) </dev/null 2>&1; code=$?; echo; echo {mark[:3]}''{mark[3:]} $code\n")
        output = self._received_within(rf"\n{mark} (\d+)\r?\n", timeout_s)
        if output is None:
            raise TimeoutError(f"{script!r} did not end within {timeout_s} s: {self._received[-500:]!r}")
        text, code = output
        return Ended(int(code), text)

    def _send(self, text: str) -> None:
        assert self._socket is not None, "the shell was not connected"
        self._socket.settimeout(_SEND_DEADLINE_S)
        self._socket.sendall(text.encode())

    def _received_within(self, pattern: str, timeout_s: float) -> tuple[str, str] | None:
        """Return what came before the pattern and the pattern's group; None when it does not come in time."""
        assert self._socket is not None, "the shell was not connected"
        deadline = time.monotonic() + timeout_s
        while True:
            text = self._received.decode(errors="replace").replace("\r\n", "\n")
            if found := re.search(pattern, text):
                self._received = text[found.end() :].encode()
                return text[: found.start()], found[found.lastindex or 0]
            self._socket.settimeout(max(0.0, deadline - time.monotonic()) or 0.001)
            try:
                data = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("QEMU has ended")
            self._received += data
