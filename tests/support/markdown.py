"""Markdown as far as tests read it: its headings, as anchors, and its links; what is code is neither."""

import re
from collections import Counter

_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def links(text: str) -> list[str]:
    """The targets of all links and pictures, in their order."""
    return _LINK.findall(_CODE.sub("", _FENCE.sub("", text)))


def anchors(text: str) -> list[str]:
    """What GitHub and its like make of the headings: a second one of the same words gets a number."""
    seen: Counter[str] = Counter()
    found = []
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        anchor = _anchor(heading)
        found.append(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def code_spans(text: str) -> list[str]:
    """What stands between single backticks in the running text."""
    return [span.strip("`") for span in _CODE.findall(_FENCE.sub("", text))]


def _anchor(heading: str) -> str:
    """Lower case, spaces to hyphens, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
