"""Who may log in, and the file that says so: one line a user, changed whole or not at all.

    # comments and empty lines stay where they are
    front-desk viewer MD5=<32 hex> SHA-256=<64 hex>

What is kept of a password is its HA1, H(user:realm:password) of RFC 7616, because a Digest can be checked with nothing
less. For this realm an HA1 is as good as the password: a salted slow hash beside it would protect nothing, and is not
there. What does protect it is who may read the file (mode 0600), and passwords that are used nowhere else.

Read by `config` at the start, changed by `cli.users`; the services see `Users` and never the file.
"""

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from edge_streamer.protocol.digest import REALM, Algorithm, compute_ha1

MAX_FILE_BYTES: Final = 1 << 20
MAX_USERS: Final = 1000
MIN_PASSWORD_CHARACTERS: Final = 8
MAX_PASSWORD_CHARACTERS: Final = 128
USER_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a name may be: nothing that a log line, a header or the file would have to escape."""

NO_USERS_FILE: Final = b"# none"
"""The credential `rtsp-users` where /etc/edge_streamer/users does not exist: SetCredential= in the unit."""

_ALLOWED_NAME: Final = "1 to 64 of the characters A-Z a-z 0-9 . _ -"
_HEX: Final = re.compile(r"[0-9a-f]+")
_LINE: Final = "NAME ROLE MD5=HA1 SHA-256=HA1"
_HEAD: Final = f"""\
# The users of edge_streamer, one a line: {_LINE}. Roles: viewer, operator, admin.
# An HA1 is as good as the password for the realm "{REALM}": Digest log-in needs it, and who reads it can log in.
# Keep this file to its owner (mode 0600). To change it: edge-streamer user add | passwd | remove | list
"""
_TOO_WIDE: Final = 0o027
"""Of a mode, what nobody needs. The group may read: often root owns the file and the service is in its group."""


class UserError(Exception):
    """What was asked about users cannot be done. One line: what was found, and what to do; never a secret."""


class Role(IntEnum):
    """What a user may do; each may do what the ones before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class User:
    """One user; `ha1` by hash, lower-case hex. ValueError when one of them is no name or no HA1."""

    name: str
    role: Role
    ha1: Mapping[Algorithm, str] = field(repr=False)

    def __post_init__(self) -> None:
        if not USER_NAME.fullmatch(self.name):
            raise ValueError("not a user name")
        if not self.ha1 or not all(_is_ha1(algorithm, value) for algorithm, value in self.ha1.items()):
            raise ValueError("not an HA1")


@dataclass(frozen=True, slots=True)
class Users:
    """All users by name, in the file's order. `warning` is one line about the file's mode, empty when it is tight."""

    by_name: Mapping[str, User] = field(default_factory=dict)
    warning: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.by_name)

    def __iter__(self) -> Iterator[User]:
        return iter(self.by_name.values())

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> User:
        return self.by_name[name]

    def ha1(self, name: str, algorithm: Algorithm) -> str | None:
        """Return what a log-in of that user is checked with; see `protocol.digest.Accounts`."""
        user = self.by_name.get(name)
        return None if user is None else user.ha1.get(algorithm)

    def having(self, user: User) -> "Users":
        """Return these and `user`, who takes the place of one of the same name."""
        return Users({**self.by_name, user.name: user})

    def without(self, name: str) -> "Users":
        """Return these but the one called `name`."""
        return Users({key: user for key, user in self.by_name.items() if key != name})


def new_user(name: str, role: Role, password: str) -> User:
    """Return the user of that password; UserError when the name or the password will not do."""
    check_name(name)
    _check_password(password)
    return User(name, role, {each: compute_ha1(each, name, password.encode()) for each in Algorithm})


def check_name(name: str) -> None:
    """Raise UserError when `name` cannot be a user's."""
    if not USER_NAME.fullmatch(name):
        raise UserError(f"{name[:64]!a} is no user name; allowed: {_ALLOWED_NAME}")


def _check_password(password: str) -> None:
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise UserError(
            f"a password has {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters, "
            f"this one has {len(password)}"
        )
    if not password.isprintable():
        raise UserError("a password has no control characters; this one has (a tab, or the end of a line?)")


def default_users_path(environment: Mapping[str, str]) -> Path:
    """Return where the users are when nobody says: the unit's credential `rtsp-users` (systemd.exec), or /etc.

    The unit gives a stand-in where that file is not there (`NO_USERS_FILE`), since it cannot start with nothing.
    """
    folder = environment.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder, "rtsp-users") if folder else None
    return credential if credential and _is_file_of_users(credential) else Path("/etc/edge_streamer/users")


