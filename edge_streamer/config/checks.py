"""Checks that take more than one section: whether the parts of a configuration fit together, and to the sockets that
systemd passes.

Called by `config.load`. `config.toml` checks the ranges of single keys, `config.encoder_limits` whether the board's
encoder can make the streams.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from edge_streamer.config.config import Config
from edge_streamer.config.toml import ConfigError, shown
from edge_streamer.runtime.address import ListenAddress
from edge_streamer.services.rtsp.settings import PORTS_A_STREAM

INHERITED_NAMES: Final = ("rtsp", "http")
"""Names that a socket unit may give to its sockets (FileDescriptorName=; `device.systemd`)."""
_LAST_PORT: Final = 65535


def check_inherited(inherited: Iterable[str]) -> None:
    """Raise ConfigError for a socket that no service accepts from: its clients would never get an answer."""
    for name in inherited:
        if name not in INHERITED_NAMES:
            raise ConfigError(
                f"systemd hands over a socket called {shown(name)} that nothing here serves; allowed as "
                f"FileDescriptorName= of its unit: {', '.join(INHERITED_NAMES)}"
            )


def check_reachability(config: Config) -> None:
    """Raise ConfigError for an address that other machines can reach without a log-in, unless the file allows it
    (`auth.anonymous`)."""
    if config.auth.anonymous or config.users:
        return
    for section, listen in (("rtsp", config.rtsp.listen), ("http", config.http.listen)):
        for address in listen:
            if not address.is_loopback:
                raise ConfigError(
                    f"{section}.listen: {address} can be reached from other machines and no log-in is required; add a "
                    "user (edge-streamer user add NAME), or listen on 127.0.0.1 or [::1] only, or write anonymous = "
                    "true under [auth] in the configuration file"
                )


def check_listeners(config: Config) -> None:
    """Raise ConfigError when two listeners have one address and port."""
    seen: set[ListenAddress] = set()
    for section, listen in (("rtsp", config.rtsp.listen), ("http", config.http.listen)):
        for address in listen:
            if address.port != 0 and address in seen:
                raise ConfigError(f"{section}.listen: {address} is written twice; give each listener a port of its own")
            seen.add(address)


def check_multicast(config: Config) -> None:
    """Raise ConfigError unless each stream's group fits into the network, and its ports beside `rtsp.udp_ports`."""
    if "multicast" not in config.rtsp.transports:
        return
    multicast, streams = config.multicast, len(config.streams)
    addresses = len(list(islice(multicast.as_network.hosts(), streams)))
    if addresses < streams:
        raise ConfigError(
            f"multicast.network: {multicast.network} has room for {addresses} of {streams} streams; write a larger one"
        )
    first, last = multicast.first_port, multicast.first_port + PORTS_A_STREAM * streams - 1
    if last > _LAST_PORT:
        raise ConfigError(f"multicast.first_port: {first} leaves no ports for {streams} streams; write a smaller one")
    ports = config.rtsp.udp_ports
    if first <= ports.last and ports.first <= last:
        raise ConfigError(
            f"multicast.first_port: ports {first} to {last} are among rtsp.udp_ports, {ports.first} to {ports.last}; "
            "write another one, or move these"
        )
