"""The service with something broken inside that no peer can break, while the file exists that `SABOTAGE` names.

    python -m tests.support.sabotage clock edge_streamer serve ...

Replaces, in that process, what Python or the product would call; no test of a peer's doing needs it. Run by
`tests.interop.test_endurance` only.
"""

import errno
import gc
import os
import runpy
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "SABOTAGE"
YEAR_S: Final = 365 * 24 * 3600
FATAL_RTCP: Final = bytes.fromhex("80ca0001deadbeef")
"""An SDES without chunks but with a length (RFC 3550 section 6.5): what `rtcp` makes the handler fail on."""
LEFT_FOR_THE_COLLECTOR: Final = "left_for_the_collector"


def is_on() -> bool:
    """Whether it is broken now."""
    return Path(os.environ[VARIABLE]).exists()


def set_clock_back() -> None:
    """The wall clock says that it is a year ago, in the server and in its sources; the monotonic one goes on."""
    from edge_streamer.services.supervision.spec import SourceSpec

    def earlier(read: Callable[[], Any], year: int) -> Callable[[], Any]:
        return lambda: read() - year if is_on() else read()

    time.time = earlier(time.time, YEAR_S)
    time.time_ns = earlier(time.time_ns, YEAR_S * 10**9)
    arguments = SourceSpec.arguments

    def sabotaged_arguments(spec: SourceSpec) -> list[str]:
        python, _m, program, *rest = arguments(spec)
        return [python, "-m", "tests.support.sabotage", "clock", program, *rest]

    SourceSpec.arguments = sabotaged_arguments


def fail_on_rtcp() -> None:
    """What takes RTCP raises when it gets `FATAL_RTCP`."""
    from edge_streamer.services.rtsp.playback import Playback

    take_rtcp = Playback.take_rtcp

    def take_or_fail(playback: Playback, packet: bytes, now: float) -> None:
        if packet == FATAL_RTCP:
            raise RuntimeError("sabotage")
        take_rtcp(playback, packet, now)

    Playback.take_rtcp = take_or_fail


def fill_send_buffers() -> None:
    """No datagram can be sent: ENOBUFS, as a network card whose queue is full answers."""

    def refusing(send: Callable[..., int]) -> Callable[..., int]:
        def send_or_refuse(sock: socket.socket, *arguments: Any) -> int:
            if sock.type == socket.SOCK_DGRAM and is_on():
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            return send(sock, *arguments)

        return send_or_refuse

    socket.socket.send = refusing(socket.socket.send)
    socket.socket.sendmsg = refusing(socket.socket.sendmsg)


def stop_collecting() -> None:
    """The garbage collector never runs; what it would have found by the end is said then."""
    from edge_streamer.runtime.loop import Loop

    run = Loop.run

    def run_and_count(loop: Loop) -> None:
        run(loop)
        print(f"{LEFT_FOR_THE_COLLECTOR}={gc.collect()}", flush=True)

    gc.disable()
    Loop.run = run_and_count


SABOTAGES: Final[Mapping[str, Callable[[], None]]] = {
    "clock": set_clock_back,
    "rtcp": fail_on_rtcp,
    "buffers": fill_send_buffers,
    "collector": stop_collecting,
}


def main() -> None:
    """Sabotage, then be the program."""
    _self, sabotage, program, *arguments = sys.argv
    SABOTAGES[sabotage]()
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
