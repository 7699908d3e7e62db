"""Public and Allow (RFC 2326 sections 12.28 and 12.4): lists of methods.

Public lists only methods that are answered 200. retina sends SET_PARAMETER as a keep-alive as soon as it is listed,
ffmpeg GET_PARAMETER, and a camera that lists a method and refuses it counts as dead (retina#136).
"""

from collections.abc import Iterable


def encode_methods(methods: Iterable[str]) -> str:
    """Return the value of a Public or Allow field."""
    return ", ".join(methods)
