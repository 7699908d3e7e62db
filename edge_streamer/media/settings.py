"""The section `[link]`: settings of the network link to viewers, from which `media.budget` computes."""

from typing import Annotated

from msgspec import Meta, Struct


class LinkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[link]`: when a viewer that does not take its media counts as dead."""

    dead_after_s: Annotated[
        float,
        Meta(
            description="A viewer loses nothing across a stall shorter than this, in seconds, and is ended after it.",
            ge=2,
            le=60,
            extra={"restart_only": True},
        ),
    ] = 8.0
