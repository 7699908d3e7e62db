"""The page at `/`: serves the files beside this module, and writes the RTSP addresses into the page.

Called by `services.http` as one of its finders. The page fetches what it shows from the API; only the addresses to
paste into a recorder are written into it, because the server knows where it listens and the browser does not. No file
loads anything from another server, and the policy below forbids it. All addresses of this server are relative to the
page's, so that a proxy can serve it below a path.
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
"""Returns the `rtsp://` addresses for a client that reached the server under this host name, which may be empty."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Allows the page's own files and nothing else, so that even a mistake in escaping could not run a script.

`blob:` is the scheme under which Media Source Extensions hold a stream; `data:` is for the icon.
"""

_FOLDER: Final = Path(__file__).parent
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_REVALIDATED: Final = tuple({**dict(SECURITY_HEADERS), "cache-control": "no-cache"}.items())
"""Browsers may cache a file if they revalidate it at each use."""
_HOST: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
"""A name, an IPv4 address or an IPv6 address in brackets, then a port: every valid Host header for this server."""


class PageRoutes:
    """`/` and the files that it loads, which the constructor reads once."""

    def __init__(self, stream_urls: StreamUrls) -> None:
        """OSError when the page's files are not installed."""
        self._stream_urls = stream_urls
        self._page = Template((_FOLDER / "index.html").read_text())
        self._resources: Final[dict[str, Resource]] = {
            f"/{path.name}": {"GET": partial(_asset, _TYPES[path.suffix], path.read_bytes())}
            for path in _FOLDER.iterdir()
            if path.suffix in _TYPES
        }

    def find(self, path: str) -> Resource | None:
        """Return the page or one of its files; None when neither is at `path`."""
        return {"GET": self._index} if path == "/" else self._resources.get(path)

    def _index(self, request: HttpRequest) -> HttpResponse:
        urls = list(dict.fromkeys(self._stream_urls(_host_name(request))))
        page = self._page.substitute(
            urls=escape(json.dumps(urls)), list="".join(f"<li><code>{escape(url)}</code></li>" for url in urls)
        )
        return ok("text/html; charset=utf-8", page.encode(), ("content-security-policy", CONTENT_SECURITY_POLICY))


def _asset(content_type: str, body: bytes, request: HttpRequest) -> HttpResponse:
    """Return the file, or 304 when the browser has it already."""
    tag = f'"{sha256(body).hexdigest()[:16]}"'
    headers = (("etag", tag), *_REVALIDATED)
    # RFC 9110 section 13.1.2: the field is a list; a proxy may have marked the tag as weak, which makes no difference.
    if tag in request.headers.get("if-none-match", ""):
        return HttpResponse(HTTPStatus.NOT_MODIFIED, headers)
    return HttpResponse(HTTPStatus.OK, (("content-type", content_type), *headers), body)


def _host_name(request: HttpRequest) -> str:
    """Return the Host header without its port; empty when it is not a valid host name."""
    host = _HOST.fullmatch(request.headers.get("host", ""))
    return host.group(1) if host else ""
