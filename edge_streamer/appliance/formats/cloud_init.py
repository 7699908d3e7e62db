"""`user-data` of cloud-init, as Raspberry Pi Imager and Ubuntu's tools write it: the keys that mean something here.

Reference: cloud-init, "Module reference". What a key of `_REASONS` asks for is not on the device; any other key that is
not taken is reported as one that the device does not know.
"""

from collections.abc import Mapping
from typing import Final

from edge_streamer.appliance.formats.findings import Findings, Place
from edge_streamer.appliance.formats.preseed import (
    HASH_REASON,
    KEY_REASON,
    NO_COMMANDS_REASON,
    NO_LOCALE_REASON,
    USER_REASON,
    first_label,
)
from edge_streamer.appliance.formats.secret_words import is_secret_command, is_secret_key, secrets_by_form
from edge_streamer.appliance.formats.text import CardText, Secret
from edge_streamer.appliance.formats.yaml_text import Tree, YamlError, YamlText, is_true, parse_yaml

_COMMANDS: Final = ("bootcmd", "runcmd", "write_files")
_SECRET_TABLES: Final = ("chpasswd", "ssh_keys")
"""Tables that are secrets as a whole: passwords of users, and private keys of the host."""
_REASONS: Final[Mapping[str, str]] = {
    "apt": "the image is complete and read-only",
    "bootcmd": NO_COMMANDS_REASON,
    "chpasswd": USER_REASON,
    "disable_root": USER_REASON,
    "growpart": "the device grows its data partition by itself",
    "keyboard": NO_LOCALE_REASON,
    "locale": NO_LOCALE_REASON,
    "manage_etc_hosts": "the device knows its own name",
    "package_update": "the image is complete and read-only",
    "package_upgrade": "the image is complete and read-only",
    "packages": "the image is complete and read-only",
    "power_state": NO_COMMANDS_REASON,
    "preserve_hostname": "the name on the card is the name of the device",
    "rpi": "the image sets the board's interfaces",
    "runcmd": NO_COMMANDS_REASON,
    "ssh_import_id": "the device fetches nothing from other machines; write the key itself",
    "ssh_keys": "the device makes its own host key",
    "ssh_pwauth": KEY_REASON,
    "write_files": NO_COMMANDS_REASON,
}
_USER_KEYS: Final = ("plain_text_passwd", "ssh_authorized_keys", "passwd", "hashed_passwd")


def read_user_data(file: CardText) -> Findings:
    """Return what the file says, when it is a #cloud-config."""
    findings = Findings(file)
    first_line = file.text.partition("\n")[0].strip()
    if first_line.startswith(("#!", "##")) or (first_line.startswith("#cloud") and first_line != "#cloud-config"):
        findings.ignore("", "not a #cloud-config; the device runs no scripts of the card")
        return findings
    try:
        yaml = parse_yaml(file.text)
    except YamlError as error:
        return findings.unreadable(f"{file.name}, {error}")
    if isinstance(yaml.tree, dict):
        _UserData(findings, yaml, yaml.tree).read()
    elif yaml.tree is not None:
        findings.unreadable(f"{file.name}: not a #cloud-config; allowed: keys and values, such as hostname: garden")
    return findings


class _UserData:
    """Goes through the keys of one file."""

    def __init__(self, findings: Findings, yaml: YamlText, tree: dict[str, Tree]) -> None:
        self._findings = findings
        self._yaml = yaml
        self._rest = dict(tree)
        self._ssh_keys: list[Tree] = []

    def read(self) -> None:
        self._host_name()
        self._move("timezone", "time_zone")
        self._ntp()
        self._password()
        self._users()
        self._keys()
        for key in self._rest:
            self._findings.ignore(key, _REASONS.get(key, "no key that the device knows"))
        self._note_secrets()

    def _place(self, *path: str) -> Place:
        return Place(".".join(path), self._yaml.line_of(*path))

    def _move(self, key: str, ours: str) -> None:
        value = self._rest.pop(key, None)
        if value is not None:
            self._findings.take(ours, value, self._place(key))

    def _host_name(self) -> None:
        fqdn, host_name = self._rest.pop("fqdn", None), self._rest.pop("hostname", None)
        key = "hostname" if host_name is not None else "fqdn"
        if host_name is not None or fqdn is not None:
            self._findings.take("name", first_label(host_name if host_name is not None else fqdn), self._place(key))

    def _ntp(self) -> None:
        ntp = self._rest.get("ntp")
        if not isinstance(ntp, dict):
            return
        del self._rest["ntp"]
        servers = [*_list(ntp.get("servers")), *_list(ntp.get("pools"))]
        if servers:
            self._findings.take("ntp_servers", servers, self._place("ntp"))
        for key in ntp.keys() - {"enabled", "servers", "pools"}:
            self._findings.ignore(f"ntp.{key}", "the device has systemd-timesyncd")

    def _password(self) -> None:
        """`password` is the one of the default user; cloud-init takes a hash there, too."""
        if "password" in self._rest:
            self._take_password(self._rest.pop("password"), "password")

    def _take_password(self, value: Tree, *path: str) -> None:
        if isinstance(value, str) and value.startswith("$"):
            self._findings.ignore(".".join(path), HASH_REASON)
        elif "password" in self._findings.values:
            self._findings.ignore(".".join(path), USER_REASON)
        else:
            self._findings.take("password", value, self._place(*path))
            self._findings.secrets += [
                Secret(each.secret.start, each.secret.end, "password", each.secret.form)
                for each in self._yaml.scalars
                if each.path == path
            ]

    def _users(self) -> None:
        for number, user in enumerate(_list(self._rest.pop("users", None))):
            if not isinstance(user, dict):
                continue
            path = ("users", str(number))
            for key in ("passwd", "hashed_passwd"):
                if key in user:
                    self._findings.ignore(".".join((*path, key)), HASH_REASON)
            if "plain_text_passwd" in user:
                self._take_password(user["plain_text_passwd"], *path, "plain_text_passwd")
            if "ssh_authorized_keys" in user:
                self._findings.places["ssh_keys"] = self._place(*path, "ssh_authorized_keys")
                self._ssh_keys += _list(user["ssh_authorized_keys"])
            if user.keys() - set(_USER_KEYS):
                self._findings.ignore(".".join(path), USER_REASON)

    def _keys(self) -> None:
        if "ssh_authorized_keys" in self._rest:
            self._findings.places["ssh_keys"] = self._place("ssh_authorized_keys")
            self._ssh_keys += _list(self._rest.pop("ssh_authorized_keys"))
        is_enabled = is_true(self._rest.pop("enable_ssh", None))
        if self._ssh_keys:
            self._findings.values["ssh_keys"] = self._ssh_keys
        elif is_enabled:
            self._findings.ignore("enable_ssh", f"{KEY_REASON}; give one")

    def _note_secrets(self) -> None:
        for scalar in self._yaml.scalars:
            table, key = scalar.path[0] if scalar.path else "", _key(scalar.path)
            if (
                table in _SECRET_TABLES
                or (is_secret_key(key) and scalar.value.lower() not in ("true", "false", "yes", "no"))
                or (table in _COMMANDS and is_secret_command(scalar.value))
            ):
                self._findings.secrets.append(scalar.secret)
        self._findings.secrets += secrets_by_form(self._findings.file.text)


def _key(path: tuple[str, ...]) -> str:
    """Return the name of the key that a scalar stands under, in a list or not."""
    return next((each for each in reversed(path) if not each.isdigit()), "")


def _list(value: Tree) -> list[Tree]:
    match value:
        case None:
            return []
        case list():
            return value
        case _:
            return [value]
