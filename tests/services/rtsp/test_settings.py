"""What follows from `[rtsp]` and `[multicast]`: the protocol objects' limits, and where each stream's group is."""

from dataclasses import fields

import pytest

from edge_streamer.protocol.rtsp.limits import DEFAULT_LIMITS, RtspLimits
from edge_streamer.runtime.udp.multicast import GroupAddress
from edge_streamer.services.rtsp.settings import (
    MulticastSettings,
    RtspSettings,
    group_addresses,
    group_places,
    limits_of,
)

THREE = ("main", "sub", "gate")


def test_the_protocol_goes_by_its_own_limits_when_nothing_is_written() -> None:
    assert limits_of(RtspSettings()) == DEFAULT_LIMITS


def test_the_protocol_goes_by_what_is_written() -> None:
    written = {"max_header_bytes": 2048, "max_body_bytes": 0, "setup_within_s": 2, "session_timeout_s": 30}
    assert limits_of(RtspSettings(**written)) == RtspLimits(**written, session_expiry_s=45.0)
    shared = {field.name for field in fields(RtspLimits)} & set(RtspSettings.__struct_fields__)
    assert shared == set(written)


def test_streams_take_addresses_and_ports_in_their_order() -> None:
    assert group_places(MulticastSettings(), THREE) == {
        "main": ("239.255.42.1", 51000),
        "sub": ("239.255.42.2", 51002),
        "gate": ("239.255.42.3", 51004),
    }


@pytest.mark.parametrize(
    ("network", "first_two"),
    [
        ("239.1.2.0/30", ["239.1.2.1", "239.1.2.2"]),
        ("239.1.2.6/31", ["239.1.2.6", "239.1.2.7"]),
        ("232.0.0.0/8", ["232.0.0.1", "232.0.0.2"]),
        ("ff15::42:0/112", ["ff15::42:1", "ff15::42:2"]),
        ("ff15::/16", ["ff15::1", "ff15::2"]),
    ],
)
def test_any_multicast_network_serves(network: str, first_two: list[str]) -> None:
    places = group_places(MulticastSettings(network=network, first_port=6000), ("main", "sub"))
    assert places == {"main": (first_two[0], 6000), "sub": (first_two[1], 6002)}


def test_a_group_is_a_place_with_the_way_there() -> None:
    places = {"main": ("239.255.42.1", 51000)}
    assert group_addresses(MulticastSettings(), places) == {"main": GroupAddress("239.255.42.1", 51000)}
    written = MulticastSettings(ttl=4, interface="eth0")
    assert group_addresses(written, places) == {"main": GroupAddress("239.255.42.1", 51000, 4, "eth0")}
