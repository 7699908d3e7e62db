"""The `[multicast]` table: where each stream's group is, when `rtsp.transports` lists `multicast`.

The struct is part of the contract that `config` describes. Streams take addresses and ports by their number, so that
these are the same after every start: a firewall may be told them once and for all. `config` alone checks, `app` asks
for the places; how packets get there is `runtime.multicast`'s.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import count, islice
from typing import Annotated, Final

from msgspec import Meta, Struct

from edge_streamer.config.toml import ConfigError

PORTS_A_STREAM: Final = 2
_LAST_PORT: Final = 65535
_CONTROL_BLOCK: Final = ip_network("224.0.0.0/24")
"""Routing protocols and mDNS (RFC 5771 section 4); switches send it everywhere."""


def _read_network(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a network")
    network = ip_network(value)
    if not network.is_multicast or (network.version == 4 and network.overlaps(_CONTROL_BLOCK)):
        raise ValueError("not for multicast")
    return str(network)


class MulticastConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[multicast]`: one group a stream."""

    network: Annotated[
        str,
        Meta(
            description="Where groups are: the first stream has the first address, the second stream the next one.",
            extra={
                "read": _read_network,
                "allowed": 'a multicast network such as "239.255.42.0/24" or "ff15::42:0/120", not 224.0.0.0/24',
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
        ),
    ] = 51000
    ttl: Annotated[
        int, Meta(description="How far packets go: 1 stays in this network, each router takes one.", ge=1, le=255)
    ] = 1
    interface: (
        Annotated[
            str,
            Meta(
                description="The network device to send from, such as `eth0`. Left out: as the routing table says.",
                pattern=r"\A[^\s/\x00]{1,15}\Z",
                extra={"allowed": "the name of a network device, 1 to 15 characters"},
            ),
        ]
        | None
    ) = None


def group_places(multicast: MulticastConfig, streams: Iterable[str]) -> Mapping[str, tuple[str, int]]:
    """Return address and RTP port of each stream's group; `streams` in the order of the configuration."""
    ports = count(multicast.first_port, PORTS_A_STREAM)
    hosts = (str(host) for host in _network(multicast).hosts())
    return {name: (host, port) for name, host, port in zip(streams, hosts, ports, strict=False)}


def check_multicast(multicast: MulticastConfig, streams: int, udp_ports: range) -> None:
    """Raise ConfigError unless `streams` groups fit into the network, and their ports beside `udp_ports`."""
    addresses = len(list(islice(_network(multicast).hosts(), streams)))
    if addresses < streams:
        raise ConfigError(
            f"multicast.network: {multicast.network} has room for {addresses} of {streams} streams; write a larger one"
        )
    first, last = multicast.first_port, multicast.first_port + PORTS_A_STREAM * streams - 1
    if last > _LAST_PORT:
        raise ConfigError(f"multicast.first_port: {first} leaves no ports for {streams} streams; write a smaller one")
    if first <= udp_ports[-1] and udp_ports[0] <= last:
        raise ConfigError(
            f"multicast.first_port: ports {first} to {last} are among rtsp.udp_ports, {udp_ports[0]} to "
            f"{udp_ports[-1]}; write another one, or move these"
        )


def _network(multicast: MulticastConfig) -> IPv4Network | IPv6Network:
    return ip_network(multicast.network)
