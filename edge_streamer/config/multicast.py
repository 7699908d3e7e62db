"""Whether the streams' multicast groups fit. Called by `config` where `rtsp.transports` lists `multicast`."""

from itertools import islice
from typing import Final

from edge_streamer.config.toml import ConfigError
from edge_streamer.services.rtsp.settings import PORTS_A_STREAM, MulticastSettings

_LAST_PORT: Final = 65535


def check_multicast(multicast: MulticastSettings, streams: int, udp_ports: range) -> None:
    """Raise ConfigError unless `streams` groups fit into the network, and their ports beside `udp_ports`."""
    addresses = len(list(islice(multicast.as_network.hosts(), streams)))
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
