"""The files of the operating system that follow from the settings of the device, written to /run at each boot.

What is the same on every device is in the image (`deploy/image/root`): DHCP with link-local fallback, the firewall, SSH
without passwords. Here is only what differs, as drop-ins or as files of a name that the image's files give way to. The
module makes text; who writes it, and when, is not decided here.

No value can add a line: names and passphrases of networks are written in hexadecimal, and all other values were checked
by `device.settings`, whose ranges have no line end.
"""

import hashlib
from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Final

from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings, is_psk

WIFI_FILE: Final = "wpa_supplicant/wpa_supplicant-wlan0.conf"
SECRET_FILES: Final = frozenset({WIFI_FILE})
"""Files that only root may read; the others are for daemons with users of their own."""

_HEAD: Final = "# Made at boot from the settings of the device (edge-streamer.toml on the card); a change here is lost."


def rendered(settings: DeviceSettings, host_name: str, *, stream: str = "main") -> Mapping[str, str]:
    """Return the files, by path below /run; `stream` is the one that RTSP is announced with.

    What is not in the settings has no file: then the image's own apply. The caller removes files of a boot before.
    """
    files = {"systemd/dnssd/edge_streamer-rtsp.dnssd": _rtsp_record(host_name, stream)}
    if settings.wifi:
        files[WIFI_FILE] = _wpa_supplicant(settings.wifi)
    if settings.network:
        is_wifi = (settings.network.interface or ("wifi" if settings.wifi else "ethernet")) == "wifi"
        files["systemd/network/60-edge_streamer-address.network"] = _fixed_address(settings.network, is_wifi=is_wifi)
    if settings.ntp_servers:
        files["systemd/timesyncd.conf.d/70-edge_streamer.conf"] = _lines(
            "[Time]", f"NTP={' '.join(settings.ntp_servers)}"
        )
    if settings.ssh_keys:
        files["edge_streamer-appliance/authorized_keys"] = "".join(f"{key}\n" for key in settings.ssh_keys)
        files["nftables.d/edge_streamer-ssh.nft"] = _lines("add rule inet filter input tcp dport 22 accept")
    return files


def wpa_psk(ssid: str, passphrase: str) -> str:
    """Return the pre-shared key in hex (IEEE 802.11-2020 section J.4.1): what WPA2 needs of the passphrase."""
    if is_psk(passphrase):
        return passphrase
    return hashlib.pbkdf2_hmac("sha1", passphrase.encode(), ssid.encode(), 4096, 32).hex()


def _wpa_supplicant(wifi: WifiSettings) -> str:
    """WPA3 derives its key from the passphrase at each connection, so a network that is joined by SAE needs the
    passphrase itself; with the 64 digits alone only WPA2 is possible. An open network is tried with OWE, too."""
    ssid = [f"ssid={wifi.ssid.encode().hex()}", f"scan_ssid={int(wifi.hidden)}"]
    match wifi.passphrase:
        case None:
            networks = [["key_mgmt=OWE", "ieee80211w=2"], ["key_mgmt=NONE"]]
        case key if is_psk(key):
            networks = [["key_mgmt=WPA-PSK WPA-PSK-SHA256", f"psk={key}", "ieee80211w=1"]]
        case passphrase:
            networks = [
                [
                    "key_mgmt=SAE WPA-PSK WPA-PSK-SHA256",
                    f"psk={wpa_psk(wifi.ssid, passphrase)}",
                    f"sae_password={passphrase.encode().hex()}",
                    "ieee80211w=1",
                ]
            ]
    blocks = [line for network in networks for line in ("network={", *ssid, *network, "}")]
    # Both ways of SAE to find its point: the older one, and hash-to-element, which 6 GHz demands.
    country = [f"country={wifi.country}"] if wifi.country else []
    return _lines(*country, "sae_pwe=2", *blocks)


def _fixed_address(network: NetworkSettings, *, is_wifi: bool) -> str:
    """The address is for one family; the other one is found as on any device: DHCP for IPv4, routers' announcements for
    IPv6."""
    is_ipv4 = ip_interface(network.address).version == 4
    # Without a name server there is no time server, since Debian's is a name; the routers of homes are both.
    name_servers = network.dns or ((network.gateway,) if network.gateway else ())
    kind = ["Type=wlan"] if is_wifi else ["Type=ether", "Kind=!*"]
    dhcp = ["DHCP=no", "LinkLocalAddressing=ipv6"] if is_ipv4 else ["DHCP=ipv4", "LinkLocalAddressing=yes"]
    return _lines(
        "[Match]", *kind, "",
        "[Link]", "RequiredForOnline=no", "",
        "[Network]", *dhcp, "IPv6AcceptRA=yes", f"Address={network.address}",
        *([f"Gateway={network.gateway}"] if network.gateway else []),
        *(f"DNS={server}" for server in name_servers),
        "MulticastDNS=yes", "LLMNR=no", f"IgnoreCarrierLoss={'20s' if is_wifi else '10s'}", "",
        "[DHCPv4]", "ClientIdentifier=mac", "UseHostname=no",
    )  # fmt: skip


def _rtsp_record(host_name: str, stream: str) -> str:
    """RFC 6763: the name that browsers show, and the path of the URL as other cameras announce it."""
    return _lines("[Service]", f"Name={host_name}", "Type=_rtsp._tcp", "Port=554", f"TxtText=path=/{stream}")


def _lines(*lines: str) -> str:
    return "\n".join([_HEAD, *lines]) + "\n"
