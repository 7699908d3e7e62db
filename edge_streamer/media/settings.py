"""The section `[link]`: settings of the network link to viewers, from which `media.budget` computes."""

from typing import Annotated

from msgspec import Meta, Struct

from edge_streamer.media.key_frames import START_CACHE_BYTES


class LinkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[link]`: when a viewer that does not take its media counts as dead, and what a viewer starts with."""

    dead_after_s: Annotated[
        float,
        Meta(
            description="A viewer loses nothing across a stall shorter than this, in seconds, and is ended after it.",
            ge=2,
            le=60,
            extra={"restart_only": True},
        ),
    ] = 8.0
    start_cache_bytes: Annotated[
        int,
        Meta(
            description="A viewer starts with the frames since the last key frame, if their packets take no more bytes "
            "than this; else it waits for the next key frame. Each stream keeps so much, and as much again for each "
            "transport that its viewers use: UDP, browsers, and each of up to four channel numbers of TCP.",
            ge=256 << 10,
            le=64 << 20,
            extra={"restart_only": True},
        ),
    ] = START_CACHE_BYTES
