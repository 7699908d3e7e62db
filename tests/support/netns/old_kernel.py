"""Runs a program as if the kernel were older than 6.15: it refuses TCP_RTO_MAX_MS, as Debian trixie's does.

    python -m tests.support.netns.old_kernel PROGRAM ARGUMENT...

A seccomp filter answers `setsockopt(fd, IPPROTO_TCP, 44, ...)` with ENOPROTOOPT; nothing in the product needs to know
that it is being tested. The filter is inherited by what the program starts.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from typing import Final

TCP_RTO_MAX_MS: Final = 44  # linux/tcp.h since 6.15
_SETSOCKOPT_OF: Final = {"x86_64": 54, "aarch64": 208, "armv7l": 294}
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_RETURN_ERRNO: Final = 0x00050000
_RETURN_ALLOW: Final = 0x7FFF0000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_NUMBER_AT, _LEVEL_AT, _OPTION_AT = 0, 24, 32  # in struct seccomp_data: the call, and its second and third argument


def _filter(setsockopt_number: int) -> bytes:
    """Return the BPF program: four tests, then one of two answers."""
    conditions = ((_NUMBER_AT, setsockopt_number), (_LEVEL_AT, socket.IPPROTO_TCP), (_OPTION_AT, TCP_RTO_MAX_MS))
    program = b""
    for index, (offset, value) in enumerate(conditions):
        jump_to_allow = 2 * (len(conditions) - 1 - index) + 1
        program += struct.pack("HBBI", _LOAD, 0, 0, offset)
        program += struct.pack("HBBI", _JUMP_IF_EQUAL, 0, jump_to_allow, value)
    program += struct.pack("HBBI", _RETURN, 0, 0, _RETURN_ERRNO | errno.ENOPROTOOPT)
    return program + struct.pack("HBBI", _RETURN, 0, 0, _RETURN_ALLOW)


def refuse_rto_max() -> None:
    """Refuse the option to this process from now on; OSError where the kernel has no seccomp filters."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = _filter(_SETSOCKOPT_OF[platform.machine()])
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(code)))
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_rto_max()
    os.execvp(sys.argv[1], sys.argv[1:])
