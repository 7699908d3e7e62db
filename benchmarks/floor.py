"""The floor: the least that a Python process can spend on this job. One bytes object, a bare loop, the same pace.

Called by `benchmarks.fanout` as a process of its own (`python -m benchmarks.floor --transport tcp --count 50
--frame-bytes 16700`). It prints the port it waits at as one JSON line, waits for that many readers
(`benchmarks.readers --raw`), then hands each of them one mean frame thirty times a second: one `send()` over TCP, one
`sendmsg()` with UDP_SEGMENT over UDP. It ends when a reader leaves, or after its lifetime.
"""

import argparse
import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from tests.support.rtsp.wire import Transport

DATAGRAM_BYTES: Final = 1400
"""Of RTP with its header: what a packetizer for an MTU of 1500 makes."""
MAX_RUN_DATAGRAMS: Final = 46
"""One UDP_SEGMENT call takes at most 64 datagrams and 65,000 bytes."""
SEND_BUFFER_BYTES: Final = 1 << 20

_SOL_UDP: Final = 17
_UDP_SEGMENT: Final = 103
_SEGMENT: Final = (_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", DATAGRAM_BYTES))

Send = Callable[[], object]


def serve_floor(transport: Transport, count: int, frame_bytes: int, fps: float, lifetime_s: float) -> None:
    """Serve one run: `count` readers, a frame of `frame_bytes` to each `fps` times a second, `lifetime_s` at most."""
    deadline = time.monotonic() + lifetime_s
    frame = bytes(frame_bytes)
    with ExitStack() as sockets:
        if transport == "tcp":
            peers = [sockets.enter_context(peer) for peer in _tcp_peers(count, lifetime_s)]
            sends: list[Send] = [partial(peer.send, frame) for peer in peers]
        else:
            peers = [sockets.enter_context(peer) for peer in _udp_peers(count, lifetime_s)]
            sends = [partial(peer.sendmsg, [run], [_SEGMENT]) for peer in peers for run in _runs(frame)]
        try:
            _send_paced(sends, 1 / fps, deadline)
        except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError):
            pass  # a reader has left: the run is over


def _send_paced(sends: list[Send], interval_s: float, deadline: float) -> None:
    """Call every `send` once an interval; a reader that is too slow misses bytes, which its own count shows."""
    next_frame = time.monotonic()
    while next_frame < deadline:
        time.sleep(max(0.0, next_frame - time.monotonic()))
        for send in sends:
            try:
                send()
            except BlockingIOError:
                continue
        next_frame += interval_s


def _runs(frame: bytes) -> list[bytes]:
    run_bytes = DATAGRAM_BYTES * MAX_RUN_DATAGRAMS
    return [frame[start : start + run_bytes] for start in range(0, len(frame), run_bytes)]


def _tcp_peers(count: int, wait_s: float) -> list[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listener:
        listener.settimeout(wait_s)
        _print_port(listener)
        peers = [listener.accept()[0] for _ in range(count)]
    for peer in peers:
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return peers


def _udp_peers(count: int, wait_s: float) -> list[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greeted:
        greeted.bind(("127.0.0.1", 0))
        greeted.settimeout(wait_s)
        _print_port(greeted)
        return [_connected_udp(greeted.recvfrom(64)[1]) for _ in range(count)]


def _connected_udp(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.connect(address)
    sock.setblocking(False)
    return sock


def _print_port(sock: socket.socket) -> None:
    print(json.dumps({"event": "listening", "port": sock.getsockname()[1]}), flush=True)


def main() -> None:
    """Serve one run as the command line says."""
    parser = argparse.ArgumentParser(description="The least a Python process can spend on sending a stream.")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--frame-bytes", type=int, required=True)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--lifetime-s", type=float, default=60.0)
    arguments = parser.parse_args()
    serve_floor(arguments.transport, arguments.count, arguments.frame_bytes, arguments.fps, arguments.lifetime_s)


if __name__ == "__main__":
    main()
