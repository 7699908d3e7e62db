"""The admin's password: the one of the card, else one made for this device, which people can read until they change it.

The service's file of users has the hashes. The clear copy of a password that the device made lies in a file of its own
for root, and goes when the file of users no longer matches it.
"""

import secrets
from pathlib import Path
from typing import Final

from edge_streamer.accounts.users import Role, UserError, Users, new_user
from edge_streamer.accounts.users_file import change_users, read_users
from edge_streamer.appliance.durable import read_if_there, remove_file, remove_leftover, replace_file
from edge_streamer.appliance.paths import Paths

ADMIN: Final = "admin"
ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""No 0 and o, no 1, i and l: the password is read from a screen and typed."""
GROUPS: Final = 3
GROUP_CHARACTERS: Final = 4


def make_password() -> str:
    """Return twelve random characters in groups, 59 bits: `k7mx-9qtr-w4hd`."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARACTERS)) for _ in range(GROUPS))
    return "-".join(groups)


def apply_password(paths: Paths, written: str | None) -> str | None:
    """Give the admin the password `written` on the card, None if none is; return the initial one if it is in effect.

    Without one on the card, a device that has no user yet gets one that it makes. UserError or OSError when the file of
    users cannot be changed.
    """
    users = read_users(paths.users) or Users()
    if written is not None:
        if not _is_password(users, written):
            _set_password(paths.users, written)
        remove_file(paths.initial_password)
        return None
    initial = _read_initial(paths.initial_password)
    if not users:
        # The clear copy first: a power cut between the two leaves a password that no user has yet, and the next boot
        # gives it to the admin. The other way round it would be known to no person.
        if initial is None:
            initial = make_password()
            replace_file(paths.initial_password, f"{initial}\n".encode(), mode=0o600)
        _set_password(paths.users, initial)
        return initial
    return _initial_in_effect(paths, users, initial)


def tidy_users(path: Path) -> str:
    """Put a file of users aside that the service could not read, since it would not start; return a sentence about it.

    New files that a power cut kept from taking the old one's name are removed: no log-in is possible yet, so no other
    program is writing one.
    """
    for leftover in path.parent.glob(f".{path.name}.*"):
        remove_leftover(leftover)
    try:
        read_users(path)
    except UserError as error:
        path.rename(path.with_name(f"{path.name}.faulty"))
        return f"{error}; it is kept as {path.name}.faulty, and there is a new password"
    return ""


def initial_password(paths: Paths) -> str | None:
    """Return the password that the device made, while it is in effect; UserError for a faulty file of users."""
    return _initial_in_effect(paths, read_users(paths.users) or Users(), _read_initial(paths.initial_password))


def _initial_in_effect(paths: Paths, users: Users, initial: str | None) -> str | None:
    if initial is not None and not _is_password(users, initial):
        remove_file(paths.initial_password)
        return None
    return initial


def _set_password(path: Path, password: str) -> None:
    change_users(path, lambda users: users.having(new_user(ADMIN, Role.ADMIN, password)))


def _is_password(users: Users, password: str) -> bool:
    return ADMIN in users and users[ADMIN] == new_user(ADMIN, Role.ADMIN, password)


def _read_initial(path: Path) -> str | None:
    content = read_if_there(path)
    text = content.decode("ascii", errors="replace").strip() if content else ""
    return text or None
