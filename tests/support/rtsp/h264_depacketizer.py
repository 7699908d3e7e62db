"""RTP packets back to H.264 access units, written from RFC 6184 alone: it shares no code with the packetizer.

Strict where a receiver would be lenient: what breaks a rule of packetization-mode=1 fails the test.
"""

from collections.abc import Iterable, Iterator

from tests.support.rtsp.rtp import RtpPacket


def access_units(packets: Iterable[bytes]) -> list[list[bytes]]:
    """Return each access unit's NAL units. Sequence numbers must be contiguous, and a unit one timestamp's."""
    units: list[list[bytes]] = []
    unit: list[RtpPacket] = []
    previous: RtpPacket | None = None
    for packet in map(RtpPacket.parse, packets):
        if previous is not None:
            assert packet.sequence == (previous.sequence + 1) % 65536
        assert not unit or packet.timestamp == unit[0].timestamp, "a new timestamp before the marker"
        unit.append(packet)
        previous = packet
        if packet.marker:
            units.append(list(_nal_units(one.payload for one in unit)))
            unit = []
    assert not unit, "the last access unit has no marker"
    return units


def annex_b(nal_units: Iterable[bytes]) -> bytes:
    """Return NAL units with four-byte start codes."""
    return b"".join(b"\x00\x00\x00\x01" + nal for nal in nal_units)


def _nal_units(payloads: Iterable[bytes]) -> Iterator[bytes]:
    fragments = b""
    for payload in payloads:
        kind = payload[0] & 31
        assert kind == 28 or not fragments, "a fragmented NAL unit was left unfinished"
        if kind == 28:
            fragments = _joined(fragments, payload)
            if payload[1] & 0x40:
                yield fragments
                fragments = b""
        elif kind == 24:
            yield from _aggregated(payload)
        else:
            assert 1 <= kind <= 23, f"packet type {kind} in packetization-mode=1"
            yield payload
    assert not fragments, "the access unit ends within a fragmented NAL unit"


def _joined(fragments: bytes, payload: bytes) -> bytes:
    start, end, reserved = payload[1] & 0x80, payload[1] & 0x40, payload[1] & 0x20
    header = bytes([payload[0] & 0xE0 | payload[1] & 0x1F])
    assert not reserved
    assert not (start and end), "one fragment is no fragmentation (RFC 6184 5.8)"
    assert bool(start) == (not fragments), "the start bit is on the first fragment and no other"
    assert start or header == fragments[:1], "a fragment of another NAL unit"
    assert len(payload) > 2, "an empty fragment"
    return (fragments or header) + payload[2:]


def _aggregated(payload: bytes) -> Iterator[bytes]:
    nal_units = []
    start = 1
    while start < len(payload):
        size = int.from_bytes(payload[start : start + 2], "big")
        nal = payload[start + 2 : start + 2 + size]
        assert size == len(nal) > 0, "the aggregate is cut off"
        nal_units.append(nal)
        start += 2 + size
    assert nal_units
    assert payload[0] & 0x60 == max(nal[0] & 0x60 for nal in nal_units), "NRI is not the highest of those inside"
    assert payload[0] >> 7 == max(nal[0] >> 7 for nal in nal_units), "F is not the highest of those inside"
    yield from nal_units
