"""The settings of RTSP: the sections `[rtsp]` and `[multicast]`, and values derived from them.

A field's annotations stand only here: `config` reads and checks a file by them, and `docs/configuration.md` is written
from them. The services use the values as they are; `RtspService.apply` applies changed values while the service runs.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import count
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_streamer.protocol.rtsp.limits import DEFAULT_LIMITS, RtspLimits
from edge_streamer.runtime.address import LISTEN_EXTRA, PORT_RANGE_EXTRA, Listen, ListenAddress, PortRange
from edge_streamer.runtime.udp.multicast import GroupAddress

EXPIRY_FACTOR: Final = 1.5
"""Sessions are ended later than advertised: some clients ping at the very time-out, some VLC builds even after it."""


class RtspSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[rtsp]`: the RTSP server and its limits."""

    listen: Annotated[
        Listen,
        Meta(
            description="Addresses the RTSP server listens on. Beyond loopback only with users or `anonymous = true`.",
            extra={**LISTEN_EXTRA, "restart_only": True},
        ),
    ] = (ListenAddress("127.0.0.1", 8554),)
    transports: Annotated[
        frozenset[Literal["tcp", "udp", "multicast"]],
        Meta(
            description="Transports that clients may use: `tcp` is interleaved in the RTSP connection, `udp` is "
            "unicast, `multicast` sends once for all viewers, to the groups of `[multicast]`.",
            min_length=1,
            extra={"allowed": 'a list of "tcp", "udp" and "multicast", at least one'},
        ),
    ] = frozenset({"tcp", "udp"})
    session_timeout_s: Annotated[
        int,
        Meta(
            description="Session time-out that clients are told, in seconds (RFC 2326 section 12.37).",
            ge=10,
            le=3600,
            extra={"restart_only": True, "limit": "shown"},
        ),
    ] = 60
    max_sessions: Annotated[
        int, Meta(description="Sessions at the same time, all viewers.", ge=1, le=10_000, extra={"limit": "counted"})
    ] = 64
    max_sessions_per_address: Annotated[
        int,
        Meta(
            description="Sessions at the same time from one IPv4 address or one IPv6 /64 network.",
            ge=1,
            le=10_000,
            extra={"limit": "counted"},
        ),
    ] = 16
    max_connections: Annotated[
        int,
        Meta(
            description="Open RTSP connections, with or without a session.", ge=1, le=10_000, extra={"limit": "counted"}
        ),
    ] = 256
    max_connections_per_address: Annotated[
        int,
        Meta(
            description="Open RTSP connections from one IPv4 address or one IPv6 /64 network.",
            ge=1,
            le=10_000,
            extra={"limit": "counted"},
        ),
    ] = 64
    setup_within_s: Annotated[
        int,
        Meta(
            description="A connection is closed after this many seconds without a session; each answered DESCRIBE or "
            "SETUP starts them again.",
            ge=2,
            le=300,
            extra={"limit": "counted"},
        ),
    ] = 10
    max_pending_describes: Annotated[
        int,
        Meta(
            description="DESCRIBEs that wait at the same time for a stream's first picture.",
            ge=1,
            le=10_000,
            extra={"limit": "counted"},
        ),
    ] = 32
    max_header_bytes: Annotated[
        int, Meta(description="Bytes of a request up to its blank line.", ge=1024, le=65_536, extra={"limit": "shown"})
    ] = DEFAULT_LIMITS.max_header_bytes
    max_body_bytes: Annotated[
        int, Meta(description="Bytes of a request's body.", ge=0, le=65_536, extra={"limit": "shown"})
    ] = DEFAULT_LIMITS.max_body_bytes
    udp_ports: Annotated[
        PortRange,
        Meta(
            description="UDP ports that media is sent from, first and last included; open them in the firewall.",
            extra={**PORT_RANGE_EXTRA, "restart_only": True, "limit": "counted"},
        ),
    ] = PortRange(50000, 50999)

    @property
    def session_expiry_s(self) -> float:
        """Seconds without a sign of life after which a session is ended."""
        return self.session_timeout_s * EXPIRY_FACTOR


def limits_of(settings: RtspSettings) -> RtspLimits:
    """Return the limits of the protocol objects of new connections: the settings of the same names, and fixed ones."""
    return msgspec.convert(settings, RtspLimits, from_attributes=True)


PORTS_A_STREAM: Final = 2
_CONTROL_BLOCK: Final = ip_network("224.0.0.0/24")
"""Routing protocols and mDNS (RFC 5771 section 4); switches send it everywhere."""


def _read_network(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a network")
    network = ip_network(value)
    if not network.is_multicast or (network.version == 4 and network.overlaps(_CONTROL_BLOCK)):
        raise ValueError("not for multicast")
    return str(network)


class MulticastSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[multicast]`: one group for each stream."""

    network: Annotated[
        str,
        Meta(
            description="Addresses of the groups: the first stream has the first one, the second stream the next one.",
            extra={
                "read": _read_network,
                "allowed": 'a multicast network such as "239.255.42.0/24" or "ff15::42:0/120", not 224.0.0.0/24',
                "restart_only": True,
            },
        ),
    ] = "239.255.42.0/24"  # administratively scoped, site-local (RFC 2365 section 6.1)
    first_port: Annotated[
        int,
        Meta(
            description="RTP port of the first stream; RTCP has the next one, the second stream the two after that.",
            ge=1024,
            le=65534,
            multiple_of=2,
            extra={"restart_only": True},
        ),
    ] = 51000
    ttl: Annotated[
        int,
        Meta(
            description="Time to live (IPv6: hop limit) of packets: 1 stays in this network, each router takes one.",
            ge=1,
            le=255,
            extra={"restart_only": True},
        ),
    ] = 1
    interface: (
        Annotated[
            str,
            Meta(
                description="The network device to send from, such as `eth0`. Left out: the routing table decides.",
                pattern=r"\A[^\s/\x00]{1,15}\Z",
                extra={"allowed": "the name of a network device, 1 to 15 characters", "restart_only": True},
            ),
        ]
        | None
    ) = None

    @property
    def as_network(self) -> IPv4Network | IPv6Network:
        """`network` as a value with addresses to count."""
        return ip_network(self.network)


def group_places(multicast: MulticastSettings, streams: Iterable[str]) -> Mapping[str, tuple[str, int]]:
    """Return address and RTP port of each stream's group; `streams` in the order of the configuration."""
    ports = count(multicast.first_port, PORTS_A_STREAM)
    hosts = (str(host) for host in multicast.as_network.hosts())
    return {name: (host, port) for name, host, port in zip(streams, hosts, ports, strict=False)}


def group_addresses(multicast: MulticastSettings, places: Mapping[str, tuple[str, int]]) -> Mapping[str, GroupAddress]:
    """Return the streams' groups, where `places` are their addresses and RTP ports."""
    return {name: GroupAddress(*place, multicast.ttl, multicast.interface or "") for name, place in places.items()}
