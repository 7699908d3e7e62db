"""Files for other systems: each is explained, and its secrets go."""

import pytest

from edge_streamer.appliance.card import Ignored
from edge_streamer.device.settings import DeviceSettings
from tests.appliance.formats.cards import HASH, PSK, card_of, taken_once

FIRSTRUN = f"""#!/bin/bash
set +e
/usr/lib/raspberrypi-sys-mods/imager_custom set_hostname garden
   /usr/lib/userconf-pi/userconf 'pi' '{HASH}'
   echo "$FIRSTUSER:{HASH}" | chpasswd -e
   /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan  -h  'net' 'sec-'"'"'one' 'DE'
network={{
	psk={PSK}
	psk="sec-two-sec"
}}
cat > "$TARGET_HOME/.config/com.raspberrypi.connect/auth.key" <<'EOF'
sec-token
EOF
rm -f /boot/firstrun.sh
"""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("ssh", "", "SSH lets in public keys only"),
        ("ssh.txt", "\n", "SSH lets in public keys only"),
        ("SSH", b"\xff\xfe\0", "SSH lets in public keys only"),
        ("userconf.txt", f"pi:{HASH}\n", "a hash of a Unix password cannot log in"),
        ("userconf", f"pi:{HASH}", "a hash of a Unix password cannot log in"),
        ("firstrun.sh", FIRSTRUN, "the device runs no scripts of the card"),
        ("meta-data", "instance-id: x\n", "the device needs no instance id"),
    ],
)
def test_the_file_is_ignored_with_its_reason(name: str, content: str | bytes, words: str) -> None:
    card, left = taken_once({name: content})
    ((file, key, reason),) = [(each.file, each.key, each.reason) for each in card.ignored]
    assert (file, key) == (name, "")
    assert reason.startswith(words)
    assert card.settings == DeviceSettings()
    assert card.applied == card.mistakes == ()
    assert not card.is_whole
    for secret in (HASH, PSK, "sec-"):
        assert secret.encode() not in left[name]


def test_the_rest_of_a_script_stays() -> None:
    _card, left = taken_once({"firstrun.sh": FIRSTRUN})
    lines, kept = FIRSTRUN.splitlines(), left["firstrun.sh"].decode().splitlines()
    assert [old for old, new in zip(lines, kept, strict=True) if old == new] == [
        line for line in lines if not any(secret in line for secret in (HASH, PSK, "sec-"))
    ]


def test_other_files_are_nobodys_business() -> None:
    assert card_of({"autoboot.txt": "x", "._edge-streamer.toml": "x", "README.txt": "x", "ssh.pub": "x"}).ignored == ()
    assert card_of({"ssh": ""}).ignored == (
        Ignored("ssh", "", "SSH lets in public keys only; write [device] ssh_keys in edge-streamer.toml"),
    )
