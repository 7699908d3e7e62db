"""The settings of HTTP: the section `[http]`. `HttpService.apply` applies changed values while the service runs."""

from typing import Annotated

from msgspec import Meta, Struct

from edge_streamer.runtime.address import LISTEN_EXTRA, Listen, ListenAddress


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[http]`: metrics, health and status."""

    listen: Annotated[
        Listen,
        Meta(
            description="Addresses the HTTP server listens on. Beyond loopback only with users or `anonymous = true`.",
            extra={**LISTEN_EXTRA, "restart_only": True},
        ),
    ] = (ListenAddress("127.0.0.1", 8080),)
    max_connections: Annotated[
        int, Meta(description="Open HTTP connections.", ge=1, le=10_000, extra={"limit": "counted"})
    ] = 64
    max_connections_per_address: Annotated[
        int,
        Meta(
            description="Open HTTP connections from one IPv4 address or one IPv6 /64 network.",
            ge=1,
            le=10_000,
            extra={"limit": "counted"},
        ),
    ] = 32
