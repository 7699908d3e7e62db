"""The file of users: a line for each user; every change is atomic.

    # comments and empty lines stay where they are
    front-desk viewer MD5=<32 hex> SHA-256=<64 hex>

Read by `config` at the start and for a reload, changed by `cli.users`; the services see `Users` and never the file.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge_streamer.accounts.users import Role, User, UserError, Users
from edge_streamer.protocol.digest import REALM, Algorithm

MAX_FILE_BYTES: Final = 1 << 20
MAX_USERS: Final = 1000

NO_USERS_FILE: Final = b"# none"
"""The credential `rtsp-users` where /etc/edge_streamer/users does not exist: SetCredential= in the unit."""


_LINE: Final = "NAME ROLE MD5=HA1 SHA-256=HA1"
_HEAD: Final = f"""\
# The users of edge_streamer, one a line: {_LINE}. Roles: viewer, operator, admin.
# An HA1 is as good as the password for the realm "{REALM}": Digest needs it, and every reader of it can log in.
# Keep this file to its owner (mode 0600). To change it: edge-streamer user add | passwd | remove | list
"""
_TOO_WIDE: Final = 0o027
"""Mode bits that must be off: write for the group, all for others. The group may read: often root owns the file and the
service is in its group."""


def default_users_path(environment: Mapping[str, str]) -> Path:
    """Return the default path of the file of users: the unit's credential `rtsp-users` (systemd.exec), or /etc.

    Where /etc has no such file, the unit passes `NO_USERS_FILE` as the credential: a unit whose credential is missing
    does not start.
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
    """Return the users in the file, None when there is no such file; UserError, with the line, for a faulty file."""
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
    """Return the users in the lines of the file called `name`; UserError for the first line that is not a user's."""
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
    """Replace the users in the file by `change(users)`; on UserError the file is unchanged.

    The new file is complete and on the disk before it takes the old file's name: a power cut leaves one of the two.
    Comments stay, and so do the lines of unchanged users. Concurrent changes wait for each other.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        with _locked(path.parent) as folder:
            _replace(path, change)
            os.fsync(folder)
    except OSError as error:
        raise UserError(f"{shown_path(path)}: cannot be changed ({error.strerror}); it is as it was") from None


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
    """Give the new file the owner and the mode of the old one, without the bits of `_TOO_WIDE`."""
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


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the folder's lock; yields its descriptor. The file itself cannot be locked: it is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
