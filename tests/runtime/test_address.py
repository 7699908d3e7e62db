import socket

import pytest

from edge_streamer.runtime.address import (
    ListenAddress,
    PortRange,
    bracketed,
    family_of,
    host_of,
    in_url,
    network_key,
    sockaddr_of,
    undressed,
    with_port,
    without_zone,
)


@pytest.mark.parametrize(
    ("sockaddr", "host"),
    [
        (("192.0.2.1", 554), "192.0.2.1"),
        (("::ffff:192.0.2.1", 554, 0, 0), "192.0.2.1"),
        (("2001:db8::1", 554, 0, 0), "2001:db8::1"),
        (("fe80::1%eth0", 554, 0, 2), "fe80::1%eth0"),
        (("fe80::1%eth0.100", 554, 0, 2), "fe80::1%eth0.100"),
        (("::ffff:0:1", 554, 0, 0), "::ffff:0:1"),
    ],
)
def test_the_host_of_an_address(sockaddr, host):
    assert host_of(sockaddr) == host


@pytest.mark.parametrize(
    ("sockaddr", "undressed_"),
    [
        (("::ffff:192.0.2.1", 554, 0, 0), ("192.0.2.1", 554)),
        (("192.0.2.1", 554), ("192.0.2.1", 554)),
        (("fe80::1%eth0.100", 554, 7, 2), ("fe80::1%eth0.100", 554, 7, 2)),
    ],
)
def test_an_ipv4_address_loses_its_ipv6_dress(sockaddr, undressed_):
    assert undressed(sockaddr) == undressed_


@pytest.mark.parametrize(
    ("host", "known_elsewhere", "url_host"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1", "[2001:db8::1]"),
        ("fe80::1%eth0", "fe80::1", "[fe80::1]"),
        ("fe80::1%eth0.100", "fe80::1", "[fe80::1]"),
    ],
)
def test_a_zone_stays_on_this_machine(host, known_elsewhere, url_host):
    assert without_zone(host) == known_elsewhere
    assert in_url(host) == url_host


def test_a_zone_becomes_the_index_of_its_interface():
    assert sockaddr_of("192.0.2.1", 554) == ("192.0.2.1", 554)
    assert sockaddr_of("2001:db8::1", 554) == ("2001:db8::1", 554, 0, 0)
    assert sockaddr_of("fe80::1%lo", 554)[1:] == (554, 0, socket.if_nametoindex("lo"))
    with pytest.raises(OSError, match=r"Name or service not known|Address family"):
        sockaddr_of("fe80::1%no-such-device", 554)


def test_another_port_keeps_flow_and_scope():
    assert with_port(("192.0.2.1", 554), 5000) == ("192.0.2.1", 5000)
    assert with_port(("fe80::1%eth0", 554, 7, 2), 5000) == ("fe80::1%eth0", 5000, 7, 2)


@pytest.mark.parametrize(
    ("host", "family", "in_url"),
    [("192.0.2.1", socket.AF_INET, "192.0.2.1"), ("::", socket.AF_INET6, "[::]")],
)
def test_the_family_decides_about_brackets(host, family, in_url):
    assert family_of(host) == family
    assert bracketed(host) == in_url


@pytest.mark.parametrize("host", ["192.0.2.1", "127.0.0.1", "::1"])
def test_an_ipv4_address_and_loopback_count_as_they_are(host):
    assert network_key(host) == host


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("fe80::1%eth0", "fe80::1%eth1", False),
        ("::1", "::2", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_what_shares_a_64_bit_prefix_counts_as_one_peer(one, other, is_same):
    assert (network_key(one) == network_key(other)) is is_same


# --- what an operator writes


@pytest.mark.parametrize("text", ["127.0.0.1:8554", "0.0.0.0:0", "[::1]:1", "[2001:db8::7]:65535", "[fe80::1%eth0]:80"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(ListenAddress.from_toml(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ":8554", "8554", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x", "256.0.0.1:1", "::1:8554",
     "[127.0.0.1]:1", "[::1]", "localhost:1", "*:1", "127.0.0.1:1 ", "[::1%a\nb]:1", "127.0.0.1:\u0661", 8554, None],
)  # fmt: skip
def test_what_is_no_literal_address_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        ListenAddress.from_toml(text)


def test_an_impossible_address_or_range_cannot_be_built() -> None:
    for impossible in (
        lambda: ListenAddress("localhost", 1),
        lambda: ListenAddress("::1", 65536),
        lambda: PortRange(1000, 2001),
        lambda: PortRange(2000, 2000),
        lambda: PortRange(2000, 65537),
    ):
        with pytest.raises(ValueError):
            impossible()


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False)],
)
def test_loopback_is_what_other_machines_cannot_reach(host: str, is_loopback: bool) -> None:
    assert ListenAddress(host, 1).is_loopback is is_loopback
