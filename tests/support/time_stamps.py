"""Reads time stamps of MISB ST 0604 back from H.264, as a stranger to the service would, from the standard alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TimeStamp:
    """UTC in microseconds, whether the clock was said to follow a time source, and whether it was said to have been set
    since the last one: 1 forward, -1 back, 0 not."""

    wall_us: int
    is_locked: bool
    jump: int = 0


def time_stamps_in(annex_b: bytes) -> list[TimeStamp]:
    """Return the time stamps of an Annex B stream in order."""
    payloads = (_payload(unit) for unit in annex_b.split(b"\0\0\1") if unit[:1] and unit[0] & 0x1F == 6)
    found = [payload for messages in payloads for payload in messages]
    return [_read(payload) for payload in found if payload.startswith(b"MISPmicrosectime")]


def _payload(sei: bytes) -> list[bytes]:
    """Return the payloads of user_data_unregistered (ITU-T H.264 7.3.2.3.1, type 5) in a SEI NAL unit."""
    rbsp = sei[1:].replace(b"\0\0\3", b"\0\0")
    at, payloads = 0, []
    while len(rbsp) - at > 2:
        numbers = []
        for _ in ("payloadType", "payloadSize"):
            number = 0
            while rbsp[at] == 0xFF:
                number, at = number + 255, at + 1
            numbers.append(number + rbsp[at])
            at += 1
        kind, size_bytes = numbers
        if kind == 5:
            payloads.append(rbsp[at : at + size_bytes])
        at += size_bytes
    return payloads


def _read(payload: bytes) -> TimeStamp:
    status, stamp = payload[16], payload[17:]
    assert len(stamp) == 11
    assert status & 0x1F == 0x1F, "the reserved bits are set"
    assert stamp[2] == stamp[5] == stamp[8] == 0xFF
    wall_us = int.from_bytes(stamp[0:2] + stamp[3:5] + stamp[6:8] + stamp[9:11], "big")
    jump = (-1 if status & 0x20 else 1) if status & 0x40 else 0
    assert jump or not status & 0x20, "a direction without a jump"
    return TimeStamp(wall_us, not status & 0x80, jump)
