"""What runs on a device that is left alone, what it writes, and what happens when it cannot: one device for all tests.

The tests change the device as little as they can; the last one makes its data partition read-only.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.builds import BuiltImage
from tests.image.disk import copied_disk
from tests.image.machine import AMD64, Device, running_device

MEMORY_MIB = 512
OVERLAY = Path(__file__).parents[2] / "deploy/image/root"
UNITS = "usr/lib/systemd/system"
RING = "/data/shared/log"
CALL_BYTES = 64 << 10
FILE_BYTES = 512 << 10


@pytest.fixture(scope="module")
def device(pc: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    disk = copied_disk(pc.disk, tmp_path_factory.mktemp("device") / "disk")
    with running_device(AMD64, pc.boot(), disk.path, memory_mib=MEMORY_MIB) as device:
        assert device.boot() == "running", device.shell.run("systemctl --failed --no-pager --no-legend")
        yield device


def lines(device: Device, script: str) -> list[str]:
    return [line.strip() for line in device.shell.run(script).splitlines() if line.strip()]


def test_the_root_is_read_only_and_all_else_is_where_the_page_says(device: Device):
    options = device.shell.run("findmnt --noheadings --output FSTYPE,OPTIONS /").split()
    assert options[0] == "squashfs"
    assert options[1].split(",")[0] == "ro"
    on_the_card = set(lines(device, "findmnt --noheadings --list --types ext4 --output TARGET"))
    assert on_the_card == {"/data", "/var", "/etc/edge_streamer", "/etc/machine-id", "/var/lib/systemd/timesync"} - (
        # The first boot keeps the id that it got; the second one mounts it.
        {"/etc/machine-id"}
    )
    assert set(lines(device, "findmnt --noheadings --list --types tmpfs --output TARGET")) >= {"/tmp", "/var/tmp"}


def test_no_unit_has_a_mistake(device: Device):
    """systemd-analyze ends with 0 whatever it finds: what counts is that it has nothing to say."""
    ours = {path.name for path in (OVERLAY / UNITS).iterdir() if path.suffix in (".service", ".timer", ".mount")}
    changed = {path.name.removesuffix(".d") for path in (OVERLAY / UNITS).glob("*.service.d")}
    names = " ".join(sorted(ours | changed))
    assert lines(device, f"systemd-analyze verify --man=no {names} 2>&1") == []


def test_nothing_complains_of_a_file_of_the_image(device: Device):
    complaints = "'(edge_streamer|device-image).*(nknown|nvalid|ailed to parse|ignoring)'"
    assert lines(device, f"journalctl -b --no-pager -o cat | grep -E {complaints} || true") == []


def test_only_what_is_listed_is_enabled(device: Device):
    preset = (OVERLAY / "usr/lib/systemd/system-preset/10-device-image.preset").read_text()
    allowed = {line.split()[1] for line in preset.splitlines() if line.startswith("enable ")}
    enabled = lines(device, "systemctl list-unit-files --state=enabled --no-legend --no-pager --plain")
    names = {line.split()[0] for line in enabled}
    # What systemd-networkd brings with it (Also=).
    assert names - allowed == {"systemd-networkd.socket", "systemd-network-generator.service"}
    assert allowed - names == set()


def test_the_only_timers_are_those_with_a_reason(device: Device):
    timers = lines(device, "systemctl list-timers --no-legend --no-pager --plain | awk '{print $(NF-1)}'")
    assert sorted(timers) == ["edge_streamer-log-hourly.timer", "fstrim.timer", "systemd-tmpfiles-clean.timer"]


def test_nobody_can_log_in(device: Device):
    assert lines(device, "systemctl list-units --state=active --no-legend --plain '*getty*.service'") == []
    assert lines(device, "awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow") == []
    assert lines(device, "ss --listening --tcp --numeric --no-header 'sport = :22'") == []
    assert lines(device, "ls /etc/ssh | grep host || true") == []


def test_there_is_no_swap_and_no_core_dump(device: Device):
    assert len(lines(device, "cat /proc/swaps")) == 1
    assert device.shell.run("cat /proc/sys/kernel/core_pattern").strip() == "|/bin/false"


def test_the_journal_is_in_memory(device: Device):
    folders = lines(device, "journalctl --header | sed -n 's/^File path: //p'")
    assert folders
    assert all(folder.startswith("/run/log/journal/") for folder in folders)


def test_names_are_announced_and_the_firewall_is_up(device: Device):
    assert "+mDNS" in device.shell.run("resolvectl status eth0 --no-pager")
    assert "policy drop" in device.shell.run("nft list chain inet filter input")


def test_warnings_are_kept_in_a_ring_that_stays_small(device: Device):
    keep = "journalctl --sync; /usr/lib/edge_streamer/keep-warnings"  # journald takes what it is sent when it can
    device.shell.run(f"logger -p user.warning -- told-once; {keep}; {keep}")
    assert device.shell.run(f"grep -c told-once {RING}/warnings.log").strip() == "1"
    before = int(device.shell.run(f"stat -c %s {RING}/warnings.log"))
    device.shell.run("head -c 200000 /dev/zero | tr '\\0' x | fold -w 1000 | logger -p user.warning -t ring")
    device.shell.run(keep)
    assert int(device.shell.run(f"stat -c %s {RING}/warnings.log")) == before + CALL_BYTES
    device.shell.run(f"head -c {FILE_BYTES - CALL_BYTES} /dev/zero >> {RING}/warnings.log; logger -p user.err -- last")
    device.shell.run(keep)
    assert "last" in device.shell.run(f"cat {RING}/warnings.log")
    assert sorted(lines(device, f"ls {RING}")) == ["warnings.1.log", "warnings.log"]


def test_a_device_that_streams_writes_nothing_by_itself(device: Device):
    """What an hour costs is measured by hand (docs/device-image.md); here, that 40 s cost nothing at all.

    The warnings are kept three minutes after the start and hourly, which may fall into these 40 s: not now.
    """
    device.shell.run("systemctl stop edge_streamer-log-hourly.timer; sync")
    written = "awk '$3 == \"vda\" {print $10}' /proc/diskstats"
    before = int(device.shell.run(written))
    device.shell.run("sleep 40", timeout_s=90)
    device.shell.run("systemctl is-active edge_streamer.service")
    assert int(device.shell.run(written)) - before == 0
    device.shell.run("systemctl start edge_streamer-log-hourly.timer")


def test_an_error_of_the_card_does_not_stop_the_stream(device: Device):
    process = device.shell.run("systemctl show -p MainPID --value edge_streamer.service")
    device.shell.run("sync; mount -o remount,ro /data")
    device.shell.run("systemctl start edge_streamer-log-hourly.service")
    device.shell.run("systemctl restart systemd-timesyncd.service systemd-resolved.service")
    assert device.shell.run("systemctl is-system-running").strip() == "running"
    assert device.shell.run("systemctl show -p MainPID --value edge_streamer.service") == process
    device.shell.run("systemctl restart edge_streamer.service", timeout_s=120)
