"""What an operator may say of logging in: the section `[auth]`. The file of users itself is `accounts.users_file`'s."""

from ipaddress import ip_network
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MAX_NETWORKS: Final = 64


def _read_networks(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_NETWORKS or not all(isinstance(each, str) for each in value):
        raise ValueError("not a list of networks")
    return tuple(str(ip_network(each)) for each in value)


_NETWORKS: Final = {
    "read": _read_networks,
    "allowed": f'a list of up to {MAX_NETWORKS} networks such as "192.0.2.0/24", "192.0.2.7" or "2001:db8::/64"',
}


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
