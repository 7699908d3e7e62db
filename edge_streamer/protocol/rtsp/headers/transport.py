"""Transport (RFC 2326 section 12.39): a request offers alternatives, a reply names exactly one.

The parser is lenient, because NVRs differ here more than anywhere else; the encoder is strict. `destination`, `port`
and `ttl` are never read: media goes to the peer that asks for it or to the group that the operator chose, so that no
peer can aim the stream at a third host.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

Lower = Literal["tcp", "udp", "multicast"]
Pair = tuple[int, int]

# live555 of 2026.07 forgot RTP/AVP/UDP and lost ffmpeg, mpv and retina.
_LOWER_OF_PROFILE: Final[dict[str, Lower]] = {"RTP/AVP/TCP": "tcp", "RTP/AVP": "udp", "RTP/AVP/UDP": "udp"}
_PLACES: Final[dict[Lower, tuple[str, ...]]] = {
    "tcp": ("channels",),
    "udp": ("client_ports", "server_ports"),
    "multicast": ("target",),
}
_PLAY_MODES: Final = frozenset({"play", "receive"})
_LAST_CHANNEL: Final = 255
_LAST_PORT: Final = 65535

_ALTERNATIVE: Final = re.compile(r'(?:[^,"]+|"[^"]*")+')  # a comma in `mode="PLAY,RECORD"` divides nothing
_PAIR: Final = re.compile(r"([0-9]{1,5})(?:[ \t]*-[ \t]*([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class TransportOffer:
    """One alternative of a request. A pair that is absent or malformed is None.

    In a `SetupRequested` event the pairs are decided: `interleaved` is free on the connection, `client_ports` are
    usable. A multicast offer has no pair: the reply names the group.
    """

    lower: Lower
    interleaved: Pair | None = None
    client_ports: Pair | None = None
    mode: str = "play"

    def is_servable(self, transports: Collection[str]) -> bool:
        """Say whether one of `transports` serves it.

        A UDP offer needs ports: `client_port=0-0` gave live555 a session that nothing could end.
        """
        reachable = self.lower != "udp" or self.client_ports is not None
        return reachable and self.lower in transports and not _PLAY_MODES.isdisjoint(self.mode.split(","))


@dataclass(frozen=True, slots=True)
class MulticastTarget:
    """A multicast destination: a literal address without brackets, its RTP and RTCP ports, the TTL of its packets, and
    the literal address that they come from.

    `source` need not be the address that the client reached: the machine may have several, and gortsplib drops packets
    from any other address than the announced one.
    """

    address: str
    ports: Pair
    ttl: int
    source: str


@dataclass(frozen=True, slots=True)
class TransportReply:
    """The transport a session uses: channels for "tcp", both port pairs for "udp", the target for "multicast";
    ValueError for a mixture."""

    lower: Lower
    ssrc: int
    channels: Pair | None = None
    client_ports: Pair | None = None
    server_ports: Pair | None = None
    target: MulticastTarget | None = None

    def __post_init__(self) -> None:
        places = ("channels", "client_ports", "server_ports", "target")
        if tuple(name for name in places if getattr(self, name) is not None) != _PLACES[self.lower]:
            raise ValueError(f"a {self.lower} transport cannot have these places: {self}")
        if not 0 <= self.ssrc < 1 << 32:
            raise ValueError(f"an SSRC has 32 bits: {self.ssrc}")

    def encode(self) -> str:
        """Return the reply's value; go2rtc and retina need the dash, retina drops packets of any other SSRC."""
        if self.channels is not None:
            where = f"RTP/AVP/TCP;unicast;interleaved={_encode_pair(self.channels)}"
        elif self.target is not None:
            target = self.target
            ports = _encode_pair(target.ports)
            group = f"destination={target.address};source={target.source}"  # live555's order
            where = f"RTP/AVP;multicast;{group};port={ports};ttl={target.ttl}"
        else:
            where = "RTP/AVP;unicast" + "".join(
                f";{name}={_encode_pair(pair)}"
                for name, pair in (("client_port", self.client_ports), ("server_port", self.server_ports))
                if pair is not None
            )
        return f"{where};ssrc={self.ssrc:08X}"


def parse_transport(value: str) -> tuple[TransportOffer, ...]:
    """Return the alternatives of a request in its order, without those of unknown profiles."""
    offers = (_parse_alternative(alternative) for alternative in _ALTERNATIVE.findall(value))
    return tuple(offer for offer in offers if offer is not None)


def _parse_alternative(text: str) -> TransportOffer | None:
    profile, *fields = (field.strip(" \t") for field in text.split(";"))
    lower = _LOWER_OF_PROFILE.get(profile.upper())
    parameters = dict(_parse_parameter(field) for field in fields)
    if "multicast" in parameters:
        lower = "multicast" if lower == "udp" else None
    if lower is None:
        return None
    return TransportOffer(
        lower,
        interleaved=_parse_pair(parameters.get("interleaved", ""), 0, _LAST_CHANNEL),
        client_ports=_parse_pair(parameters.get("client_port", ""), 1, _LAST_PORT),
        mode=parameters.get("mode", "").strip('"').lower() or "play",
    )


def _parse_parameter(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name.strip(" \t").lower(), value.strip(" \t")


def _parse_pair(text: str, lowest: int, highest: int) -> Pair | None:
    match = _PAIR.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    second = int(match[2]) if match[2] else first + 1  # RFC 2326 section 12.39: one number means it and the next
    usable = lowest <= first <= highest and lowest <= second <= highest and first != second
    return (first, second) if usable else None


def _encode_pair(pair: Pair) -> str:
    return f"{pair[0]}-{pair[1]}"
