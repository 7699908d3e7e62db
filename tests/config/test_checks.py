"""What fits together: listeners beyond this machine, and multicast groups in their network and between the ports.

`test_load` has the mistakes of the page.
"""

from pathlib import Path

import pytest

from edge_streamer.config.config import Config
from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.toml import ConfigError, read_text
from edge_streamer.services.rtsp.settings import group_places

ON = '[rtsp]\ntransports = ["tcp", "multicast"]\n'
NONE = Overrides()
THREE = "[streams.main]\n[streams.sub]\n[streams.gate]\n"


def build(written: str, overrides: Overrides = NONE) -> Config:
    return build_config(read_text(written.encode(), "file"), profile=None, overrides=overrides, folder=Path("/"))


def places(written: str) -> dict[str, tuple[str, int]]:
    config = build(written)
    return dict(group_places(config.multicast, config.streams))


def refusal(written: str, overrides: Overrides = NONE) -> str:
    with pytest.raises(ConfigError) as error:
        build(written, overrides)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.mark.parametrize("section", ["rtsp", "http"])
@pytest.mark.parametrize("address", ["0.0.0.0:9000", "[::]:9000", "192.0.2.1:9000"])
def test_listening_beyond_loopback_is_opened_by_a_written_decision_only(section: str, address: str) -> None:
    written = f'[{section}]\nlisten = ["127.0.0.1:9001", "{address}"]\n'
    answer = refusal(written)
    assert answer.startswith(f"{section}.listen: {address} can be reached from other machines")
    assert "write anonymous = true under [auth]" in answer
    assert build(written + "[auth]\nanonymous = true").auth.anonymous


def test_the_command_line_does_not_open_the_service_to_the_network() -> None:
    assert "anonymous = true" in refusal("", Overrides(rtsp="0.0.0.0:8554"))


# --- multicast groups


@pytest.mark.parametrize("network", ["239.1.2.0/30", "239.1.2.6/31", "232.0.0.0/8", "ff15::42:0/112", "ff15::/16"])
def test_any_multicast_network_serves(network: str) -> None:
    written = f'{ON}[multicast]\nnetwork = "{network}"\nfirst_port = 6000\n'
    assert build(build(written).to_toml()) == build(written)


@pytest.mark.parametrize(
    "network",
    [
        '"192.0.2.0/24"',
        '"224.0.0.0/24"',
        '"224.0.0.0/4"',
        '"239.255.42.1/24"',
        '"ff15::1/112"',
        '"fd00::/64"',
        '"x"',
        "7",
    ],
)
def test_no_other_network_does(network: str) -> None:
    assert refusal(f"[multicast]\nnetwork = {network}").startswith(f"multicast.network: {network} is not allowed; ")


@pytest.mark.parametrize(
    "written", ["first_port = 51001", "first_port = 1022", "first_port = 65536", "ttl = 0", "ttl = 256"]
)
def test_numbers_have_limits(written: str) -> None:
    assert refusal(f"[multicast]\n{written}").startswith(f"multicast.{written.split()[0]}: ")


@pytest.mark.parametrize("name", ["", "a" * 16, "eth 0", "../eth0", "eth0\\u0000"])
def test_an_interface_is_the_name_of_a_device(name: str) -> None:
    assert refusal(f'[multicast]\ninterface = "{name}"').startswith("multicast.interface: ")
    assert build('[multicast]\ninterface = "eth0.7"').multicast.interface == "eth0.7"


def test_every_stream_needs_an_address() -> None:
    network = '[multicast]\nnetwork = "239.255.42.0/30"\n'
    assert refusal(ON + network + THREE).startswith("multicast.network: 239.255.42.0/30 has room for 2 of 3 streams;")
    assert len(places(network + THREE)) == 2, "nobody asks while it is off"


@pytest.mark.parametrize(
    ("first_port", "fits"),
    [(65530, True), (65532, False), (49994, True), (49996, False), (50500, False), (50998, False), (51000, True)],
)
def test_every_stream_needs_two_ports_that_nobody_else_has(first_port: int, fits: bool) -> None:
    written = f"[multicast]\nfirst_port = {first_port}\n{THREE}"
    if fits:
        assert places(ON + written)["gate"][1] == first_port + 4
    else:
        assert refusal(ON + written).startswith("multicast.first_port: ")
    assert build(written), "nobody asks while it is off"
