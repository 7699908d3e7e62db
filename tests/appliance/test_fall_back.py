"""A configuration that only the hardware shows to be wrong: the one before it is in effect again."""

from collections.abc import Sequence

from edge_streamer.appliance.fall_back import fall_back
from edge_streamer.appliance.settings_store import load_kept
from edge_streamer.appliance.taking import DEFAULT_CONFIGURATION
from edge_streamer.device.appliance_status import read_appliance_status
from tests.appliance.device import Device

FIRST = "[link]\ndead_after_s = 5\n"
TOO_MUCH = "[link]\ndead_after_s = 6\n"
MISTAKE = "streams.main: 1920x1080 at 60 is more than the encoder makes"


class Hardware:
    """Runs `check`, which refuses what it is told to."""

    def __init__(self, device: Device, refused: str) -> None:
        self._device = device
        self._refused = refused
        self.ran: list[list[str]] = []

    def run(self, command: Sequence[str], text: str = "") -> str:
        self.ran.append(list(command))
        if command[0] == "edge-streamer" and self._refused in self._device.paths.configuration.read_text():
            raise OSError(f"edge-streamer: edge-streamer: {MISTAKE}")
        return ""

    @property
    def is_service_started(self) -> bool:
        return ["systemctl", "start", "--no-block", "edge_streamer.service"] in self.ran


def test_configuration_before_is_in_effect_and_the_mistake_is_told(device: Device) -> None:
    device.put(FIRST)
    device.boot()
    device.put(TOO_MUCH)
    device.boot()
    hardware = Hardware(device, refused="dead_after_s = 6")
    assert fall_back(device.paths, hardware.run) == 0
    assert hardware.is_service_started
    assert "dead_after_s = 5" in device.paths.configuration.read_text()
    assert "dead_after_s = 6" in device.paths.configuration.with_name("edge_streamer.toml.faulty").read_text()
    status = read_appliance_status(device.paths.status)
    assert status is not None
    assert (status.configuration, status.mistakes) == ("last_good", (f"edge-streamer.toml: {MISTAKE}",))
    device.boot()  # the card is the same, and its mistake is known
    assert "dead_after_s = 5" in device.paths.configuration.read_text()
    assert MISTAKE in device.status_text


def test_first_card_falls_back_to_the_default(device: Device) -> None:
    device.put(TOO_MUCH)
    device.boot()
    assert fall_back(device.paths, Hardware(device, refused="dead_after_s = 6").run) == 0
    assert device.paths.configuration.read_bytes() == DEFAULT_CONFIGURATION
    assert device.boot().status().configuration == "default"
    assert device.paths.configuration.read_bytes() == DEFAULT_CONFIGURATION


def test_power_cut_after_it_is_kept_is_completed_by_the_next_boot(device: Device) -> None:
    device.put(FIRST)
    device.boot()
    device.put(TOO_MUCH)
    device.boot()
    refused = device.paths.configuration.read_bytes()
    fall_back(device.paths, Hardware(device, refused="dead_after_s = 6").run)
    kept = device.paths.settings.read_text()
    device.paths.settings.write_text(kept.replace('"configuration_is_due": false', '"configuration_is_due": true'))
    device.paths.configuration.write_bytes(refused)
    device.boot()
    assert "dead_after_s = 5" in device.paths.configuration.read_text()


def test_service_that_ended_for_another_reason_keeps_its_configuration(device: Device) -> None:
    device.put(FIRST)
    device.boot()
    hardware = Hardware(device, refused="nothing of it")
    assert fall_back(device.paths, hardware.run) == 0
    assert not hardware.is_service_started
    assert load_kept(device.paths.settings).origin == "card"


def test_without_a_card_there_is_nothing_to_fall_back_to(device: Device) -> None:
    device.boot()
    before = device.paths.configuration.read_bytes()
    hardware = Hardware(device, refused="")
    assert fall_back(device.paths, hardware.run) == 1
    assert not hardware.is_service_started
    assert device.paths.configuration.read_bytes() == before
