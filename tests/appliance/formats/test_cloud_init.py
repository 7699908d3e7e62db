"""`user-data` of cloud-init: what Raspberry Pi Imager writes, and what people write themselves."""

import sys

import pytest

from edge_streamer.device.settings import DeviceSettings
from tests.appliance.formats.cards import HASH, KEY, card_of, reasons, taken_once

OF_IMAGER = f"""\
#cloud-config
hostname: garden
manage_etc_hosts: true
packages:
- avahi-daemon

apt:
  conf: |
    Acquire {{
      Check-Date "false";
    }};
timezone: Europe/Berlin
keyboard:
  model: pc105
  layout: "de"
enable_ssh: true
users:
- name: pi
  groups: users,adm
  shell: /bin/bash
  lock_passwd: false
  passwd: {HASH}
  ssh_authorized_keys:
    - {KEY}
  sudo: ALL=(ALL) NOPASSWD:ALL
ssh_pwauth: true
rpi:
  interfaces:
    serial: true
runcmd:
  - [ sh, -c, "printf '%s\\\\n' 'tok-en' > /home/pi/.config/com.raspberrypi.connect/auth.key" ]
  - [ sleep, "2" ]
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_what_imager_writes(line_end: str) -> None:
    card, left = taken_once({"user-data": OF_IMAGER.replace("\n", line_end)})
    assert card.settings == DeviceSettings(name="garden", time_zone="Europe/Berlin", ssh_keys=(KEY,))
    assert card.mistakes == ()
    assert reasons(card).keys() == {
        "manage_etc_hosts", "packages", "apt", "keyboard", "users.0", "users.0.passwd", "ssh_pwauth", "rpi", "runcmd",
    }  # fmt: skip
    assert all("no key that" not in reason for reason in reasons(card).values())
    assert HASH.encode() not in left["user-data"]
    assert b"tok-en" not in left["user-data"]
    assert KEY.encode() in left["user-data"]
    assert b'[ sleep, "2" ]' in left["user-data"]


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("password: geheim-geheim", DeviceSettings(password="geheim-geheim")),
        ("password: 12345678", DeviceSettings(password="12345678")),
        ("password: 'geheim #''geheim'", DeviceSettings(password="geheim #'geheim")),
        ('password: "geheim\\x21geheim"', DeviceSettings(password="geheim!geheim")),
        ("users: [default, {name: pi, plain_text_passwd: geheim-geheim}]", DeviceSettings(password="geheim-geheim")),
        ("fqdn: garden.example.org", DeviceSettings(name="garden")),
        (f"ssh_authorized_keys: [{KEY}]", DeviceSettings(ssh_keys=(KEY,))),
        (
            "ntp: {enabled: true, servers: [192.0.2.1], pools: [a.example]}",
            DeviceSettings(ntp_servers=("192.0.2.1", "a.example")),
        ),
        ("chpasswd: {list: 'pi:geheim'}", DeviceSettings()),
        ("hostname: ", DeviceSettings()),
        ("", DeviceSettings()),
        ("# only a comment", DeviceSettings()),
    ],
)  # fmt: skip
def test_a_key_that_people_write(written: str, settings: DeviceSettings) -> None:
    card, left = taken_once({"user-data": f"#cloud-config\n{written}\n"})
    assert card.settings == settings
    assert card.mistakes == ()
    assert b"geheim" not in left["user-data"]
    assert b"12345678" not in left["user-data"]


def test_secrets_of_keys_that_are_not_taken() -> None:
    written = f"""#cloud-config
password: {HASH}
chpasswd:
  users:
    - {{name: a, password: sec-one, type: text}}
  list: |
    b:sec-two
    c:sec-three
ssh_keys:
  rsa_private: |
    -----BEGIN RSA PRIVATE KEY-----
    sec-four
    -----END RSA PRIVATE KEY-----
write_files:
  - path: /etc/x
    content: "password=sec-five"
  - path: /etc/y
    content: nothing special
"""
    card, left = taken_once({"user-data": written})
    text = left["user-data"].decode()
    assert "sec-" not in text
    assert HASH not in text
    assert "nothing special" in text
    assert card.settings == DeviceSettings()


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("a: &x [1]\nb: *x", "user-data, line 2: an anchor or an alias (& or *) is not taken"),
        ("a: [", "user-data, line 2: not YAML ("),
        ("\tpassword: geheim", "user-data, line 2: not YAML ("),
        ("a: \x01", "user-data, not YAML ("),
        ("[" * 20 + "]" * 20, "user-data, line 2: too much; allowed: 2000 values, 16 levels deep"),
        ("[" + "1," * 5000 + "]", "user-data, line 2: too much"),
        ("a: 1\n---\nb: 1", "user-data, line 3: not YAML ("),
        ("- a", "user-data: not a #cloud-config; allowed: keys and values"),
        ("hostname: a_b", 'user-data, line 2: hostname: "a_b" is not allowed'),
        ("hostname: [a]", "user-data, line 2: hostname: "),
        ("password: short", "user-data, line 2: password: this value is not allowed"),
    ],
)
def test_a_mistake_names_the_line(written: str, mistake: str) -> None:
    card = card_of({"user-data": f"#cloud-config\n{written}"})
    assert [said[: len(mistake)] for said in card.mistakes] == [mistake]
    assert card.secrets == ()
    assert card.settings == DeviceSettings()


@pytest.mark.parametrize("head", ["#!/bin/sh", "## template: jinja", "#cloud-boothook"])
def test_scripts_are_ignored(head: str) -> None:
    card = card_of({"user-data": f"{head}\nhostname: garden\n"})
    assert reasons(card) == {"": "not a #cloud-config; the device runs no scripts of the card"}
    assert card.settings == DeviceSettings()


def test_without_pyyaml_the_file_is_said_to_be_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    card = card_of({"user-data": OF_IMAGER})
    assert card.mistakes == ("user-data, nothing can read YAML here; install python3-yaml",)
    assert not card.is_whole
