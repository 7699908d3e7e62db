"""The file of a boot: read back as it was written, and None for everything else."""

import msgspec
import pytest

from edge_streamer.device.appliance_status import (
    FORM,
    ApplianceStatus,
    AppliedSetting,
    IgnoredSetting,
    read_appliance_status,
)

STATUS = ApplianceStatus(
    host_name="edge-c0ffee",
    serial="10000000abc0ffee",
    slot="a",
    data_state="ok",
    applied=(AppliedSetting(file="edge-streamer.toml", key="device.name", text="host name door"),),
    ignored=(IgnoredSetting(file="user-data", key="packages", reason="the root is read-only"),),
    mistakes=("edge-streamer.toml, line 3: not TOML",),
    has_initial_password=True,
    configuration="last_good",
)


def test_what_was_written_is_read(tmp_path):
    (tmp_path / "status.json").write_bytes(msgspec.json.encode(STATUS))
    assert read_appliance_status(tmp_path / "status.json") == STATUS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        msgspec.json.encode(STATUS)[:-5],
        msgspec.json.encode(msgspec.structs.replace(STATUS, form=FORM + 1)),
        msgspec.json.encode(msgspec.structs.replace(STATUS, configuration="elsewhere")),
    ],
)
def test_anything_else_is_no_status(tmp_path, content):
    (tmp_path / "status.json").write_bytes(content)
    assert read_appliance_status(tmp_path / "status.json") is None


def test_a_machine_without_an_image_has_no_status(tmp_path):
    assert read_appliance_status(tmp_path / "status.json") is None


def test_a_later_software_may_add_a_key(tmp_path):
    later = {**msgspec.to_builtins(STATUS), "colour": "blue"}
    (tmp_path / "status.json").write_bytes(msgspec.json.encode(later))
    assert read_appliance_status(tmp_path / "status.json") == STATUS
