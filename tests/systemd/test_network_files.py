"""The files that a device renders, read by the programs that they are for: those of Debian trixie, as on a device."""

import re
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest

from edge_streamer.appliance.network_files import WIFI_FILE, rendered, wpa_psk
from edge_streamer.config.device import read_device
from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.support.netns.namespaces import Laboratory
from tests.systemd.machine import Machine

ADDRESS_FILE: Final = "systemd/network/60-edge_streamer-address.network"
CABLE: Final = {
    "10-cable.netdev": "[NetDev]\nName=cable0\nKind=veth\n[Peer]\nName=cable1\n",
    "10-other-end.network": "[Match]\nName=cable1\n[Network]\nLinkLocalAddressing=no\n",
}
FIREWALL: Final = (
    "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n"
)
RUN_S: Final = 12
NETWORKS: Final = (
    WifiSettings(ssid="home", passphrase="offen-offen", country="DE"),
    WifiSettings(ssid='a"#b\\', passphrase='#"ä\\{}= offen', country="GB", hidden=True),
    WifiSettings(ssid="ä" * 16, passphrase="x" * 63),
    WifiSettings(ssid="home", passphrase="ab" * 32),
    WifiSettings(ssid="home"),
)


def wpa_supplicant_said(machine: Machine, text: str) -> str:
    """Return what wpa_supplicant says of a configuration, with secrets in hex; it ends for want of a network card."""
    machine.write("/run/test/wpa.conf", text)
    command = "wpa_supplicant -dd -K -Dwired -inone0 -c/run/test/wpa.conf 2>&1"
    return machine.run("sh", "-c", command, is_checked=False)


def has_mistake(said: str) -> bool:
    return re.search(r"(?m)^Line \d+: |Failed to read or parse configuration", said) is not None


@pytest.mark.parametrize("wifi", NETWORKS, ids=lambda wifi: f"{wifi.ssid}-{wifi.passphrase}"[:24])
def test_wpa_supplicant_reads_the_same_network_name_and_keys(machine: Machine, wifi: WifiSettings) -> None:
    said = wpa_supplicant_said(machine, rendered(DeviceSettings(wifi=wifi), "garden")[WIFI_FILE])
    assert not has_mistake(said), said
    name = wifi.ssid.encode()
    assert f"ssid - hexdump_ascii(len={len(name)})" in said
    assert said.count("ssid - hexdump_ascii") == (1 if wifi.passphrase else 2)
    if wifi.country:
        assert f"country='{wifi.country}'" in said
    if wifi.passphrase:
        assert f"PSK - hexdump(len=32): {bytes.fromhex(wpa_psk(wifi.ssid, wifi.passphrase)).hex(' ')}" in said


@pytest.mark.parametrize("line", ["psk=12", "key_mgmt=SEA", "sae_passwort=00", "ssid=6"])
def test_wpa_supplicant_complains_of_what_is_wrong(machine: Machine, line: str) -> None:
    text = rendered(DeviceSettings(wifi=NETWORKS[0]), "garden")[WIFI_FILE].replace("\n}", f"\n{line}\n}}")
    assert has_mistake(wpa_supplicant_said(machine, text))


def networkd_said(machine: Machine, files: dict[str, str]) -> str:
    """Return what networkd says of its files, and then the addresses that the kernel has.

    It runs for some seconds, in front: the machine's own lacks the right to configure a network. The cable is nobody
    else's, and networkd has nothing to do with the one of the laboratory.
    """
    machine.run("rm", "-rf", "/run/systemd/network", "/run/systemd/netif")
    owner = ("--owner=systemd-network", "--group=systemd-network")
    machine.run("install", "-d", *owner, "/run/systemd/netif", "/run/systemd/netif/links")
    for name, text in {**CABLE, **files}.items():
        machine.write(f"/run/systemd/network/{name}", text)
    command = f"timeout {RUN_S} /usr/lib/systemd/systemd-networkd 2>&1; cat /proc/net/fib_trie /proc/net/if_inet6"
    return machine.run("sh", "-c", command)


def complaints(said: str) -> list[str]:
    """Return the lines about a file that has a mistake."""
    return re.findall(r"(?m)^.*\.network(?::\d+)?: .*(?:ignoring|Unknown|Failed|Invalid).*$", said)


FIXED: Final = (
    NetworkSettings(address="192.168.77.20/24", gateway="192.168.77.1", dns=("192.168.77.1", "2001:db8::1")),
    NetworkSettings(address="2001:db8:77::2/64", gateway="fe80::1", interface="wifi"),
)


@pytest.fixture
def cable(network: Laboratory) -> Iterator[None]:
    """The cable that networkd makes is gone afterwards: it would keep its address."""
    yield
    subprocess.run(["ip", "-n", network.server.name, "link", "delete", "cable0"], check=True, timeout=30)


@pytest.mark.usefixtures("cable")
@pytest.mark.parametrize("fixed", FIXED, ids=lambda fixed: fixed.address)
def test_networkd_gives_a_port_the_fixed_address(machine: Machine, fixed: NetworkSettings) -> None:
    text = rendered(DeviceSettings(network=fixed), "garden")[ADDRESS_FILE]
    # The cable is no card, so one copy matches it by its name; the other one is read with every line as it is.
    of_cable = re.sub(r"\[Match\]\n(?:.+\n)+", "[Match]\nName=cable0\n", text)
    said = networkd_said(machine, {"60-of-cable.network": of_cable, "70-as-it-is.network": text})
    assert complaints(said) == []
    assert "cable0: Configuring with /run/systemd/network/60-of-cable.network" in said
    address = fixed.address.partition("/")[0]
    assert ("20010db8007700000000000000000002" if ":" in address else f"|-- {address}\n") in said


@pytest.mark.usefixtures("cable")
def test_networkd_complains_of_what_is_wrong(machine: Machine) -> None:
    text = rendered(DeviceSettings(network=FIXED[0]), "garden")[ADDRESS_FILE]
    said = networkd_said(machine, {"60-wrong.network": text.replace("LLMNR=no", "LLMNR=perhaps\nGatewy=192.168.77.1")})
    assert len(complaints(said)) == 2, said


def test_nftables_takes_the_rule(machine: Machine) -> None:
    rule = rendered(DeviceSettings(ssh_keys=("ssh-ed25519 AAAA",)), "garden")["nftables.d/edge_streamer-ssh.nft"]
    machine.write("/run/test/ssh.nft", rule)
    machine.write("/run/test/all.nft", f'{FIREWALL}include "/run/test/ssh.nft"\n')
    machine.run("nft", "--check", "--file", "/run/test/all.nft")
    machine.write("/run/test/ssh.nft", rule.replace("accept", "acept"))
    assert "acept" in machine.fails("nft", "--check", "--file", "/run/test/all.nft")


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_of_ssh_keygen_is_one(machine: Machine, kind: str) -> None:
    machine.run(
        "sh", "-c", f"rm -f /run/test-{kind}*; ssh-keygen -q -t {kind} -N '' -C 'me@my laptop' -f /run/test-{kind}"
    )
    line = machine.run("cat", f"/run/test-{kind}.pub")
    (key,) = read_device({"ssh_keys": [line]}).ssh_keys or ()
    assert key == line.strip()
    text = rendered(DeviceSettings(ssh_keys=(key, key)), "garden")["edge_streamer-appliance/authorized_keys"]
    machine.write("/run/test/authorized_keys", text)
    assert len(machine.run("ssh-keygen", "-l", "-f", "/run/test/authorized_keys").splitlines()) == 2
