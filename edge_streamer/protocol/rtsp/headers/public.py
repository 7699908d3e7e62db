"""Public and Allow (RFC 2326 sections 12.28 and 12.4): lists of methods.

Public lists only what really gets a 200. retina pings with SET_PARAMETER as soon as it is listed, ffmpeg with
GET_PARAMETER, and a camera that lists one and refuses it is seen as dead (retina#136).
"""

from collections.abc import Iterable


def encode_methods(methods: Iterable[str]) -> str:
    """Return the value of a Public or Allow field."""
    return ", ".join(methods)
