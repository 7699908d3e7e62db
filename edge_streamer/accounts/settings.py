"""The section `[auth]`: which log-ins are accepted and needed. `accounts.users_file` reads the file of users itself."""

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
    """`[auth]`: which clients must log in, and how."""

    anonymous: Annotated[
        bool,
        Meta(description="Let every client that reaches the service watch and read without logging in."),
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
        Meta(description="Whether Basic is accepted beside Digest. Basic shows the password to every eavesdropper."),
    ] = "never"
    sha256: Annotated[
        bool,
        Meta(
            description="Offer Digest with SHA-256 beside MD5. Then ffmpeg, and programs that use it, cannot log in to "
            "RTSP."
        ),
    ] = False
    metrics_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks from which `/metrics` and `/healthz` may be read without logging in.",
            extra=_NETWORKS,
        ),
    ] = ("127.0.0.0/8", "::1/128")
