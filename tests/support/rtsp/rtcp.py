"""A tiny RTCP reader for tests, written from RFC 3550 6.1 alone: it shares no code with the server's."""

GOODBYE = 203


def says_goodbye(data: bytes) -> bool:
    """Tell whether a compound packet holds a BYE; strict where a receiver would be lenient."""
    return GOODBYE in packet_types(data)


def packet_types(data: bytes) -> list[int]:
    """Return the types of the packets in a compound packet, which must end with a whole one."""
    types = []
    start = 0
    while start < len(data):
        assert data[start] >> 6 == 2, f"byte {start} is {data[start]:#x}: version 2 expected"
        assert not data[start] & 0x20, "padding: the server sends none"
        types.append(data[start + 1])
        start += 4 * (1 + int.from_bytes(data[start + 2 : start + 4], "big"))
    assert start == len(data), f"the packet ends {start - len(data)} bytes beyond the data"
    return types
