"""`edge-streamer info`: a row for everything that is known, and "unknown" for the rest."""

import json
import os

import pytest

from edge_streamer import __version__
from edge_streamer.cli.info import to_text
from edge_streamer.cli.main import main
from edge_streamer.device.appliance_status import IgnoredSetting
from edge_streamer.device.info import CardReport, DeviceInfo, ImageFacts, read_device_info
from edge_streamer.device.storage import Storage, StorageWear
from tests.support.device_tree import STATUS, flashed_pi


def rows(info: DeviceInfo) -> dict[str, str]:
    pairs = (line.split(None, 1) for line in to_text(info).replace("host name", "host_name").splitlines())
    return {label: value for label, value in pairs}  # noqa: C416 - a repeated label keeps its last row


def test_a_flashed_board(tmp_path):
    table = rows(read_device_info(flashed_pi(tmp_path)))
    assert table["model"] == "Raspberry Pi Compute Module 4 Rev 1.1"
    assert table["serial"] == "10000000abc0ffee"
    assert table["image"] == "rpi, 0.1.0, 2026-11-28T12:00:00Z, 0123456789ab"
    assert (table["slot"], table["uptime"], table["clock"], table["data"]) == ("a", "1 h 1 min", "synchronised", "ok")
    assert table["wear"] == "mmcblk0, at most 30% of its life time, spare blocks: normal"
    assert table["configuration"] == "the one before, because the card's has a mistake"
    assert table["applied"] == "edge-streamer.toml: device.name: the name is door"
    assert table["ignored"] == "user-data: packages: the root is read-only"
    assert table["mistake"] == STATUS["mistakes"][0]
    assert table["password"] == "the one that this device made for itself is still in use: set your own"


def test_a_key_of_the_card_cannot_control_the_terminal_and_a_file_as_a_whole_has_no_key():
    card = CardReport(
        configuration="card",
        has_initial_password=False,
        ignored=(IgnoredSetting(file="ssh", key="", reason="keys only"),),
        mistakes=("user-data: \x1b]0;x\x07: unknown key",),
    )
    table = rows(DeviceInfo(card=card))
    assert table["ignored"] == "ssh: keys only"
    assert table["mistake"] == r"user-data: \x1b]0;x\x07: unknown key"


def test_what_is_not_known_is_said_to_be_unknown():
    table = rows(DeviceInfo())
    for label in ("model", "serial", "host_name", "kernel", "slot", "uptime", "clock", "storage"):
        assert table[label] == "unknown"
    assert table["version"] == __version__
    assert table["image"] == "none: installed as a package, or run from a checkout"
    assert table["wear"] == "unknown: no storage here reports it"
    assert not {"data", "configuration", "mistake", "password"} & set(table)


@pytest.mark.parametrize(
    ("uptime_s", "shown"), [(59.9, "0 h 0 min"), (86_399.0, "23 h 59 min"), (90_061.0, "1 d 1 h 1 min")]
)
def test_uptime(uptime_s, shown):
    assert rows(DeviceInfo(uptime_s=uptime_s))["uptime"] == shown


def test_storage_and_a_module_that_tells_half():
    info = DeviceInfo(
        storage=Storage(path="/data", total_bytes=29_000_000_000, free_bytes=950_000_000, written_bytes=12_500_000),
        wear=(StorageWear(device="mmcblk0", life_used_ratio=None, reserve=None),),
        image=ImageFacts(board="pc"),
    )
    table = rows(info)
    assert table["storage"] == "/data, 950 MB of 29.0 GB free, 12 MB written so far"
    assert table["wear"] == "mmcblk0, unknown, spare blocks: unknown"
    assert table["image"] == "pc"


def test_the_command_prints_this_machine(capsys):
    assert main(["info"]) == 0
    assert f"kernel     {os.uname().release}\n" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kernel"] == os.uname().release


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"edge-streamer {__version__}\n")
