"""The addresses that people can reach this device at, as `ip` says."""

from collections.abc import Sequence
from ipaddress import ip_address

import msgspec

from edge_streamer.appliance.commands import Run

_COMMAND = ("ip", "-json", "address", "show", "up")


class _Address(msgspec.Struct):
    family: str = ""
    local: str = ""
    temporary: bool = False
    tentative: bool = False


class _Interface(msgspec.Struct):
    ifname: str = ""
    addr_info: list[_Address] = []


def read_addresses(run: Run) -> tuple[str, ...]:
    """Return the addresses: those that the network gave first, then link-local IPv4 ones. OSError or ValueError.

    Without loopback, link-local IPv6, which needs the name of the asker's interface, and temporary IPv6 addresses,
    which change every day.
    """
    try:
        interfaces = msgspec.json.decode(run(_COMMAND), type=list[_Interface])
    except msgspec.DecodeError as error:
        raise ValueError(f"ip: {error}") from None
    found = [each for interface in interfaces for each in interface.addr_info if _is_lasting(each)]
    return tuple(sorted((each.local for each in found), key=_order))


def are_given(addresses: Sequence[str]) -> bool:
    """Return whether one of them was given by the network, rather than taken because nothing answered."""
    return any(not ip_address(each).is_link_local for each in addresses)


def _is_lasting(address: _Address) -> bool:
    if address.family not in ("inet", "inet6") or address.temporary or address.tentative:
        return False
    value = ip_address(address.local)
    return not (value.is_loopback or (value.version == 6 and value.is_link_local))


def _order(address: str) -> tuple[bool, int, int]:
    value = ip_address(address)
    return value.is_link_local, value.version, int(value)
