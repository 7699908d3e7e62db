"""A device from power-on to power-off, and once more: arm64 with 512 MB, the memory of the smallest board, then 256 MB.

One device for all tests, in this order: the last one switches it off and on again. What is measured here stands in
docs/install.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.image.builds import BuiltImage
from tests.image.card import CARD_FILE, STATUS_FILE, Wanted
from tests.image.disk import Disk, copied_disk
from tests.image.machine import ARM64, Device, running_device
from tests.image.measurements import note
from tests.image.visitor import RefusedError, Visitor

DISK_BYTES: Final = 2 << 30
MEMORY_MIB: Final = 512
SMALL_MEMORY_MIB: Final = 256
PACKET_DEADLINE_S: Final = 600.0
RESTART_DEADLINE_S: Final = 240.0
WRITING_S: Final = 180
HOUR_S: Final = 3600
MOST_ROOT_BYTES: Final = 450_000_000
MOST_DOWNLOAD_BYTES: Final = 200_000_000
UNIT: Final = "edge_streamer.service"
CHANGES_AT_EVERY_BOOT: Final = ("/slots/a/var/lib/systemd/random-seed", "/slots/a/var/lib/systemd/timesync/clock")
LOGS: Final = ("/slots/a/var/log/", "/shared/log/", "/shared/timesync/")
WANTED: Final = Wanted(
    name="garden", width=320, ssid="a network", passphrase="a secret passphrase", password="a chosen password"
)


@dataclass(frozen=True, slots=True)
class Started:
    """The device of these tests, who visits it, and what systemd said of its first boot."""

    device: Device
    disk: Disk
    visitor: Visitor
    first_packet_s: float
    state: str


@pytest.fixture(scope="module")
def disk(qemu: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> Disk:
    disk = copied_disk(qemu.disk, tmp_path_factory.mktemp("device") / "disk", DISK_BYTES)
    disk.card.write(CARD_FILE, WANTED.card())
    return disk


@pytest.fixture(scope="module")
def started(qemu: BuiltImage, disk: Disk) -> Iterator[Started]:
    with running_device(ARM64, qemu.boot(), disk.path, memory_mib=MEMORY_MIB) as device:
        visitor = Visitor(device, "admin", WANTED.password)
        device.connect()
        first_packet_s = visitor.wait_for_packet(PACKET_DEADLINE_S)
        yield Started(device, disk, visitor, first_packet_s, device.boot())


def test_the_image_is_small_enough(qemu: BuiltImage) -> None:
    sizes = {Path(file["name"]).suffix: file["size_bytes"] for file in qemu.facts["files"]}
    note("root file system, MB", qemu.facts["root_bytes"] / 1e6)
    note("download, MB", sizes[".xz"] / 1e6)
    assert qemu.facts["root_bytes"] < MOST_ROOT_BYTES
    assert sizes[".xz"] < MOST_DOWNLOAD_BYTES


def test_everything_has_started(started: Started) -> None:
    note("boot to the first RTP packet (emulated arm64), s", started.first_packet_s)
    assert started.device.shell.run("systemctl --failed --no-legend --no-pager").strip() == ""
    assert started.state == "running"


def test_ffprobe_plays_it_from_outside(started: Started) -> None:
    probed = started.visitor.probe()
    assert (probed["codec_name"], probed["width"]) == ("h264", WANTED.width)
    assert int(probed["nb_read_frames"]) >= 3


def test_another_password_is_refused(started: Started) -> None:
    with pytest.raises(RefusedError):
        Visitor(started.device, "admin", "not the password").first_packet()


def test_its_metrics_are_scraped(started: Started) -> None:
    families = {family.name: family for family in text_string_to_metric_families(started.visitor.get("/metrics"))}
    (up,) = families["edge_streamer_source_up"].samples
    assert (up.labels["stream"], up.value) == ("main", 1.0)


def test_it_knows_the_board(started: Started) -> None:
    assert "qemu-virt" in started.device.shell.run("edge-streamer probe | grep ^profile")
    assert started.device.shell.run("hostname").strip() == WANTED.name


def test_the_card_was_taken_and_has_no_secret(started: Started) -> None:
    assert WANTED.passphrase in started.device.shell.run("cat /data/shared/settings.json")
    assert WANTED.name in started.disk.card.read(STATUS_FILE)
    for secret in WANTED.secrets:
        assert not started.disk.card.contains(secret), f"{secret!r} is still on the card"


def test_the_data_partition_has_grown_to_the_end_of_the_disk(started: Started) -> None:
    data = started.disk.data
    assert data.start_byte + data.length_bytes > DISK_BYTES - (1 << 20)
    blocks, block_bytes = started.device.shell.run("stat --file-system --format='%b %S' /data").split()
    assert int(blocks) * int(block_bytes) > data.length_bytes * 0.8


def test_the_watchdog_starts_a_service_that_hangs_again(started: Started) -> None:
    before = started.device.shell.run(f"systemctl show --value -p NRestarts {UNIT}").strip()
    started.device.shell.run(f"systemctl kill --signal=SIGSTOP --kill-whom=main {UNIT}")
    restarted = f'[ "$(systemctl show --value -p NRestarts {UNIT})" != {before} ]'
    wait = f"for i in $(seq {RESTART_DEADLINE_S:.0f}); do {restarted} && break; sleep 1; done; {restarted}"
    started.device.shell.run(wait, 2 * RESTART_DEADLINE_S)
    started.visitor.wait_for_packet(PACKET_DEADLINE_S)


def test_it_hardly_writes_to_the_card_while_it_streams(started: Started) -> None:
    """Sectors of 512 bytes in field 10 of /proc/diskstats (Documentation/admin-guide/iostats.rst).

    An hour is some minutes, many times, and the warnings once: their timer would put them into these minutes or not.
    """
    look = "awk '$3 == \"vda\" { print $10 }' /proc/diskstats"
    keep = "systemctl start edge_streamer-log-hourly.service; sync"
    started.device.shell.run("systemctl stop edge_streamer-log-hourly.timer; sync")
    script = f"{look}; sleep {WRITING_S}; {look}; {keep}; {look}"
    before, after, kept = (512 * int(line) for line in started.device.shell.run(script, PACKET_DEADLINE_S).split())
    started.visitor.first_packet()
    hour_bytes = (after - before) / WRITING_S * HOUR_S + kept - after
    note("written to the card, kB an hour", hour_bytes / 1e3)
    assert hour_bytes < 1e6
    used_kib = started.device.shell.run("awk '/MemTotal/ { t = $2 } /MemAvailable/ { print t - $2 }' /proc/meminfo")
    note("memory in use, MB", int(used_kib) * 1024 / 1e6)


def test_a_second_boot_changes_nothing(qemu: BuiltImage, started: Started) -> None:
    started.device.power_off()
    before = kept(started.disk)
    with running_device(ARM64, qemu.boot(), started.disk.path, memory_mib=SMALL_MEMORY_MIB) as device:
        device.connect()
        Visitor(device, "admin", WANTED.password).wait_for_packet(PACKET_DEADLINE_S)
        assert device.boot() == "running", device.shell.run("systemctl --failed --no-legend --no-pager")
        device.power_off()
    assert kept(started.disk) == before
    assert started.disk.data.complaints() == ""


def kept(disk: Disk) -> dict[str, str]:
    """Return the files of the card, and the data partition's with mode, owner and length, but those that log or that
    are of one boot."""
    files = {path: what for path, what in disk.data.paths().items() if not path.startswith(LOGS)}
    text = {path: disk.data.read(path) or "" for path in files if path.startswith("/shared/")}
    here = {path: what for path, what in files.items() if path not in CHANGES_AT_EVERY_BOOT}
    return here | text | {f"card:{name}": said for name, said in disk.card.everything().items()}