def _is_file_of_users(credential: Path) -> bool:
    try:
        with credential.open("rb") as file:
            return file.read(len(NO_USERS_FILE) + 1) != NO_USERS_FILE
    except FileNotFoundError:
        return False


def read_users(path: Path) -> Users | None:
    """Return the users in the file, None when there is no such file; UserError, with the line, when it is no good."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{shown_path(path)}: cannot be read ({error.strerror})") from None
    users = parse_users(_lines(content, path), shown_path(path))
    return Users(users.by_name, _mode_warning(path, mode))


def parse_users(lines: list[str], name: str) -> Users:
    """Return the users in the lines of the file called `name`; UserError for the first line that is not one."""
    by_name: dict[str, User] = {}
    for number, line in enumerate(lines, start=1):
        user = _parse_line(line, f"{name}, line {number}")
        if user is None:
            continue
        if user.name in by_name:
            raise UserError(f"{name}, line {number}: {user.name} is there twice; remove one of the two lines")
        by_name[user.name] = user
    if len(by_name) > MAX_USERS:
        raise UserError(f"{name}: {len(by_name)} users are too many; allowed: up to {MAX_USERS}")
    return Users(by_name)


def change_users(path: Path, change: Callable[[Users], Users]) -> None:
    """Put `change(users)` in the place of the users in the file; UserError, and the file as it was, if that fails.

    The new file is complete and on the disk before it takes the old one's name: a power cut leaves one of the two.
    Comments stay, and so do the lines of whoever did not change. Two changes at once wait for each other.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        with _locked(path.parent) as folder:
            _replace(path, change)
            os.fsync(folder)
    except OSError as error:
        raise UserError(f"{shown_path(path)}: cannot be changed ({error.strerror}); nothing was") from None


def _replace(path: Path, change: Callable[[Users], Users]) -> None:
    is_new = not path.exists()
    lines = _HEAD.splitlines() if is_new else _lines(path.read_bytes(), path)
    users = parse_users(lines, shown_path(path))
    changed = _changed_lines(lines, users, change(users))
    parse_users(changed, shown_path(path))
    temporary, temporary_path = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in changed))
            if not is_new:
                _take_over_owner(temporary, path)
            file.flush()
            os.fsync(temporary)
        os.rename(temporary_path, path)
    except BaseException:
        os.unlink(temporary_path)
        raise


def _take_over_owner(temporary: int, path: Path) -> None:
    """Whoever could read the file can read the new one, except for those who should not have."""
    old = path.stat()
    os.fchown(temporary, old.st_uid, old.st_gid)
    os.fchmod(temporary, stat.S_IMODE(old.st_mode) & ~_TOO_WIDE)


def _changed_lines(lines: list[str], before: Users, after: Users) -> list[str]:
    kept = []
    for line in lines:
        user = _parse_line(line, "")
        if user is None:
            kept.append(line)
        elif user.name in after:
            kept.append(line if after[user.name] == user else _format(after[user.name]))
    return kept + [_format(user) for user in after if user.name not in before]


def _format(user: User) -> str:
    return " ".join([user.name, str(user.role), *(f"{algorithm}={ha1}" for algorithm, ha1 in user.ha1.items())])


def _parse_line(line: str, place: str) -> User | None:
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    name, *rest = line.split()
    roles = {str(role): role for role in Role}
    if not rest or rest[0] not in roles:
        raise UserError(f"{place}: no role after the name; allowed: {', '.join(roles)}")
    hashes = (part.partition("=") for part in rest[1:])
    try:
        return User(name, roles[rest[0]], {Algorithm(algorithm): ha1 for algorithm, _, ha1 in hashes})
    except ValueError:  # the line is not quoted: it is as good as a password
        raise UserError(f"{place}: not {_LINE}; correct it, or remove it and add the user again") from None


def _lines(content: bytes, path: Path) -> list[str]:
    if len(content) > MAX_FILE_BYTES:
        raise UserError(f"{shown_path(path)}: more than {MAX_FILE_BYTES} bytes; this is no file of users")
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{shown_path(path)}: byte {error.start} is not UTF-8; this is no file of users") from None


def _mode_warning(path: Path, mode: int) -> str:
    if not mode & _TOO_WIDE:
        return ""
    return (
        f"{shown_path(path)}: mode {mode:04o} lets others read or change it, and it is as good as passwords; chmod 600"
    )


def shown_path(path: Path) -> str:
    """Return the path on one line, for a message."""
    return "".join(character if character.isprintable() else "?" for character in str(path))


def _is_ha1(algorithm: Algorithm, value: str) -> bool:
    return len(value) == algorithm.ha1_characters and _HEX.fullmatch(value) is not None


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the folder's lock; yields its descriptor. The file itself cannot be locked: it is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
