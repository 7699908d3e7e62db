"""Require and Unsupported (RFC 2326 sections 12.32 and 12.40): option tags a client insists on, and our refusal."""

from typing import Final

SUPPORTED_TAGS: Final = frozenset({"www.onvif.org/ver20/backchannel"})
"""go2rtc requires the ONVIF backchannel in each first DESCRIBE and reconnects after an error. An SDP without a
backchannel track says the same and saves that connection."""


def unsupported_tags(value: str | None) -> tuple[str, ...]:
    """Return the tags of a Require value that this server does not know, in their order."""
    tags = (tag.strip(" \t") for tag in (value or "").split(","))
    return tuple(tag for tag in tags if tag and tag.lower() not in SUPPORTED_TAGS)


def encode_unsupported(tags: tuple[str, ...]) -> str:
    """Return the value of the Unsupported field."""
    return ", ".join(tags)
