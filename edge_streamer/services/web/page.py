"""The page at `/`: its files as they lie beside this module, and the one thing that the server writes into it.

Called by `services.http` as one of its finders. What the page shows it asks the API for by itself; here it is only told
the addresses to paste into a recorder, because the server knows where it listens and the browser does not. No file asks
anybody else for anything, and the policy below would let none.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Final, TypeAlias

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http.answers import SECURITY_HEADERS, ok
from edge_streamer.services.http.routes import Resource

StreamUrls: TypeAlias = Callable[[str], Sequence[str]]
"""The `rtsp://` addresses for a client that reached us under this host name, which may be empty."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Lets the page's own files through and nothing else, so that a mistake in escaping could still run no script.

`blob:` is where Media Source Extensions keep a stream; `data:` is the icon.
"""

_FOLDER: Final = Path(__file__).parent
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_REVALIDATED: Final = tuple({**dict(SECURITY_HEADERS), "cache-control": "no-cache"}.items())
"""Browsers may keep a file if they ask each time whether it is still the same."""
_HOST: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
"""A name, an IPv4 address or an IPv6 address in brackets, then a port: all that a Host header of ours can be."""


class PageRoutes:
    """`/` and the files that it loads, which are read once, here."""

    def __init__(self, stream_urls: StreamUrls) -> None:
        """OSError when the page's files were not installed."""
        self._stream_urls = stream_urls
        self._page = Template((_FOLDER / "index.html").read_text())
        self._resources: Final[dict[str, Resource]] = {
            f"/{path.name}": {"GET": partial(_asset, _TYPES[path.suffix], path.read_bytes())}
            for path in _FOLDER.iterdir()
            if path.suffix in _TYPES
        }

    def find(self, path: str) -> Resource | None:
        """Return the page or one of its files; None when there is nothing at `path`."""
        return {"GET": self._index} if path == "/" else self._resources.get(path)

    def _index(self, request: HttpRequest) -> HttpResponse:
        urls = list(dict.fromkeys(self._stream_urls(_host_name(request))))
        page = self._page.substitute(
            urls=escape(json.dumps(urls)), list="".join(f"<li><code>{escape(url)}</code></li>" for url in urls)
        )
        return ok("text/html; charset=utf-8", page.encode(), ("content-security-policy", CONTENT_SECURITY_POLICY))


def _asset(content_type: str, body: bytes, request: HttpRequest) -> HttpResponse:
    """Return the file, or that it is still the same."""
    tag = f'"{sha256(body).hexdigest()[:16]}"'
    headers = (("etag", tag), *_REVALIDATED)
    # RFC 9110 section 13.1.2: a list, and a cache on the way may have marked the tag as weak, which is all the same.
    if tag in request.headers.get("if-none-match", ""):
        return HttpResponse(HTTPStatus.NOT_MODIFIED, headers)
    return HttpResponse(HTTPStatus.OK, (("content-type", content_type), *headers), body)


def _host_name(request: HttpRequest) -> str:
    """Return the Host header without its port; empty when it is no host's name, whatever else it is."""
    host = _HOST.fullmatch(request.headers.get("host", ""))
    return host.group(1) if host else ""
