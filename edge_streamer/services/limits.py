"""The limits that an operator may set, by configuration key: which there are, and which values are in effect.

Metrics, API and the services' counters are made from these. A limit is a marked field of a section (`services.marks`);
there is no other list of limits. A fault of the request itself, such as a head or body that is too long, is counted as
a protocol error instead; the limit behind it is only shown.
"""

import resource
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from edge_streamer.runtime.address import PortRange
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.marks import keys_marked
from edge_streamer.services.rtsp.settings import RtspSettings
from edge_streamer.services.status import LimitValue

DESCRIPTORS: Final = "descriptors"
"""The only limit that is not a configuration key: the operating system's (LimitNOFILE)."""

_SECTIONS: Final[Mapping[str, type[Struct]]] = {"rtsp": RtspSettings, "http": HttpSettings}
_SHOWN: Final = keys_marked(_SECTIONS, "limit", "counted", "shown")
COUNTED_LIMITS: Final = (*keys_marked(_SECTIONS, "limit", "counted"), DESCRIPTORS)
"""Every limit for which a client may be refused: a closed set."""


def limits_in_effect(rtsp: RtspSettings, http: HttpSettings) -> Mapping[str, LimitValue]:
    """Return the values of all limits by their keys, as TOML writes them."""
    sections: Mapping[str, Struct] = {"rtsp": rtsp, "http": http}
    written = {key: _value(sections, key) for key in _SHOWN}
    return {**written, DESCRIPTORS: resource.getrlimit(resource.RLIMIT_NOFILE)[0]}


def _value(sections: Mapping[str, Struct], key: str) -> LimitValue:
    section, _, name = key.partition(".")
    value = getattr(sections[section], name)
    return value.to_toml() if isinstance(value, PortRange) else value
