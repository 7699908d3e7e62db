"""What the service, in its sandbox, can tell of its device: everything that root's `edge-streamer info` can."""

import json
from typing import Any, Final

from tests.support.device_tree import IMAGE, STATUS
from tests.systemd.conftest import Installed

READ_DEADLINE_S: Final = 10.0
FILES: Final = {
    "/usr/lib/edge_streamer/image.json": json.dumps(IMAGE),
    "/run/edge_streamer-slot.env": "SLOT=a\nDATA=/dev/mmcblk0p7\nDATA_STATE=ok\n",
    "/run/edge_streamer-appliance/status.json": json.dumps(STATUS),
    "/run/systemd/timesync/synchronized": "",
    "/data/.keep": "",
}


def test_the_sandbox_hides_nothing_that_is_told(installed: Installed) -> None:
    for path, content in FILES.items():
        installed.machine.write(path, content)
    try:
        installed.configure()
        installed.machine.wait_until("the device was read", lambda: shown(installed)["kernel"], READ_DEADLINE_S)
        seen = shown(installed)
        told = json.loads(installed.machine.run("edge-streamer", "info", "--json"))
    finally:
        installed.machine.run("rm", "-r", *FILES)
    assert (seen["slot"], seen["data_state"], seen["clock_synchronised"]) == ("a", "ok", True)
    assert seen["storage"]["path"] == "/data"
    assert seen["card"]["mistakes"] == STATUS["mistakes"]
    assert_alike(seen, told)


def shown(installed: Installed) -> Any:
    return installed.get_json("/api/v1/device")


def assert_alike(seen: dict[str, Any], told: dict[str, Any]) -> None:
    """The same but for what changes meanwhile, and the serial number of this PC, which only root may read."""
    for document in (seen, told):
        document.pop("uptime_s")
        document.pop("serial")
        document["storage"].pop("free_bytes")
    assert seen == told
