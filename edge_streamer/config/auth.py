"""The `[auth]` table: who has to log in, how, and where the users are.

The struct is part of the contract that `config` describes; `config` alone calls `read_auth` and `load_users` and hands
the result on. The file of users itself is `users`'s.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_streamer.accounts.users import UserError, Users, default_users_path, read_users, shown_path
from edge_streamer.config.toml import ConfigError, read_struct

MAX_NETWORKS: Final = 64


def _read_networks(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_NETWORKS or not all(isinstance(each, str) for each in value):
        raise ValueError("not a list of networks")
    return tuple(str(ip_network(each)) for each in value)


_NETWORKS: Final = {
    "read": _read_networks,
    "allowed": f'a list of up to {MAX_NETWORKS} networks such as "192.0.2.0/24", "192.0.2.7" or "2001:db8::/64"',
}


class AuthConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[auth]`: who may watch."""

    anonymous: Annotated[
        bool,
        Meta(description="Let everybody who reaches the service watch and read. Users need not log in then."),
    ] = False
    users: (
        Annotated[
            str,
            Meta(
                description="The file of users (`edge-streamer user add`), relative to this file's folder. Left out: "
                "the credential `rtsp-users` of the systemd unit, else `/etc/edge_streamer/users`, if it exists.",
                pattern=r"\A[^\x00]+\Z",
                extra={"allowed": "a path in quotes, not empty"},
            ),
        ]
        | None
    ) = None
    basic: Annotated[
        Literal["never", "always"],
        Meta(description="Whether Basic is taken beside Digest. It sends the password in clear: anybody can read it."),
    ] = "never"
    sha256: Annotated[
        bool,
        Meta(description="Offer Digest with SHA-256 beside MD5. ffmpeg cannot log in to RTSP then, nor what uses it."),
    ] = False
    metrics_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="From where `/metrics` and `/healthz` may be read without logging in.",
            extra=_NETWORKS,
        ),
    ] = ("127.0.0.0/8", "::1/128")


def read_auth(table: object, folder: Path) -> AuthConfig:
    """Return the `[auth]` table, its path made absolute; paths are relative to `folder`. ConfigError for a mistake."""
    auth = read_struct(table, AuthConfig, "auth")
    return auth if auth.users is None else msgspec.structs.replace(auth, users=str(folder / auth.users))


def path_of_users(auth: AuthConfig) -> Path:
    """Return the file of users, whether it exists or not."""
    return default_users_path(os.environ) if auth.users is None else Path(auth.users)


def load_users(auth: AuthConfig) -> Users:
    """Return the users in the file, none when there is no file; ConfigError when they cannot be had.

    Where a file is named or lies in its place there must be a user in it: when the last one is removed, nobody may
    come in, not everybody.
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
