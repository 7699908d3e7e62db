"""A loopback address that no other test run uses: all of 127.0.0.0/8 is this machine."""

import os


def own_host(last: int) -> str:
    """Return 127.x.y.`last`, where x and y are this process's own as far as process ids go."""
    return f"127.{1 + os.getpid() // 256 % 250}.{os.getpid() % 256}.{last}"
