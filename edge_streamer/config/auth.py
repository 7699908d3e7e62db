"""Reads the `[auth]` table of a configuration file, and the users in the file that it names; errors are one line.

Called by `config.load`. `accounts.settings` defines the section, `accounts.users_file` reads the file of users.
"""

import os
from pathlib import Path

import msgspec

from edge_streamer.accounts.settings import AuthSettings
from edge_streamer.accounts.users import UserError, Users
from edge_streamer.accounts.users_file import default_users_path, read_users, shown_path
from edge_streamer.config.toml import ConfigError, read_struct


def read_auth(table: object, folder: Path) -> AuthSettings:
    """Return the `[auth]` table, its path made absolute; paths are relative to `folder`. ConfigError for a mistake."""
    auth = read_struct(table, AuthSettings, "auth")
    return auth if auth.users is None else msgspec.structs.replace(auth, users=str(folder / auth.users))


def path_of_users(auth: AuthSettings) -> Path:
    """Return the path of the file of users, whether it exists or not."""
    return default_users_path(os.environ) if auth.users is None else Path(auth.users)


def load_users(auth: AuthSettings) -> Users:
    """Return the users in the file, none when there is no file; ConfigError when the file cannot be read.

    A file that is named, or that exists at the default path, must have a user in it: removing the last user must not
    open the service to every client.
    """
    path = path_of_users(auth)
    try:
        users = read_users(path)
    except UserError as error:
        raise ConfigError(f"auth.users: {error}") from None
    if users is None and auth.users is not None:
        raise ConfigError(
            f"auth.users: {shown_path(path)}: no such file; edge-streamer user add NAME --users FILE makes it"
        )
    if users is not None and not users:
        raise ConfigError(
            f"auth.users: {shown_path(path)}: no user in it; add one (edge-streamer user add NAME), or remove it"
        )
    return users or Users()
