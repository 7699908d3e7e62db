"""The status LED of a device image, on an emulated board that has one: a line of the machine's own GPIO controller.

The board is QEMU's `virt` with a device tree that says Raspberry Pi 4 and has the LED `ACT`, so that the kernel, udev,
the unit's sandbox and the profile do what they do on a Pi.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.device.status_led import BLINKS, LedState
from tests.image.builds import BuiltImage
from tests.image.device_trees import device_tree, run
from tests.image.disk import copied_disk
from tests.image.machine import ARM64, Device, running_device

MEMORY_MIB: Final = 512
LED: Final = "/sys/class/leds/ACT"
CONFIGURATION: Final = "/etc/edge_streamer/edge_streamer.toml"
BLINK_DEADLINE_S: Final = 90.0
STREAM: Final = """
[streams.main]
source = "testpattern"
width = 160
height = 120
fps = 2
bitrate_bps = 50000
"""


def tree_with_led(folder: Path) -> Path:
    """Return the device tree of QEMU's machine, changed into that of a Raspberry Pi 4 with its green LED."""
    names = ("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b")
    made = device_tree(folder, *names, memory_mib=MEMORY_MIB)
    tree = str(made)
    (gpio,) = [node for node in run("fdtget", "-l", tree, "/").split() if node.startswith("pl061@")]
    controller = run("fdtget", "-t", "x", tree, f"/{gpio}", "phandle").strip()
    run("fdtput", "-c", tree, "/leds", "/leds/act")
    run("fdtput", "-t", "s", tree, "/leds", "compatible", "gpio-leds")
    run("fdtput", "-t", "s", tree, "/leds/act", "label", "ACT")
    run("fdtput", "-t", "x", tree, "/leds/act", "gpios", controller, "0", "0")
    return made


@pytest.fixture(scope="module")
def device(qemu: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("led")
    disk = copied_disk(qemu.disk, folder / "disk")
    disk.card.write("edge-streamer.toml", STREAM)
    boot = qemu.boot(tree_with_led(folder))
    with running_device(ARM64, boot, disk.path, memory_mib=MEMORY_MIB) as device:
        assert device.boot() == "running", device.shell.run("systemctl --failed --no-pager --no-legend")
        yield device


def wait_for(device: Device, state: LedState) -> None:
    """Return when the kernel has this state's pattern; AssertionError with the pattern that it has instead."""
    blink = BLINKS[state]
    wanted = f"{blink.on_ms} {blink.off_ms}"
    look = f"echo $(cat {LED}/delay_on {LED}/delay_off)"
    script = f'for i in $(seq {BLINK_DEADLINE_S:.0f}); do [ "$({look})" = "{wanted}" ] && break; sleep 1; done; {look}'
    assert device.shell.run(script, 2 * BLINK_DEADLINE_S).strip() == wanted


def test_the_profile_is_that_of_the_board(device: Device):
    assert "raspberrypi-4" in device.shell.run("edge-streamer probe | grep ^profile", BLINK_DEADLINE_S)


def test_the_kernel_blinks_and_the_service_may_set_no_more_than_how(device: Device):
    listed = device.shell.run(f"stat -c '%n %G %a' {LED}/trigger {LED}/brightness {LED}/delay_on {LED}/delay_off")
    assert listed.replace(f"{LED}/", "").split("\n")[:4] == [
        "trigger root 644",
        "brightness root 644",
        "delay_on video 664",
        "delay_off video 664",
    ]
    assert "[timer]" in device.shell.run(f"cat {LED}/trigger")


def test_a_device_whose_streams_are_up_says_so(device: Device):
    wait_for(device, LedState.STREAMING)


def test_a_configuration_that_is_refused_is_a_fault_until_one_is_applied(device: Device):
    device.shell.run(
        f"cp {CONFIGURATION} /run/good.toml; echo 'x = [' >>{CONFIGURATION}; systemctl reload edge_streamer"
    )
    wait_for(device, LedState.FAULT)
    device.shell.run(f"cp /run/good.toml {CONFIGURATION}; systemctl reload edge_streamer")
    wait_for(device, LedState.STREAMING)


def test_a_service_that_crashed_does_not_go_on_saying_that_it_streams(device: Device):
    device.shell.run(
        "mkdir -p /run/systemd/system/edge_streamer.service.d; "
        "printf '[Service]\\nRestart=no\\n' >/run/systemd/system/edge_streamer.service.d/stays-down.conf; "
        "systemctl daemon-reload; systemctl kill --signal=KILL --kill-whom=main edge_streamer"
    )
    wait_for(device, LedState.FAULT)
    device.shell.run("systemctl reset-failed; systemctl start edge_streamer", 2 * BLINK_DEADLINE_S)
    wait_for(device, LedState.STREAMING)
