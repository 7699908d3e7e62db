"""Users, their roles, and the hashes of their passwords. Values only; `users_file` reads and writes them.

The stored hash of a password is its HA1, H(user:realm:password) of RFC 7616, because the check of a Digest needs it.
For this realm an HA1 is as good as the password, so a salted slow hash beside it would protect nothing. The HA1 is
protected by the mode of the file (0600), and the password by being used nowhere else.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from edge_streamer.protocol.digest import Algorithm, compute_ha1

MIN_PASSWORD_CHARACTERS: Final = 8
MAX_PASSWORD_CHARACTERS: Final = 128
USER_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""A valid name: its characters need no escaping in a log line, a header or the file."""

_ALLOWED_NAME: Final = "1 to 64 of the characters A-Z a-z 0-9 . _ -"
_HEX: Final = re.compile(r"[0-9a-f]+")


class UserError(Exception):
    """A user or the file of users cannot be read or changed. One line: what was found and what to do; never a
    secret."""


class Role(IntEnum):
    """What a user may do; each role includes the roles before it."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class User:
    """One user; `ha1` by hash, lower-case hex. ValueError for an invalid name or an invalid HA1."""

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
        """Return the HA1 that a log-in of that user is checked with; see `protocol.digest.Accounts`."""
        user = self.by_name.get(name)
        return None if user is None else user.ha1.get(algorithm)

    def having(self, user: User) -> "Users":
        """Return a copy with `user`, which replaces a user of the same name."""
        return Users({**self.by_name, user.name: user})

    def without(self, name: str) -> "Users":
        """Return a copy without the user called `name`."""
        return Users({key: user for key, user in self.by_name.items() if key != name})


def new_user(name: str, role: Role, password: str) -> User:
    """Return a user with the hashes of `password`; UserError when the name or the password is not allowed."""
    check_name(name)
    _check_password(password)
    return User(name, role, {each: compute_ha1(each, name, password.encode()) for each in Algorithm})


def check_name(name: str) -> None:
    """Raise UserError when `name` is not a valid user name."""
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


def _is_ha1(algorithm: Algorithm, value: str) -> bool:
    return len(value) == algorithm.ha1_characters and _HEX.fullmatch(value) is not None
