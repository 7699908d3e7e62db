"""What every emulated computer of the tests has: a QEMU that ends with them, and a network that leads nowhere else.

ports = free_ports([80, 554])
with running_emulator(["qemu-system-x86_64", ..., *virtio_network(ports)]) as process:
    ...                                          # 127.0.0.1:{ports[80]} is the guest's port 80
"""

import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

GUEST_ADDRESS: Final = "10.0.2.15"
"""What the DHCP server of QEMU's user network gives; a guest without DHCP takes it by itself."""


@contextmanager
def running_emulator(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run QEMU until the block ends or the tests do, however they end; the end is that of a power cut."""
    tied = ["setpriv", "--pdeathsig", "KILL", *command]
    process = subprocess.Popen(tied, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def virtio_network(ports: Mapping[int, int]) -> list[str]:
    """Return QEMU's options for a network on which nothing is reached but these ports of the guest, from this machine.

    `ports` is guest -> here.
    """
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-{GUEST_ADDRESS}:{there}" for there, here in ports.items())
    return ["-netdev", f"user,id=net,restrict=on{forwards}", "-device", "virtio-net-pci,netdev=net"]


def free_ports(there: Iterable[int]) -> dict[int, int]:
    """Return a free port of this machine for each of the guest's; they stay free long enough for QEMU to take them."""
    with_sockets = {port: socket.create_server(("127.0.0.1", 0)) for port in there}
    ports = {port: sock.getsockname()[1] for port, sock in with_sockets.items()}
    for sock in with_sockets.values():
        sock.close()
    return ports
